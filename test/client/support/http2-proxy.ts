import { once } from "node:events";
import {
  connect,
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
} from "node:http2";
import type { AddressInfo } from "node:net";

/** Ends responses early but cleanly, as proxies do whose server has gone. */
export interface Http2Proxy {
  readonly url: string;
  /** How many responses were ended early. */
  readonly cuts: number;
  close(): Promise<void>;
}

/** @param limits for each call in order: this many bytes of its response pass */
export async function startHttp2Proxy(
  target: string,
  limits: readonly number[],
): Promise<Http2Proxy> {
  const upstream = connect(target);
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  let calls = 0;
  let cuts = 0;
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  server.on("stream", (stream, headers) => {
    let left = limits[calls++] ?? Number.POSITIVE_INFINITY;
    let trailers: IncomingHttpHeaders = {};
    const call = upstream.request({ ...headers, ":authority": new URL(target).host });
    stream.on("error", () => {}).on("close", () => call.close(constants.NGHTTP2_CANCEL));
    call.on("error", () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
    stream.pipe(call);
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    call.on("response", ({ ...head }) => {
      // The others have their trailers in the body.
      const waitForTrailers = /^application\/grpc(\+|$)/.test(head["content-type"] ?? "");
      stream.respond(head, { waitForTrailers });
    });
    call.on("trailers", (received) => {
      trailers = received;
    });
    call.on("data", (chunk: Buffer) => {
      const passed = chunk.subarray(0, left);
      left -= passed.length;
      if (left > 0) {
        stream.write(passed);
      } else {
        cuts++;
        call.removeAllListeners("data").removeAllListeners("end").resume();
        stream.end(passed);
      }
    });
    call.on("end", () => stream.end());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get cuts() {
      return cuts;
    },
    async close() {
      for (const session of sessions) {
        session.destroy();
      }
      upstream.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
