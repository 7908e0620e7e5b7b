import { type Command, InvalidArgumentError, Option } from "commander";
import type { TransportName } from "../chatter-client.js";
import { UsageError } from "./exit.js";
import type { OutputForm } from "./output.js";

/** What every command that calls a server takes. */
export interface ServerOptions {
  /** Without a slash at the end. */
  readonly url: string;
  readonly protocol: TransportName;
}

/** What every command that needs a token takes. */
export interface CallOptions extends ServerOptions {
  /** Undefined or empty: the one that `chatter login --save` kept. */
  readonly token?: string;
}

/** What every command that prints results takes. */
export interface OutputOptions {
  /** Undefined: "pretty" on a terminal, else "jsonl". */
  readonly output?: OutputForm;
}

const protocols: readonly TransportName[] = ["connect", "grpc", "grpc-web", "ws"];
const outputForms: readonly OutputForm[] = ["pretty", "jsonl"];

/** Adds --url and --protocol. */
export function addServerOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--url <url>", "the server")
        .env("CHATTER_URL")
        .default("http://localhost:8080")
        .argParser(parseUrl),
    )
    .addOption(
      new Option("--protocol <name>", "how to speak to it: over HTTP/2, or through WebSockets (ws)")
        .env("CHATTER_PROTOCOL")
        .default("connect")
        .choices(protocols),
    );
}

/** Adds --url, --protocol and --token. */
export function addCallOptions(command: Command): Command {
  return addServerOptions(command).addOption(
    new Option(
      "--token <token>",
      "the token; process lists show it, the variable does not (default: the one kept by chatter login --save)",
    )
      .env("CHATTER_TOKEN")
      .argParser(parseToken),
  );
}

/** Adds --output. */
export function addOutputOption(command: Command): Command {
  return command.addOption(
    new Option(
      "--output <form>",
      'JSON indented ("pretty") or one object a line ("jsonl") (default: pretty on a terminal, else jsonl)',
    )
      .env("CHATTER_OUTPUT")
      .choices(outputForms),
  );
}

/** --after, for commands that read. */
export function createAfterOption(): Option {
  return new Option("--after <cursor>", "start after this cursor of an earlier answer");
}

/** --no-resume, for commands that follow the log. */
export function createNoResumeOption(): Option {
  return new Option("--no-resume", "end when the connection does, with exit status 1");
}

/** Reads a whole number from `least` to `most`. */
export function parseCount(least: number, most?: number): (text: string) => number {
  const right = most === undefined ? `of ${least} or more` : `from ${least} to ${most}`;
  return (text) => {
    const count = Number(text);
    const fits = count >= least && count <= (most ?? Number.MAX_SAFE_INTEGER);
    if (!/^\d+$/.test(text) || !fits) {
      throw new InvalidArgumentError(`It is a whole number ${right}.`);
    }
    return count;
  };
}

function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search + url.hash !== "") {
    throw new InvalidArgumentError("It is like http://localhost:8080 or https://chat.example.com.");
  }
  if (url.username + url.password !== "") {
    throw new UsageError("--url has no user and no password: chatter login takes these");
  }
  return url.href.replace(/\/$/, "");
}

function parseToken(text: string): string {
  const token = text.trim();
  if (!/^[\x21-\x7e]*$/.test(token)) {
    throw new UsageError("the token is none: it has no spaces and ASCII alone");
  }
  return token;
}
