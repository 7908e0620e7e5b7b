import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { sleep, until } from "../support/streams.js";
import { clientOf } from "../support/wires.js";

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const request = "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";

async function open(url: string): Promise<{ socket: Socket; received: () => Buffer }> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.setNoDelay(true);
  socket.on("error", () => {}); // Some tests are about resets.
  onTestFinished(() => void socket.destroy());
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  await once(socket, "connect");
  return { socket, received: () => Buffer.concat(chunks) };
}

/** Each byte in a packet of its own. */
async function writeSlowly(socket: Socket, text: string): Promise<void> {
  for (const byte of Buffer.from(text)) {
    socket.write(Buffer.of(byte));
    await sleep(2);
  }
}

test("HTTP/2 is known by its preface, however it is cut", async () => {
  const { url } = await startChatter();
  for (const cut of [1, 3, 4, 14, 23]) {
    const { socket, received } = await open(url);
    socket.write(preface.slice(0, cut));
    await sleep(20);
    socket.write(preface.slice(cut));
    socket.write(emptySettings);
    await until(() => received().length >= 9, "the server's SETTINGS");
    expect(received()[3]).toBe(4);
  }
  const slow = await open(url);
  await writeSlowly(slow.socket, preface);
  slow.socket.write(emptySettings);
  await until(() => slow.received().length >= 9, "the server's SETTINGS");
  expect(slow.received()[3]).toBe(4);
});

test("everything else is HTTP/1.1, also what begins like the preface", async () => {
  const { url } = await startChatter();
  const slow = await open(url);
  await writeSlowly(slow.socket, request);
  await until(() => slow.received().includes("ok\n"), "the answer");
  expect(slow.received().toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);

  const pipelined = await open(url);
  pipelined.socket.write(request + request);
  await until(() => pipelined.received().toString().split("ok\n").length === 3, "both answers");

  for (const garbage of [
    "\u0016\u0003\u0001\u0002\u0000",
    "PRIVATE / HTTP/1.1\r\n\r\n",
    "PRI * HTTP/1.0\r\n\r\n",
    "hello\r\n\r\n",
  ]) {
    const { socket, received } = await open(url);
    socket.write(garbage);
    await once(socket, "close");
    expect(received().toString()).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  }
});

test("a connection that is reset or ended before it has shown its protocol does no harm", async () => {
  const uncaught: unknown[] = [];
  const note = (error: unknown) => uncaught.push(error);
  process.on("uncaughtException", note);
  onTestFinished(() => void process.off("uncaughtException", note));
  const server = await startChatter();
  for (const said of ["", "P", preface.slice(0, 20), preface, request]) {
    const reset = await open(server.url);
    reset.socket.write(said);
    reset.socket.resetAndDestroy();
    const ended = await open(server.url);
    ended.socket.end(said);
    await once(ended.socket, "close");
  }
  await sleep(50);
  expect(uncaught).toEqual([]);
  await clientOf(server).login({ user: "goa", password: "rocks" });
});
