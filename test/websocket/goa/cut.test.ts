import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { createMemoryLog } from "../../../src/server/log/memory-log.js";
import type { MessageLog } from "../../../src/server/log/message-log.js";
import { startChatter } from "../../support/chatter-server.js";
import { until } from "../../support/streams.js";
import { close, text } from "../../support/websocket-raw.js";
import { openFrames, openGoa, storedTexts } from "./client.js";

const posting = ["/listener", "/summary", "/echoer"];

/** A server that tells how its methods have ended ("ok" or a code), and when the last one did. */
async function startWatched(log: MessageLog = createMemoryLog()) {
  const ends: string[] = [];
  let endedAt = Number.NaN;
  const onEnd = (fields: object) => {
    ends.push((fields as { code: string }).code);
    endedAt = performance.now();
  };
  const server = await startChatter({ log, logger: { info: onEnd, error: onEnd } });
  return Object.assign(server, { ends, endedAt: () => endedAt });
}

/** A log that takes its time. */
function slowLog(ms: number): MessageLog {
  const log = createMemoryLog();
  const append = log.append.bind(log);
  log.append = async (messages) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return append(messages);
  };
  return log;
}

test.each(posting)(
  "%s cut before null: an error to the method, what came is stored",
  async (path) => {
    const server = await startWatched();
    const raw = await openFrames(server, path).opened();
    raw.write(text('"a"'), text('"b"'));
    raw.socket.end();
    await until(() => server.ends.length === 1, "the end of the call");
    expect(server.ends).toEqual(["canceled"]);
    expect(await storedTexts(server)).toEqual(["a", "b"]);
  },
);

test.each(posting)(
  "%s: a, b, null and FIN in one packet: both stored, the call is whole",
  async (path) => {
    for (const log of [undefined, slowLog(400)]) {
      const server = await startWatched(log);
      const raw = await openFrames(server, path).opened();
      raw.socket.end(Buffer.concat([text('"a"'), text('"b"'), text("null")]));
      await until(() => server.ends.length === 1, "the end of the call");
      expect(server.ends).toEqual(["ok"]);
      expect(await storedTexts(server)).toEqual(["a", "b"]);
    }
  },
);

test.each(posting)(
  "%s: a close frame without null is the end of the client's stream",
  async (path) => {
    for (const log of [undefined, slowLog(400)]) {
      const server = await startWatched(log);
      const raw = await openFrames(server, path).opened();
      raw.write(text('"a"'), text('"b"'), close(1000));
      await until(() => server.ends.length === 1, "the end of the call");
      expect(server.ends).toEqual(["ok"]);
      await until(() => raw.closeCode !== undefined, "the server's close frame");
      expect(raw.closeCode).toBe(1000);
      expect(await storedTexts(server)).toEqual(["a", "b"]);
    }
  },
);

test("a client that cancels (4001) has not ended its stream", async () => {
  const server = await startWatched();
  const raw = await openFrames(server, "/listener").opened();
  raw.write(text('"a"'));
  await until(() => server.log.head === 1, "the message is stored");
  raw.write(close(4001));
  await until(() => server.ends.length === 1, "the end of the call");
  expect(server.ends).toEqual(["canceled"]);
});

test.each(["/subscribe", "/listener", "/summary", "/echoer"])(
  "%s: a client that leaves ends the method within 100 ms, and no call is left open",
  async (path) => {
    const server = await startWatched();
    const took: number[] = [];
    for (let i = 0; i < 5; i++) {
      const socket = await openGoa(server, path);
      await until(() => server.chatter.openCalls === 1, "the call is open");
      const left = performance.now();
      socket.ws.terminate();
      await until(() => server.ends.length === i + 1, "the end of the call");
      took.push(server.endedAt() - left);
    }
    // The best of some: the machine may be busy with something else.
    expect(Math.min(...took)).toBeLessThan(100);
    expect(server.ends).toEqual(Array.from({ length: 5 }, () => "canceled"));
    expect(server.chatter.openCalls).toBe(0);
  },
);

test.each([...posting, "/subscribe", "/history"])(
  "%s: a client that ends the connection with its handshake leaves no call open",
  async (path) => {
    const server = await startWatched();
    for (let i = 0; i < 3; i++) {
      const raw = openFrames(server, path);
      raw.socket.end();
      await until(() => raw.ended, "the end of the connection");
    }
    await until(() => server.chatter.openCalls === 0, "no call is open");
    await server.server.close(5_000);
  },
);

test.each(["end", "resetAndDestroy"] as const)(
  "a client that leaves (%s) while its token is checked leaves nothing behind",
  async (leave) => {
    let check = () => {};
    const checked = new Promise<void>((resolve) => {
      check = resolve;
    });
    const server = await startChatter({
      auth: {
        login: () => Promise.reject(new ConnectError("no", Code.Unimplemented)),
        async verify() {
          await checked;
          return {
            subject: "goa",
            scopes: ["stream:write"],
            tokenId: "1",
            expiresAt: Date.now() + 60_000,
          };
        },
      },
    });
    const raws = [...posting, "/subscribe", "/history"].map((path) => openFrames(server, path));
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (const { socket } of raws) {
      socket[leave]();
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    check();
    await until(() => raws.every(({ ended }) => ended), "the end of the connections");
    await until(() => server.chatter.openCalls === 0, "no call is open");
    expect(server.log.head).toBe(0);
  },
);
