// Makes docs/errors.md of all errors that the sources define (every file named errors.ts), of the
// close codes and of the exit statuses. `npm run generate` writes it; a test holds it fresh.
//
//   tsx scripts/write-errors-page.ts
import { readFileSync } from "node:fs";
import { Code } from "@connectrpc/connect";
import { codeToHttpStatus, codeToString } from "@connectrpc/connect/protocol-connect";
import { exitStatus } from "../src/cli/exit.js";
import { finalCodes } from "../src/client/final-error.js";
import { closeCodes } from "../src/protocol/close-codes.js";

/** What the page has of one error; how it is seen depends on how it was defined. */
export interface DefinedError {
  readonly text: string;
  /** When it occurs. */
  readonly cause: string;
  /** What to do about it. */
  readonly remedy: string;
  readonly code?: Code;
  readonly status?: number;
  readonly closeCode?: number;
  readonly exitStatus?: number;
  readonly type?: { readonly name: string };
}

interface Section {
  readonly title: string;
  /** The files with its errors, under src, without `errors.ts`. */
  readonly folders: readonly string[];
}

/** Every file named errors.ts belongs to one. */
export const sections: readonly Section[] = [
  { title: "All calls", folders: ["server/service/call"] },
  { title: "Tokens, logins and their files", folders: ["server/auth"] },
  { title: "Limits", folders: ["server/limits"] },
  { title: "Methods", folders: ["server/service"] },
  { title: "The log", folders: ["server/log"] },
  { title: "HTTP and TLS", folders: ["server/http"] },
  { title: "WebSockets", folders: ["server/websocket", "protocol"] },
  { title: "The client library", folders: ["client"] },
  { title: "The client library's tunnel", folders: ["client/tunnel"] },
  { title: "Settings", folders: ["server/settings"] },
  { title: "Commands", folders: ["cli", "client/cli", "server/cli"] },
  {
    title: "Files of accounts and keys",
    folders: ["server/auth/keys", "server/auth/users", "server/auth/revocations", "server/util"],
  },
  { title: "Options of a program that mounts Chatter", folders: ["server/net"] },
  { title: "Traces", folders: ["server/tracing"] },
  { title: "The folder of the log", folders: ["server/log/file"] },
  { title: "Upgrade of a log", folders: ["server/log/leveldb"] },
  { title: "NATS", folders: ["server/log/nats"] },
  { title: "Export and import", folders: ["server/log/transfer"] },
];

const codeMeanings: readonly (readonly [code: Code, meaning: string])[] = [
  [Code.Canceled, "The client cancelled the call, or left."],
  [Code.Unknown, "A fault of an unknown kind; report it."],
  [Code.InvalidArgument, "The request is wrong. The text says what is right."],
  [Code.DeadlineExceeded, "The call took longer than its client allowed."],
  [Code.NotFound, "What the request names does not exist."],
  [Code.AlreadyExists, "The `message_id` was used for another text, or in another room."],
  [Code.PermissionDenied, "The token is valid, but does not allow this."],
  [Code.ResourceExhausted, "A limit is reached. `RetryInfo` says when to try again."],
  [Code.FailedPrecondition, "Something must be put right first."],
  [Code.OutOfRange, "The cursor is not one of this log, or what follows it was removed."],
  [Code.Unimplemented, "The server does not have this method, or not in this form."],
  [Code.Internal, "A fault in the server; report it with the call's `x-request-id`."],
  [Code.Unavailable, "The server cannot answer now. Try again."],
  [Code.DataLoss, "Stored messages are damaged or missing."],
  [Code.Unauthenticated, "The token is missing or invalid. Log in again."],
];

const closeMeanings: Readonly<Record<Exclude<keyof typeof closeCodes, "canceled">, string>> = {
  done: "The call has ended. Its outcome is in the last message of the tunnel.",
  shutdown: "The server is stopping. Connect again.",
  brokenOrder: "A message is wrong, or came in the wrong order.",
  wrongKind: "A text message where binary is due, or the other way round.",
  cut: "The connection broke: no close frame came. Connect again.",
  badText: "A text is not valid UTF-8.",
  openingLate: "The opening message did not come in time.",
  tooBig: "A message is too large.",
  failed: "A fault in the server.",
  connect: "4000 and the number of a code: the call ended with this code; the reason is its text.",
};

const exitMeanings: Readonly<Record<keyof typeof exitStatus, string>> = {
  success: "The command did what it was asked to do.",
  failure: "It failed. One line on standard error says why, a call's code first.",
  usage: "An option, an argument or a setting is wrong. Nothing was done.",
  interrupted: "Ctrl+C ended it.",
};

/** The comment before a definition, and the name of what it defines. */
const definition = /^\/\*\*\n((?: \*.*\n)+?) \*\/\nexport const (\w+) = define\w+\(/gm;

/** The errors of a section, in the order of its files. */
export async function errorsOf({ folders }: Section): Promise<DefinedError[]> {
  const found: DefinedError[] = [];
  for (const folder of folders) {
    const file = new URL(`../src/${folder}/errors.ts`, import.meta.url);
    const module: Record<string, Omit<DefinedError, "cause" | "remedy">> = await import(file.href);
    for (const [, comment, name] of readFileSync(file, "utf8").matchAll(definition)) {
      const [cause = "", remedy = ""] = comment!.replace(/^ \* ?/gm, "").split("\n\nRemedy: ");
      found.push({ ...module[name!]!, cause: oneLine(cause), remedy: oneLine(remedy) });
    }
  }
  return found;
}

function oneLine(text: string): string {
  return text.trim().replaceAll("\n", " ");
}

/** The text of docs/errors.md. */
export async function errorsPage(): Promise<string> {
  const parts = [introduction()];
  for (const section of sections) {
    const rows = (await errorsOf(section)).map((error) => [
      kindOf(error),
      `\`${error.text}\``,
      error.cause,
      error.remedy,
    ]);
    parts.push(`## ${section.title}\n\n${table(["kind", "text", "cause", "remedy"], rows)}`);
  }
  return `${parts.join("\n\n")}\n`;
}

/** How an error is seen: its code, a status or its class; a failure of a command has none. */
function kindOf({ code, status, closeCode, exitStatus, type }: DefinedError): string {
  if (code !== undefined) {
    return codeToString(code);
  }
  if (status !== undefined) {
    return `HTTP ${status}`;
  }
  if (closeCode !== undefined) {
    return `close ${closeCode}`;
  }
  if (exitStatus !== undefined) {
    return `exit ${exitStatus}`;
  }
  return type === undefined || type === Error ? "" : type.name;
}

function introduction(): string {
  const codes = codeMeanings.map(([code, meaning]) => [
    codeToString(code),
    String(code),
    String(codeToHttpStatus(code)),
    String(closeCodes.connect + code),
    finalCodes.has(code) ? "gives up" : "tries again",
    meaning,
  ]);
  const closings = Object.entries(closeMeanings).map(([name, meaning]) => [
    name === "connect" ? "4001 to 4016" : String(closeCodes[name as keyof typeof closeCodes]),
    meaning,
  ]);
  const statuses = Object.entries(exitMeanings).map(([name, meaning]) => [
    String(exitStatus[name as keyof typeof exitStatus]),
    meaning,
  ]);
  return `# Errors

<!-- Made by \`npm run generate\` from the files named errors.ts in src. Edit those. -->

Every error says what was wrong and what is right. Programs should look at the code, people at the
text: codes do not change between versions, texts may. In a text, \`<name>\` stands for a value. An error of the
kind \`exit 2\` is wrong usage: the command, or the server, does not start.
[troubleshooting.md](troubleshooting.md) begins with symptoms.

## Codes

A call ends with one code on every wire. \`HTTP\` is the status of a unary call over Connect; streams
and gRPC have status 200 and the code in their last message or trailers. \`close\` is the close code of
a WebSocket in goa's dialect, and of a tunnel that ends before its response does. The client library's
subscriptions and publishers give up on some codes, when they are certain that Chatter itself sent them,
and try again after all others: see [what is final](clients.md#what-is-final). If one post alone is
refused (\`invalid_argument\`, \`already_exists\`), it fails, and the publisher continues with the others.

${table(["code", "gRPC", "HTTP", "close", "client library", "meaning"], codes)}

## Close codes of WebSockets

${table(["close code", "meaning"], closings)}

## Exit status of commands

${table(["status", "meaning"], statuses)}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
