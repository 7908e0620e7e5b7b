import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { FaultyLog } from "../support/faulty-log.js";
import { progressOf } from "../support/outcome.js";
import { connectHttp2, envelope, post } from "../support/raw-http2.js";
import { errorOf, Outbox, until } from "../support/streams.js";
import { clientOf, deadlineHeader, mainWires, type Wire } from "../support/wires.js";

type Post = { message: string; messageId?: string };
type Server = Awaited<ReturnType<typeof startChatter>>;

const methods = ["listener", "summary", "echoer"] as const;
const table = mainWires.flatMap((wire) =>
  methods
    .filter((method) => method !== "summary" || wire.protocol === "grpc")
    .filter((method) => wire.http === "2" || method !== "echoer")
    .map((method) => ({ name: `${method} over ${wire.name}`, method, wire })),
);

/** A call that stays open, and the error that it ends with. */
function open(
  server: Server,
  wire: Wire,
  method: (typeof methods)[number],
  options = {},
  token = server.token,
) {
  const outbox = new Outbox<Post>();
  return { outbox, error: errorOf(clientOf(server, wire, token)[method](outbox, options)) };
}

describe.each(table)("$name ends with its progress", ({ method, wire }) => {
  test("at a deadline, a fault of the log, and an id that is taken", async () => {
    const log = new FaultyLog();
    const server = await startChatter({ log });

    const timed = open(server, wire, method, { headers: deadlineHeader(wire, 200) });
    timed.outbox.send({ message: "1" }, { message: "2" });
    const deadline = await timed.error;
    expect(Code[deadline.code]).toBe("DeadlineExceeded");
    expect(progressOf(deadline)).toMatchObject({ stored: 2n, lastSequence: 2n });

    const taken = open(server, wire, method);
    taken.outbox.send({ message: "3", messageId: "a" }, { message: "4", messageId: "b" });
    taken.outbox.send({ message: "3", messageId: "a" }, { message: "5", messageId: "b" });
    const exists = await taken.error;
    expect([Code[exists.code], exists.rawMessage]).toEqual([
      "AlreadyExists",
      'message_id "b" was used for another text or room: give each message an id of its own',
    ]);
    // The repeat is in the log, at the place of the first one.
    expect(progressOf(exists)).toMatchObject({ stored: 3n, lastSequence: 3n });

    const faulty = open(server, wire, method);
    faulty.outbox.send({ message: "6" });
    await until(() => log.head === 5, "the first is stored");
    log.writeFault = new ConnectError("the disk is full", Code.Unavailable);
    faulty.outbox.send({ message: "7" });
    const fault = await faulty.error;
    expect([Code[fault.code], fault.rawMessage]).toEqual(["Unavailable", "the disk is full"]);
    expect(progressOf(fault)).toMatchObject({ stored: 1n, lastSequence: 5n });
    expect(progressOf(await refused(server, wire, method))).toMatchObject({
      stored: 0n,
      lastSequence: 0n,
    });
  });
});

function refused(server: Server, wire: Wire, method: (typeof methods)[number]) {
  const { outbox, error } = open(server, wire, method);
  outbox.send({ message: "8" });
  return error;
}

test.each(methods)(
  "%s ends within a second of its token's expiry, with its progress",
  async (method) => {
    const server = await startChatter();
    const { token, expiresAt } = await server.tokens.issue({
      subject: "goa",
      scopes: ["stream:write"],
      lifetimeSeconds: 2, // The time of its end is in whole seconds.
    });
    const { outbox, error } = open(server, mainWires[1]!, method, {}, token);
    outbox.send({ message: "1" });
    const ended = await error;
    expect([Code[ended.code], ended.rawMessage]).toEqual([
      "Unauthenticated",
      "the token has expired: log in again",
    ]);
    expect(Date.now() - expiresAt).toBeLessThan(1000);
    expect(progressOf(ended)).toMatchObject({ stored: 1n, lastSequence: 1n });
  },
);

test("a client that leaves has all stored that had come", async () => {
  const lines: Record<string, unknown>[] = [];
  const logger = {
    info: (fields: object) => void lines.push({ ...fields }),
    error: (fields: object) => void lines.push({ ...fields }),
  };
  const server = await startChatter({ logger });
  const session = await connectHttp2(server.url);
  const stream = post(session, "/chatter.v1.ChatterService/Listener", {
    "content-type": "application/grpc",
    ...server.headers,
  });
  stream.write(Buffer.concat([envelope("\n\u0001a"), envelope("\n\u0001b")]));
  await until(() => server.log.head === 2, "both are stored");
  session.destroy();
  await until(() => lines.length === 1, "the call has its line");
  expect(lines[0]).toMatchObject({
    method: "chatter.v1.ChatterService/Listener",
    user: "goa",
    code: "canceled",
  });
});

test.each(methods)(
  "%s ends at a deadline with its progress though the log is slow",
  async (method) => {
    const wire = mainWires[2]!;
    const log = new FaultyLog();
    const server = await startChatter({ log });
    const slow = open(server, wire, method, { headers: deadlineHeader(wire, 200) });
    slow.outbox.send({ message: "1" });
    await until(() => log.head === 1, "the first is stored");
    let release = () => {};
    log.beforeAppend = () =>
      new Promise<void>((resolve) => {
        release = resolve;
      });
    slow.outbox.send({ message: "2" });
    const error = await slow.error;
    expect(Code[error.code]).toBe("DeadlineExceeded");
    expect(progressOf(error)).toMatchObject({ stored: 1n, lastSequence: 1n });
    release();
    await until(() => server.chatter.openCalls === 0, "the call has ended");
  },
);
