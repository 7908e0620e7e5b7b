import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

/*
 * The peer: goa's dialect served by ws as its documentation shows it, JSON in text messages.
 * Messages are kept in an array; there is no auth, no limit and no log of calls.
 */

interface Stored {
  readonly message: string;
  readonly length: number;
  readonly sent_at: string;
  readonly sequence: number;
}

/** How much may wait in a socket before its history waits. */
const highWaterMark = 64 * 1024;

const stored: Stored[] = [];
const subscribers = new Set<WebSocket>();

function store(message: string): void {
  const sent_at = new Date().toISOString();
  const sequence = stored.length + 1;
  stored.push({ message, length: Buffer.byteLength(message), sent_at, sequence });
  if (subscribers.size > 0) {
    const event = JSON.stringify({ message, action: "added", added_at: sent_at, sequence });
    for (const subscriber of subscribers) {
      subscriber.send(event);
    }
  }
}

/** Passes each string on; calls `end` at the client's `null`. */
function eachMessage(socket: WebSocket, take: (text: string) => void, end: () => void): void {
  socket.on("message", (data) => {
    const value: unknown = JSON.parse(String(data));
    if (value === null) {
      end();
    } else {
      take(value as string);
    }
  });
}

function sendHistory(socket: WebSocket): void {
  let next = 0;
  function send(): void {
    while (next < stored.length) {
      const text = JSON.stringify(stored[next++]);
      if (socket.bufferedAmount > highWaterMark) {
        socket.send(text, send);
        return;
      }
      socket.send(text);
    }
    socket.close(1000);
  }
  send();
}

const server = new WebSocketServer({ port: 0, host: "127.0.0.1", backlog: 4096 });
server.on("connection", (socket, { url }) => {
  switch (url) {
    case "/listener": {
      let count = 0;
      const take = (text: string) => {
        count++;
        store(text);
      };
      eachMessage(socket, take, () => socket.close(1000, `stored ${count}`));
      break;
    }
    case "/echoer": {
      const take = (text: string) => {
        store(text);
        socket.send(JSON.stringify(text));
      };
      eachMessage(socket, take, () => socket.close(1000));
      break;
    }
    case "/history":
      sendHistory(socket);
      break;
    case "/subscribe":
      subscribers.add(socket);
      socket.on("close", () => subscribers.delete(socket));
      break;
    default:
      socket.close(1008, "no such endpoint");
  }
});
server.on("listening", () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`listening on http://127.0.0.1:${port}\n`);
});
