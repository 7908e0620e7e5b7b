import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Code } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { isNatsRecent } from "../../src/server/log/nats/version.js";
import { openLog } from "./support/open-log.js";

/**
 * A NATS server that reports the versions of itself and of the stream's leader that the test wants.
 */
async function startFake(version: string, leaderVersion?: string): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    const info = { server_id: "fake", version, max_payload: 1 << 20, headers: true, proto: 1 };
    socket.write(`INFO ${JSON.stringify(info)}\r\n`);
    let subscription = "1";
    socket.on("data", (chunk) => {
      for (const line of chunk.toString("latin1").split("\r\n")) {
        subscription = /^SUB \S+ (\S+)$/.exec(line)?.[1] ?? subscription;
        const inbox = /^PUB \$JS\.API\.STREAM\.INFO\.\S+ (\S+) \d+$/.exec(line)?.[1];
        if (line === "PING") {
          socket.write("PONG\r\n");
        } else if (inbox !== undefined) {
          const metadata = leaderVersion && { "_nats.ver": leaderVersion };
          const answer = JSON.stringify({
            type: "io.nats.jetstream.api.v1.stream_info_response",
            config: { name: "chatter", subjects: ["chatter.a"], metadata },
            state: { messages: 0, first_seq: 1, last_seq: 0 },
            created: "2026-01-01T00:00:00Z",
          });
          socket.write(`MSG ${inbox} ${subscription} ${answer.length}\r\n${answer}\r\n`);
        }
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) {
      socket.destroy();
    }
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("a server does not start on a nats-server that is too old, and names both versions", async () => {
  const opening = openLog(await startFake("2.10.26"));
  await expect(opening).rejects.toMatchObject({
    code: Code.FailedPrecondition,
    rawMessage: "nats-server 2.10.26 is too old: Chatter needs 2.11 or newer on every node",
  });
});

test.each([
  ["2.10.26", "2.10.26"],
  [undefined, "before 2.11"],
])("nor if the node that leads the stream is too old: %s", async (version, shown) => {
  const opening = openLog(await startFake("2.12.0", version));
  await expect(opening).rejects.toThrow(`nats-server ${shown} is too old`);
});

test.each([
  ["2.11.0", true],
  ["2.11.0-RC.3", true],
  ["2.15.1", true],
  ["3.0.0", true],
  ["2.9.10", false],
  ["2.1.0", false],
  ["1.99.0", false],
  ["", false],
  ["2", false],
  [undefined, false],
])("%s is new enough: %s", (version, isRecent) => {
  expect(isNatsRecent(version)).toBe(isRecent);
});
