import { once } from "node:events";
import { connect, createServer } from "node:http2";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { connectWithin } from "../../src/client/transport/node-connect.js";

async function portOf(server: Server | ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test("a connection that is not made in time fails, and says so", async () => {
  // Takes the connection, but never answers the TLS handshake.
  const silent = createTcpServer((socket) => onTestFinished(() => void socket.destroy()));
  const port = await portOf(silent);
  const socket = connectWithin(50)(new URL(`https://127.0.0.1:${port}`));
  const [error] = await once(socket, "close").then(
    () => [undefined],
    (error) => [error],
  );
  expect(error).toMatchObject({ code: "ETIMEDOUT", syscall: "connect" });
});

test("a connection that is made outlives the limit", async () => {
  const port = await portOf(createServer((_, response) => response.end("hello")));
  const session = connect(`http://127.0.0.1:${port}`, { createConnection: connectWithin(100) });
  onTestFinished(() => session.destroy());
  await once(session, "connect");
  await new Promise((resolve) => setTimeout(resolve, 200));
  const [headers] = await once(session.request({ ":path": "/" }), "response");
  expect(headers[":status"]).toBe(200);
});
