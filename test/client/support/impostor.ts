import { once } from "node:events";
import { createServer as createHttp1 } from "node:http";
import { createServer as createHttp2, type IncomingHttpHeaders } from "node:http2";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { onTestFinished } from "vitest";

/** A server that is not Chatter, and its answer to every request. */
export interface ImpostorAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** A page of HTML with a status, as proxies and firewalls answer. */
export function page(status: number): ImpostorAnswer {
  return { status, headers: { "content-type": "text/html" }, body: "<h1>blocked</h1>" };
}

const refusal = { code: "permission_denied", message: "not from Chatter" };

/** A refusal in the form of the request's protocol, as gateways that speak it answer. */
export function inForm(headers: IncomingHttpHeaders): ImpostorAnswer {
  const type = String(headers["content-type"]);
  if (type.startsWith("application/grpc-web")) {
    const trailer = Buffer.from("grpc-status: 7\r\ngrpc-message: not from Chatter\r\n");
    return { status: 200, headers: { "content-type": type }, body: encodeEnvelope(0x80, trailer) };
  }
  if (type.startsWith("application/grpc")) {
    const status = { "grpc-status": "7", "grpc-message": "not from Chatter" };
    return { status: 200, headers: { "content-type": type, ...status } };
  }
  if (type.startsWith("application/connect")) {
    const end = Buffer.from(JSON.stringify({ error: refusal }));
    return { status: 200, headers: { "content-type": type }, body: encodeEnvelope(2, end) };
  }
  return {
    status: 403,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(refusal),
  };
}

/** Answers every request of HTTP/1.1 and HTTP/2 on one port, until the test has finished. */
export async function startImpostor(
  answer: (headers: IncomingHttpHeaders) => ImpostorAnswer,
): Promise<{ readonly url: string; readonly requests: number }> {
  let requests = 0;
  const sockets = new Set<Socket>();
  const serve = (headers: IncomingHttpHeaders) => {
    requests++;
    return answer(headers);
  };
  const http1 = createHttp1((request, response) => {
    const { status, headers, body } = serve(request.headers);
    request.resume();
    response.writeHead(status, headers).end(body);
  });
  http1.on("upgrade", (request, socket) => {
    const { status } = serve(request.headers);
    socket.on("error", () => {});
    socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  });
  const http2 = createHttp2().on("stream", (stream, requestHeaders) => {
    const { status, headers, body } = serve(requestHeaders);
    stream.on("error", () => {});
    stream.respond({ ":status": status, ...headers });
    stream.end(body);
  });
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    socket.once("readable", () => {
      const first: Buffer | null = socket.read();
      if (first !== null) {
        socket.unshift(first);
        (first.toString("latin1").startsWith("PRI") ? http2 : http1).emit("connection", socket);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    for (const socket of sockets) {
      socket.destroy();
    }
    server.close();
    await once(server, "close");
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return requests;
    },
  };
}
