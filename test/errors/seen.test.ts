import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { describe, expect, onTestFinished, test } from "vitest";
import { createChatterClient } from "../../src/client/node.js";
import type { ChatterService, View } from "../../src/gen/chatter_pb.js";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import { createWebSocketBridge } from "../../src/server/websocket/bridge.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { runHere } from "../support/cli-here.js";
import { collect, errorOf } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { text } from "../support/websocket-raw.js";
import { clientOf, mainWires, tunnelClientOf } from "../support/wires.js";
import { openFrames } from "../websocket/goa/client.js";

/* What servers, the client library and commands say is what docs/errors.md lists. */

const page = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");

/** Fails unless a row of the page has this text and this kind, and the message matches it. */
function expectListed(kind: string, said: string, listed: string): void {
  expect(page).toContain(`| ${kind} | \`${listed.replaceAll("|", "\\|")}\` |`);
  const parts = listed.split(/<\w+>/).map((part) => part.replace(/[^\w ]/g, "\\$&"));
  expect(said).toMatch(new RegExp(`^${parts.join(".+")}$`));
}

type Caller = Client<typeof ChatterService>;

const calls: readonly (readonly [listed: string, call: (client: Caller) => unknown])[] = [
  [
    '"<field>" is not a cursor: send the cursor of an earlier answer, 16 characters, unchanged',
    (client) => collect(client.history({ after: "none" })),
  ],
  ['"<field>" is a cursor of another log', (client) => collect(client.subscribe({ after: other }))],
  [
    '"after" and "last" exclude each other: give one',
    (client) => collect(client.history({ after: other, last: 1n })),
  ],
  [
    "view <view> does not exist: use VIEW_DEFAULT (1) or VIEW_TINY (2)",
    (client) => collect(client.history({ view: 9 as View })),
  ],
  [
    "bookmark_seconds is <seconds>: it must be 0 to <most>",
    (client) => collect(client.subscribe({ bookmarkSeconds: 1e6 })),
  ],
  ["room <room> is not valid: <rule>", (client) => collect(client.history({ rooms: ["a b"] }))],
  [
    "message is empty: it must have <least> to <most> bytes of UTF-8",
    (client) => client.post({ message: "" }),
  ],
  [
    "message has <bytes> bytes: it must have <least> to <most> bytes of UTF-8",
    (client) => client.post({ message: "a".repeat(65_537) }),
  ],
  [
    "message_id has <bytes> bytes: it must have at most <most> bytes of UTF-8",
    (client) => client.post({ message: "a", messageId: "i".repeat(129) }),
  ],
  [
    '<field> is empty: give both user and password, or neither and "Authorization: Basic"',
    (client) => client.login({ user: "goa" }),
  ],
  [
    "invalid username and password combination",
    (client) => client.login({ user: "goa", password: "rolls" }),
  ],
  ["limit is <limit>: it must be 0 to <most>", (client) => client.read({ limit: 1e6 })],
  [
    "wait_seconds is <seconds>: it must be 0 to <most>",
    (client) => client.read({ waitSeconds: 1e6 }),
  ],
];

const other = "AAAAAAAAAAAAAAAA";

const ways: readonly (readonly [name: string, open: (server: TestServer) => Caller])[] = [
  ...mainWires.map((wire) => [wire.name, (server: TestServer) => clientOf(server, wire)] as const),
  ["the tunnel", tunnelClientOf],
];

describe.each(ways)("over %s", (_, open) => {
  test.each(calls)("%s", async (listed, call) => {
    const error = await errorOf(call(open(await startChatter())) as Promise<unknown>);
    expectListed(codeToString(error.code), error.rawMessage, listed);
  });

  test("invalid token, and invalid scopes in token", async () => {
    const server = await startChatter();
    const invalid = await errorOf(collect(open({ ...server, token: "a.b.c" }).history({})));
    expectListed("unauthenticated", invalid.rawMessage, "invalid token");
    const { token } = await server.tokens.issue({ subject: "r", scopes: ["stream:read"] });
    const denied = await errorOf(open({ ...server, token }).post({ message: "a" }));
    expectListed("permission_denied", denied.rawMessage, "invalid scopes in token");
  });

  test("a message id that was used, and a cursor whose messages were removed", async () => {
    const log = createMemoryLog({ retention: { maxMessages: 1 } });
    const client = open(await startChatter({ log }));
    const { cursor } = await client.post({ message: "one", messageId: "id" });
    const used = await errorOf(client.post({ message: "two", messageId: "id" }));
    const listed =
      "message_id <id> was used for another text or room: give each message an id of its own";
    expectListed("already_exists", used.rawMessage, listed);
    await client.post({ message: "two" });
    await client.post({ message: "three" });
    const removed = await errorOf(collect(client.history({ after: cursor })));
    expectListed(
      "out_of_range",
      removed.rawMessage,
      'what follows "<field>" was removed by retention: the oldest message kept is <first>',
    );
  });
});

test.each([
  ["GET", "/nothing", 404, "there is nothing at <path>"],
  ["GET", "/listener", 426, "this is a WebSocket: connect with ws:// or wss://"],
  ["DELETE", "/livez", 405, "<method> is not allowed here: use <allowed>"],
  [
    "POST",
    "/chatter.v1.ChatterService/History",
    415,
    "<method> does not accept this content type: use <types>, application/grpc or application/grpc-web",
  ],
])("HTTP: %s %s is answered by %i", async (method, path, status, listed) => {
  const { url } = await startChatter();
  const body = method === "POST" ? "a" : undefined;
  const response = await fetch(`${url}${path}`, { method, body });
  expect(response.status).toBe(status);
  expectListed(`HTTP ${status}`, (await response.text()).trimEnd(), listed);
});

test.each([
  ["a", 4003, "the message is not JSON: send JSON strings, then null"],
  ["1", 4003, "the message is <kind>: send JSON strings, then null"],
])("WebSocket: %s closes goa's dialect with %i", async (sent, code, listed) => {
  const raw = openFrames(await startChatter(), "/echoer").write(text(sent));
  await raw.closed();
  expect(raw.closeCode).toBe(code);
  expectListed("invalid_argument", raw.closeReason, listed);
});

test("the client library: options, a text, and a publisher that is closed", async () => {
  const { url, token } = await startChatter();
  expect(() => createChatterClient({ url: "chatter.example" } as never)).toThrow(TypeError);
  const client = createChatterClient({ url, auth: { token } });
  onTestFinished(() => client.close());
  expect(() => client.history({ last: -1 })).toThrow(RangeError);
  const publisher = client.publisher();
  const listed = "the text <fault>: it must have 1 to 65,536 bytes of UTF-8";
  const empty = await errorOf(publisher.post(""));
  expectListed("invalid_argument", empty.rawMessage, listed);
  const another = client.publisher();
  await another.close();
  const closed = await errorOf(another.post("a"));
  expectListed("failed_precondition", closed.rawMessage, "the publisher is closed");
});

const nowhere = "http://127.0.0.1:1";

test.each<[args: string[], kind: string, listed: string]>([
  [
    ["history", "--url", nowhere, "--token", "t"],
    "unavailable",
    "cannot connect to <url> (<reason>)",
  ],
  [["log", "import", "nofile"], "", "cannot read <path>: <reason>"],
  [["log", "import", "."], "", "cannot read <path>: <reason>"],
  [["log", "verify", "--data-dir", "nofolder"], "failed_precondition", "there is no log in <dir>"],
  [
    ["user", "list", "--users-file", "nofile"],
    "not_found",
    '<file> does not exist: make it with "chatter user add NAME"',
  ],
])("commands: chatter %j", async (args, kind, listed) => {
  const { status, stderr } = await runHere(args);
  expect(status).toBe(1);
  const [, said = ""] = /^chatter: (.*)\n$/.exec(stderr) ?? [];
  expectListed(kind, kind === "" ? said : said.replace(`${kind}: `, ""), listed);
});

test.each<[args: string[], listed: string, help: string]>([
  [
    ["serve"],
    'no accounts: give --users-file (made with "chatter user add NAME"), or --issuer and --jwks-url of the service that has the users, or --demo to try it out',
    "chatter serve --help",
  ],
  [
    ["serve", "--demo", "--port", "http"],
    "<flag> (<variable>) is <value>: it must be <right>",
    "chatter serve --help",
  ],
  [
    ["log", "verify", "--log", "memory"],
    "a log in memory cannot be checked: give another --log",
    "chatter log verify --help",
  ],
  [["key", "remove"], "give either the id of a key or --retired", "chatter key remove --help"],
  [
    ["history", "--url", "http://user:password@127.0.0.1:1"],
    "--url must not have a user or a password: chatter login takes these",
    "chatter --help",
  ],
])("wrong usage: chatter %j", async (args, listed, help) => {
  const { status, stderr } = await runHere(args);
  expect(status).toBe(2);
  const [, said = "", hint] = /^chatter: (.*)\nTry: (.*)\n$/.exec(stderr) ?? [];
  expectListed("exit 2", said, listed);
  expect(hint).toBe(help);
});

test("an option with an invalid value", async () => {
  const { status, stderr } = await runHere(["history", "--last", "x"]);
  expect(status).toBe(2);
  const [, said = ""] = /^chatter: .* argument 'x' is invalid\. (.*)\.\n/.exec(stderr) ?? [];
  expectListed("exit 2", said, "It must be a whole number <range>");
});

test.each([
  [
    { origins: ["x"] },
    '"<origin>" is not a valid origin: write it as in "https://app.example:8443"',
  ],
  [{ endpoints: { "/x": {} } }, "there are settings for <path>, but no such endpoint"],
])("a program that mounts a bridge with %j", async (options, listed) => {
  const make = async () => createWebSocketBridge({ handlers: [], ...options });
  const error = await make().catch((thrown: unknown) => thrown as Error);
  expect(error).toBeInstanceOf(TypeError);
  expectListed("TypeError", (error as Error).message, listed);
});

describe("a path that cannot be used is named, with what is wrong", () => {
  test.each([
    [["log", "import", "nofile"], 'cannot read "nofile": no such file or folder'],
    [["log", "import", "/tmp"], 'cannot read "/tmp": it is a folder'],
    [
      ["log", "import", "/dev/null/x"],
      'cannot read "/dev/null/x": part of the path is not a folder',
    ],
  ])("chatter %j", async (args, said) => {
    expect(await runHere(args)).toMatchObject({ status: 1, stderr: `chatter: ${said}\n` });
  });

  test.each([
    ["/nodir/x", "no such file or folder"],
    ["/tmp", "it is a folder"],
  ])("chatter log export %s", async (path, reason) => {
    const server = await startChatter();
    const env = { CHATTER_URL: server.url, CHATTER_TOKEN: server.token };
    const stderr = `chatter: cannot write ${JSON.stringify(path)}: ${reason}\n`;
    expect(await runHere(["log", "export", path], { env })).toMatchObject({ status: 1, stderr });
  });

  test("chatter log verify of a file", async () => {
    const dir = join(tempDir(), "x");
    const { status, stderr } = await runHere(["log", "verify", "--data-dir", dir]);
    expect([status, stderr]).toEqual([
      1,
      `chatter: failed_precondition: there is no log in ${dir}\n`,
    ]);
  });
});
