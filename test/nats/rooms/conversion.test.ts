import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { encodePayload } from "../../../src/server/encoding/stream-payload.js";
import { post, texts } from "../../support/log-messages.js";
import { hasNats, natsPrograms, startNats } from "../../support/nats-server.js";
import { postTo, readRooms, roomList, select } from "../../support/room-messages.js";
import { manage } from "../support/manager.js";
import { openLog } from "../support/open-log.js";

/** A stream as Chatter made it before there were rooms. */
const oldStream = {
  name: "chatter",
  subjects: ["chatter.AbCdEfGh"],
  deny_delete: true,
  duplicate_window: 600_000_000_000,
};

describe.skipIf(!hasNats).each(natsPrograms)(
  "a stream that was made before there were rooms, nats-server $version",
  (program) => {
    async function startOld() {
      const nats = await startNats("", program);
      const manager = await manage(nats.address);
      await manager.streams.add(oldStream);
      const lines: string[] = [];
      const logger = { info() {}, error() {}, warn: (_: object, text = "") => lines.push(text) };
      const log = await openLog(nats.address, { logger });
      return { nats, manager, log, lines };
    }

    test("has the room main, as fast as before; posts to others are refused, and the server log says what to do", async () => {
      const { nats, log, lines } = await startOld();
      const { positions, error } = await log.append([
        ...[post("1"), post("2"), postTo("a", "3"), post("4")],
      ]);
      expect([positions.length, error?.code]).toEqual([2, Code.FailedPrecondition]);
      expect(error?.rawMessage).toContain("no rooms but main");
      expect(lines.join()).toContain(
        "nats stream edit chatter --subjects='chatter.AbCdEfGh,chatter.AbCdEfGh.>' --allow-direct",
      );
      for (const reader of [log, await openLog(nats.address)]) {
        const read = (...rooms: string[]) => readRooms(reader, select(...rooms));
        expect((await read("main")).map(({ text }) => text)).toEqual(["1", "2"]);
        expect(await read("a")).toEqual([]);
        expect(await read("a", "*")).toHaveLength(2);
        expect(await reader.beforeLast(1, select("main"))).toBe(1);
        expect(await roomList(reader, { since: 1 })).toEqual([
          { room: "main", count: 2, last: 2, countSince: 1 },
        ]);
        expect(await roomList(reader, { rooms: select("a") })).toEqual([]);
      }
    });

    test("has rooms once it is converted, on servers that run; what was there is main's", async () => {
      const { nats, manager, log } = await startOld();
      await log.append([post("1"), post("2", "id")]);
      const { config } = await manager.streams.info("chatter");
      await manager.streams.update("chatter", {
        ...config,
        subjects: [...config.subjects, `${config.subjects[0]}.>`],
        allow_direct: true,
      });
      const refusal = async () => (await log.append([postTo("a", "3")])).error;
      await expect.poll(refusal, { timeout: 10_000 }).toBeUndefined();
      expect(log.writeFault).toBeUndefined();
      expect((await log.append([post("2", "id")])).positions[0]!.sequence).toBe(2);
      const late = await openLog(nats.address);
      expect(late.identity).toBe(log.identity);
      for (const reader of [log, late]) {
        expect(await texts(reader)).toEqual(["1", "2", "3"]);
        expect(await readRooms(reader, select("main"))).toHaveLength(2);
        expect(await readRooms(reader, select("a"))).toMatchObject([{ text: "3" }]);
        expect((await roomList(reader)).map(({ room }) => room)).toEqual(["a", "main"]);
      }
    });

    test("has main alone as long as it has messages of a subject that it had before that", async () => {
      const { nats, manager } = await startOld();
      await manager
        .jetstream()
        .publish(oldStream.subjects[0]!, encodePayload({ text: "1", sender: "goa" }));
      await manager.streams.update("chatter", {
        ...(await manager.streams.info("chatter")).config,
        subjects: ["chatter.other123", "chatter.other123.>"],
        allow_direct: true,
      });
      const lines: string[] = [];
      const logger = { info() {}, error() {}, warn: (_: object, text = "") => lines.push(text) };
      const log = await openLog(nats.address, { logger });
      expect(lines.join()).toContain("older subject");
      expect((await log.append([postTo("a", "2")])).error?.code).toBe(Code.FailedPrecondition);
      await log.append([post("2")]);
      expect(await readRooms(log, select("main"))).toHaveLength(2);
      await manager.streams.purge("chatter", { seq: 2 });
      const refusal = async () => (await log.append([postTo("a", "3")])).error;
      await expect.poll(refusal, { timeout: 10_000 }).toBeUndefined();
      expect(await readRooms(log, select("*"))).toMatchObject([{ text: "2" }, { text: "3" }]);
    });
  },
);
