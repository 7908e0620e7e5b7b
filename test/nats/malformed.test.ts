import { headers } from "@nats-io/transport-node";
import { describe, expect, test } from "vitest";
import { encodePayload } from "../../src/server/encoding/stream-payload.js";
import { createMetrics } from "../../src/server/metrics/metrics.js";
import { RoomSelection } from "../../src/server/rooms/room-selection.js";
import { failLog, runLog } from "../support/log-copies.js";
import { decode, post } from "../support/log-messages.js";
import { hasNats, startNats } from "../support/nats-server.js";
import { manage } from "./support/manager.js";
import { openLog } from "./support/open-log.js";

const hello = Buffer.from("hello");
const bytes = (...parts: (number[] | Buffer)[]) =>
  Buffer.concat(parts.map((part) => Buffer.from(part)));
const ofHello = bytes([0x0a, 5], hello, [0x10, 5]);

/**
 * Foreign messages that anybody who may publish to the subject can post, and how they are reported.
 */
const malformed: readonly [what: string, payload: Buffer, fault: string][] = [
  ["nothing", Buffer.alloc(0), "form"],
  ["another text", Buffer.from("no message of Chatter"), "form"],
  ["bad UTF-8", bytes([0x0a, 2, 0xc3, 0x28, 0x10, 2]), "not UTF-8"],
  ["long bad UTF-8", bytes([0x0a, 0xac, 2], Buffer.alloc(300, 0xff), [0x10, 0xac, 2]), "not UTF-8"],
  ["half a surrogate pair", bytes([0x0a, 3, 0xed, 0xa0, 0x80, 0x10, 3]), "not UTF-8"],
  ["a sender that is not UTF-8", bytes(ofHello, [0x2a, 1, 0xff]), "sender is not UTF-8"],
  ["a time that is cut", bytes(ofHello, [0x1a, 1, 0x08]), "time"],
  ["a time of other fields", bytes(ofHello, [0x1a, 2, 0x18, 1]), "time"],
  [
    "a time after the year 9999",
    bytes(ofHello, [0x1a, 7, 0x08, ...[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]]),
    "time",
  ],
  [
    "a second of two billion nanoseconds",
    bytes(ofHello, [0x1a, 6, 0x10, ...[0x80, 0xa8, 0xd6, 0xb9, 0x07]]),
    "time",
  ],
  ["a field that is not known", bytes(ofHello, [0x42, 1, 0x61]), "form"],
  ["a room that has another subject", bytes(ofHello, [0x3a, 1, 0x61]), "subject of another room"],
  ["a length that is not the text's", bytes([0x0a, 5], hello, [0x10, 4]), "form"],
  ["more than a reader asks for", Buffer.alloc(900_000, 0x61), "form"],
];

describe.skipIf(!hasNats)("messages on the log's subject that are not Chatter's", () => {
  async function startWith(count: number) {
    const nats = await startNats();
    const lines: string[] = [];
    const logger = {
      info: () => {},
      warn: () => {},
      error: (fields: object) => lines.push(JSON.stringify(fields)),
    };
    const metrics = createMetrics();
    const log = await openLog(nats.address, { logger, observer: metrics.log });
    const manager = await manage(nats.address);
    const subject = (await manager.streams.info("chatter")).config.subjects[0]!;
    await log.append([post("before")]);
    for (let i = 0; i < count; i++) {
      for (const [, payload] of malformed) {
        await manager.jetstream().publish(subject, payload);
      }
    }
    await log.append([post("after")]);
    return { nats, log, lines, metrics, manager, subject };
  }

  const read = async (log: Awaited<ReturnType<typeof openLog>>) => {
    const all: [string, bigint][] = [];
    for (let batch = await log.read(0); batch; batch = await log.read(batch.last)) {
      all.push(
        ...decode(batch).map(({ message, sequence }): [string, bigint] => [message, sequence]),
      );
    }
    return all;
  };

  test("stop no reader; each is counted, logged once by its sequence, and found by log verify", async () => {
    const { nats, log, lines, metrics } = await startWith(1);
    const last = BigInt(malformed.length + 2);
    for (const reader of [log, await openLog(nats.address)]) {
      expect(await read(reader)).toEqual([
        ["before", 1n],
        ["after", last],
      ]);
    }
    for (const [i, [what, , fault]] of malformed.entries()) {
      const logged = lines.filter((line) => line.includes(`"${i + 2}: `));
      expect(logged, what).toHaveLength(1);
      expect(logged[0], what).toContain(fault);
    }
    expect(await metrics.registry.metrics()).toContain(
      `chatter_log_malformed_messages_total ${malformed.length}`,
    );
    const said = await failLog(["verify", "--log", `nats://${nats.address}`]);
    expect(said).toContain(
      `damaged or missing in the stream "chatter": ${malformed.length} messages that are not Chatter's`,
    );
  });

  test("are those of a room on the subject of another one, and of what is no room", async () => {
    const { nats, log, lines, manager, subject } = await startWith(0);
    const publish = (below: string, room: string) =>
      manager
        .jetstream()
        .publish(`${subject}${below}`, encodePayload({ text: "bad", sender: "ann", room }));
    await publish("", "a");
    await publish(".a", "");
    await publish(".a", "b");
    await publish(".a/b", "a/b");
    await publish(".main", "main");
    await publish(".main", "");
    await publish(".a.b", "a/b");
    const logged = lines.join();
    for (const reader of [log, await openLog(nats.address)]) {
      expect(await read(reader)).toEqual([
        ["before", 1n],
        ["after", 2n],
        ["bad", 9n],
      ]);
      const rooms = await reader.rooms({
        ...{ rooms: RoomSelection.all, prefix: "", after: "", limit: 9 },
      });
      expect(rooms.map(({ room }) => room)).toEqual(["a", "a/b", ""]);
    }
    expect(logged).toContain("3: it was posted to the subject of another room");
    expect(logged).toContain("7: its room is not a valid name");
    const said = await failLog(["verify", "--log", `nats://${nats.address}`]);
    expect(said).toContain("6 messages that are not Chatter's");
  });

  test("stop no reader either if they are very many, one after the other", {
    timeout: 60_000,
  }, async () => {
    const { nats, manager, subject, log } = await startWith(0);
    const bad = bytes([0x0a, 1, 0xff, 0x10, 1]);
    for (let i = 0; i < 10; i++) {
      await Promise.all(
        Array.from({ length: 1000 }, () => manager.jetstream().publish(subject, bad)),
      );
    }
    await log.append([post("end")]);
    for (const reader of [log, await openLog(nats.address)]) {
      expect(await read(reader)).toEqual([
        ["before", 1n],
        ["after", 2n],
        ["end", 10_003n],
      ]);
    }
  });

  test("may look like what a consumer says of itself", async () => {
    const { nats, log, manager, subject } = await startWith(0);
    const { nc } = manager.jetstream() as unknown as {
      nc: { publish(subject: string, payload: Uint8Array, options: object): void };
    };
    for (const [code, text] of [
      [100, "Idle Heartbeat"],
      [409, "Consumer Deleted"],
      [408, "Request Timeout"],
    ] as const) {
      nc.publish(subject, new Uint8Array(), { headers: headers(code, text) });
      const own = headers(code, text);
      nc.publish(subject, encodePayload({ text: `with ${code}`, sender: "ann" }), { headers: own });
    }
    const head = async () => (await manager.streams.info("chatter")).state.last_seq;
    await expect.poll(head).toBe(8);
    await log.append([post("end")]);
    for (const reader of [log, await openLog(nats.address)]) {
      expect((await read(reader)).map(([text]) => text)).toEqual([
        "before",
        "after",
        "with 100",
        "with 409",
        "with 408",
        "end",
      ]);
    }
  });
});

describe.skipIf(!hasNats)("chatter log verify --log nats://…", () => {
  test("says what is there, and what the stream has lost", async () => {
    const nats = await startNats();
    const log = await openLog(nats.address);
    await log.append(Array.from({ length: 20 }, (_, i) => post(`message ${i}`)));
    const where = ["verify", "--log", `nats://${nats.address}`];
    expect(await runLog(where)).toMatchObject({
      identity: log.identity,
      first: 1,
      head: 20,
      messages: 20,
      damaged: [],
      malformed: [],
    });
    expect(await failLog([...where, "--nats-stream", "other"])).toContain('no stream "other"');
  });
});
