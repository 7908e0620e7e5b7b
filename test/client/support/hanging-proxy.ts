import { once } from "node:events";
import {
  connect as connectHttp2,
  createServer as createHttp2,
  type Http2Session,
} from "node:http2";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A proxy that answers for itself while some of its servers hang. */
export interface HangingProxy {
  readonly url: string;
  /** How many connections of clients came, and how many of them are open. */
  readonly connections: number;
  readonly open: number;
  /** Nothing passes any more on the present calls, nor on the next `count` ones. */
  hang(count: number): void;
}

/**
 * Speaks HTTP/2 by itself, a call of its own to the server for each; every other connection is one
 * call, and passed on as it is. Closed after the test.
 */
export async function startHangingProxy(target: string): Promise<HangingProxy> {
  const { hostname, port, host } = new URL(target);
  const upstream = connectHttp2(target);
  const ends: (() => void)[] = [() => upstream.destroy()];
  let present: (() => void)[] = [];
  let hung = 0;
  let connections = 0;
  let open = 0;
  /** Whether a new call gets no answer. */
  const isHung = () => hung > 0 && hung-- > 0;

  const http2 = createHttp2();
  http2.on("session", (session: Http2Session) => void ends.push(() => session.destroy()));
  http2.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    if (isHung()) {
      return;
    }
    const call = upstream.request({ ...headers, ":authority": host });
    call.on("error", () => stream.close());
    stream.on("close", () => call.close(8)).pipe(call);
    let trailers = {};
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    call.on("response", ({ ...head }) => {
      const waitForTrailers = head["content-type"]?.startsWith("application/grpc") === true;
      stream.respond(head, { waitForTrailers });
    });
    call.on("trailers", (received) => {
      trailers = received;
    });
    call.on("data", (chunk) => stream.write(chunk)).on("end", () => stream.end());
    present.push(() => {
      stream.unpipe(call);
      call.removeAllListeners("data").removeAllListeners("response").removeAllListeners("end");
      call.resume();
    });
  });

  const server = createServer((client) => {
    connections++;
    open++;
    client.on("close", () => open--);
    client
      .on("error", () => {})
      .once("data", (first: Buffer) => {
        client.pause();
        if (first.toString("latin1", 0, 3) === "PRI") {
          http2.emit("connection", client);
        } else if (isHung()) {
          client.resume();
        } else {
          pass(client);
        }
        client.unshift(first);
      });
    ends.push(() => client.destroy());
  });

  function pass(client: Socket): void {
    const socket = connect(Number(port), hostname);
    socket.on("error", () => {}).on("close", () => client.destroy());
    client
      .on("close", () => socket.destroy())
      .pipe(socket)
      .pipe(client);
    ends.push(() => socket.destroy());
    present.push(() => {
      client.unpipe(socket).resume();
      socket.unpipe(client).resume();
    });
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    for (const end of ends) {
      end();
    }
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections;
    },
    get open() {
      return open;
    },
    hang(count) {
      for (const stop of present) {
        stop();
      }
      present = [];
      hung = count;
    },
  };
}
