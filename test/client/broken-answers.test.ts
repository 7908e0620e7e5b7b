import { once } from "node:events";
import { createServer as createHttp1Server, type ServerResponse } from "node:http";
import { constants, createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo, Server, Socket } from "node:net";
import { Code } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import type { TransportName } from "../../src/client/chatter-client.js";
import { createChatterClient as createBrowserClient } from "../../src/client/index.js";
import { createChatterClient } from "../../src/client/node.js";
import { Health } from "../../src/gen/health/v1/health_pb.js";
import { formatEnd, formatServerOpening, tunnelProtocol } from "../../src/protocol/tunnel.js";
import { startChatter } from "../support/chatter-server.js";
import { errorOf } from "../support/streams.js";

/*
 * Servers whose responses break off: after their headers, in the middle of a message, and where
 * the end of the stream is missing.
 */

const message = Buffer.of(0x08, 0x01);
const envelope = Buffer.concat([Buffer.of(0, 0, 0, 0, message.length), message]);

/** How much of a response comes. */
const parts = ["nothing", "half a message", "a message"] as const;
type Part = (typeof parts)[number];

function bytesOf(part: Part, contentType: string): Buffer {
  const whole = contentType === "application/proto" ? message : envelope;
  const length = { nothing: 0, "half a message": whole.length - 1, "a message": whole.length }[
    part
  ];
  return whole.subarray(0, length);
}

/** Headers of a response. Where one of a unary Connect call breaks off, its length can say so. */
function headersOf(contentType: string, part: Part): Record<string, string | number> {
  const tooLong = contentType === "application/proto" && part !== "half a message";
  return {
    "content-type": contentType,
    "chatter-server": "1",
    ...(tooLong && { "content-length": message.length + 1 }),
  };
}

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The codes of a unary call and of a server stream of a service beside Chatter's. */
async function codesOf(
  url: string,
  transport: TransportName,
  create: typeof createChatterClient = createChatterClient,
) {
  const client = create({ url, transport, auth: { token: "any" } });
  onTestFinished(() => client.close());
  const health = client.clientOf(Health);
  const { code: unary } = await errorOf(health.check({}));
  const { code: stream } = await errorOf(health.watch({}));
  return { unary: Code[unary], stream: Code[stream] };
}

const unavailable = { unary: "Unavailable", stream: "Unavailable" };

/** What ends in good order, but too early, is a fault of the server, and never of the request. */
const serverFault = {
  unary: expect.stringMatching(/^(Internal|Unknown|Unavailable)$/),
  stream: "Internal",
};

function expectedOf(breakOff: string) {
  return breakOff.includes("good order") ? serverFault : unavailable;
}

type BreakOff<T> = (from: T, socket: Socket) => unknown;

const http2Breaks: Record<string, BreakOff<ServerHttp2Stream>> = {
  "the connection ends": (stream) => stream.session?.destroy(),
  "the connection is reset": (_, socket) => socket.resetAndDestroy(),
  "the stream is reset with INTERNAL_ERROR": (stream) =>
    stream.close(constants.NGHTTP2_INTERNAL_ERROR),
  "the stream is reset with CANCEL": (stream) => stream.close(constants.NGHTTP2_CANCEL),
  "the stream ends in good order": (stream) => stream.end(),
};

async function startHttp2(part: Part, breakOff: BreakOff<ServerHttp2Stream>, isReset: boolean) {
  const server = createHttp2Server();
  let socket: Socket;
  server.on("connection", (connection) => {
    socket = connection;
  });
  server.on("stream", (stream, { "content-type": type = "" }) => {
    stream.on("error", () => {});
    // Node would end the stream before it resets it, unless it waits for trailers.
    stream.respond({ ":status": 200, ...headersOf(type, part) }, { waitForTrailers: isReset });
    stream.on("wantTrailers", () => {});
    stream.write(bytesOf(part, type), () => setImmediate(() => breakOff(stream, socket)));
  });
  return listen(server);
}

for (const transport of ["connect", "grpc", "grpc-web"] as const) {
  for (const part of parts) {
    test.each(Object.entries(http2Breaks))(
      `over ${transport}, if a response has ${part} when %s, the call has the code for it`,
      async (name, breakOff) => {
        const url = await startHttp2(part, breakOff, name.includes("reset with"));
        expect(await codesOf(url, transport)).toEqual(expectedOf(name));
      },
    );
  }
}

const http1Breaks: Record<string, BreakOff<ServerResponse>> = {
  "the connection ends": (_, socket) => socket.destroy(),
  "the connection is reset": (_, socket) => socket.resetAndDestroy(),
  "it ends in good order": (response, socket) => response.end(() => socket.end()),
};

for (const transport of ["connect", "grpc-web"] as const) {
  for (const part of parts) {
    test.each(Object.entries(http1Breaks))(
      `over ${transport} by fetch, if a response has ${part} when %s, the call has the code for it`,
      async (name, breakOff) => {
        const server = createHttp1Server((request, response) => {
          const type = request.headers["content-type"] ?? "";
          response.writeHead(200, headersOf(type, part));
          response.flushHeaders();
          response.write(bytesOf(part, type), () =>
            setImmediate(() => breakOff(response, request.socket)),
          );
        });
        const url = await listen(server);
        expect(await codesOf(url, transport, createBrowserClient)).toEqual(expectedOf(name));
      },
    );
  }
}

const tunnelBreaks: Record<string, BreakOff<WebSocket>> = {
  "the connection ends": (_, socket) => socket.destroy(),
  "the connection is reset": (_, socket) => socket.resetAndDestroy(),
  "the WebSocket is closed": (webSocket) => webSocket.close(1000),
  "the body ends in good order": (webSocket) => webSocket.send(formatEnd(new Headers())),
};

for (const part of parts) {
  test.each(Object.entries(tunnelBreaks))(
    `over ws, if a response has ${part} when %s, the call has the code for it`,
    async (name, breakOff) => {
      const server = createHttp1Server();
      const webSockets = new WebSocketServer({ server, handleProtocols: () => tunnelProtocol });
      webSockets.on("connection", (webSocket, { socket }) => {
        webSocket.once("message", (opening) => {
          const { headers } = JSON.parse(String(opening));
          const type = new Headers(headers).get("content-type") ?? "";
          const header = new Headers(headersOf(type, part) as Record<string, string>);
          webSocket.send(formatServerOpening(200, header));
          webSocket.send(bytesOf(part, type), () =>
            setImmediate(() => breakOff(webSocket, socket)),
          );
        });
      });
      const url = await listen(server);
      expect(await codesOf(url, "ws")).toEqual(expectedOf(name));
    },
  );
}

test.each<TransportName>(["connect", "grpc", "grpc-web", "ws"])(
  "over %s, what the server itself says, the caller's cancel and a deadline keep their codes",
  async (transport) => {
    const { url, token } = await startChatter();
    const client = createChatterClient({ url, transport, auth: { token } });
    onTestFinished(() => client.close());
    const health = client.clientOf(Health);
    expect(Code[(await errorOf(health.check({ service: "none" }))).code]).toBe("NotFound");
    const leaving = new AbortController();
    const watched = health.watch({}, { signal: leaving.signal })[Symbol.asyncIterator]();
    await watched.next();
    leaving.abort();
    expect(Code[(await errorOf(watched.next())).code]).toBe("Canceled");
    const timed = health.watch({}, { timeoutMs: 100 });
    expect(Code[(await errorOf(timed)).code]).toBe("DeadlineExceeded");
  },
);
