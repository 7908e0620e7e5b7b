import { once } from "node:events";
import { expect, test } from "vitest";
import { servedDuring } from "../support/bystander.js";
import { openRawConnection } from "../support/raw-connection.js";
import { startServerProcess } from "../support/server-process.js";
import { sleep } from "../support/streams.js";
import { frame, opcode } from "../support/websocket-raw.js";

const upgrade =
  "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";

test("a peer that sends pings and reads no pong is cut, and holds no memory", async () => {
  const server = await startServerProcess();
  try {
    const before = await server.state();
    const connection = await openRawConnection(server.url);
    const { socket } = connection;
    socket.write(
      `GET /echoer HTTP/1.1\r\n${upgrade}Authorization: ${server.headers.authorization}\r\n\r\n`,
    );
    await once(socket, "data");
    socket.pause();
    const pings = Buffer.concat(
      Array.from({ length: 1000 }, () => frame(opcode.ping, Buffer.alloc(125))),
    );
    await servedDuring("a flood of WebSocket pings", server, async () => {
      const endAt = performance.now() + 10_000;
      while (!socket.destroyed && performance.now() < endAt) {
        if (!socket.write(pings)) {
          await Promise.race([once(socket, "drain"), once(socket, "close"), sleep(500)]).catch(
            () => {},
          );
        }
      }
    });
    const during = await server.state();
    expect(during.heapMb - before.heapMb).toBeLessThan(30);
    expect(socket.destroyed).toBe(true);
    expect(during.openCalls).toBe(0);
  } finally {
    await server.stop();
  }
}, 60_000);
