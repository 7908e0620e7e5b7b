import type { Attack } from "./attack.js";
import { AttackerSocket, onConnections, untilEnded } from "./attacker-socket.js";

const crlf = "\r\n";
const message = Buffer.concat([Buffer.of(0, 0, 0, 0, 2), Buffer.from("{}")]);

/** A call that never ends, and behind it as many pipelined requests as the server accepts. */
const pipelinedHeads: Attack = {
  name: "pipelined-heads",
  title: "20 connections of HTTP/1.1 with 990 requests of 15 KB behind one that does not end",
  withToken: false,
  run: ({ port }, signal) =>
    onConnections(20, port, signal, async (socket) => {
      socket.drain();
      const head = [
        "POST /grpc.health.v1.Health/Watch HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/connect+json",
        `Content-Length: ${message.length}`,
      ];
      await socket.write(Buffer.concat([Buffer.from(head.join(crlf) + crlf + crlf), message]));
      const next = `GET /livez HTTP/1.1${crlf}Host: localhost${crlf}x: ${"y".repeat(15_000)}${crlf}${crlf}`;
      const bytes = Buffer.from(next);
      for (let sent = 0; sent < 990 && !socket.ended && !signal.aborted; sent++) {
        await socket.write(bytes);
      }
      await untilEnded(socket, signal);
    }),
};

/** Connections that send nothing, or only the beginning of a request's headers. */
const halfHeads: Attack = {
  name: "half-heads",
  title: "2,000 connections that send half of a head",
  withToken: false,
  run: async ({ port }, signal) => {
    const head = Buffer.from(`GET / HTTP/1.1${crlf}Host: localhost${crlf}x: ${"y".repeat(8000)}`);
    const sockets: AttackerSocket[] = [];
    while (sockets.length < 2000 && !signal.aborted) {
      const socket = await AttackerSocket.open(port, signal);
      if (socket) {
        sockets.push(socket.drain());
        await socket.write(head);
      }
    }
    await Promise.all(sockets.map((socket) => untilEnded(socket, signal)));
  },
};

/** Wrong passwords, a hundred at a time, each for another name. */
const wrongPasswords: Attack = {
  name: "wrong-passwords",
  title: "100 logins at a time with wrong passwords, each for another name",
  withToken: false,
  run: async ({ port }, signal) => {
    let count = 0;
    await onConnections(100, port, signal, async (socket) => {
      let answers = 0;
      socket.onData(() => answers++);
      for (let sent = 0; !socket.ended && !signal.aborted; sent++) {
        const body = JSON.stringify({ user: `nobody-${count++}`, password: "wrong" });
        const head = [
          "POST /chatter.v1.ChatterService/Login HTTP/1.1",
          "Host: localhost",
          "Content-Type: application/json",
          `Content-Length: ${body.length}`,
        ];
        await socket.write(Buffer.from(head.join(crlf) + crlf + crlf + body));
        while (answers <= sent && !socket.ended && !signal.aborted) {
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
    });
  },
};

export const http1Attacks: readonly Attack[] = [pipelinedHeads, halfHeads, wrongPasswords];
