import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import type { ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import { chatterHeader, chatterHeaderValue } from "../../src/protocol/headers.js";
import type { MessageLog } from "../../src/server/log/message-log.js";

/** Stores texts, as goa. */
export async function post(log: MessageLog, ...texts: string[]): Promise<void> {
  await log.append(texts.map((text) => ({ text, sender: "goa", messageId: "" })));
}

/** A server whose methods a test writes, for answers that the real one seldom gives. */
export interface FakeServer {
  readonly url: string;
  /** What each call sent as "authorization", in order. */
  readonly authorizations: (string | null)[];
  close(): Promise<void>;
}

export async function startFakeServer(
  methods: Partial<ServiceImpl<typeof ChatterService>>,
): Promise<FakeServer> {
  const authorizations: (string | null)[] = [];
  const listener = connectNodeAdapter({
    routes: (router) => router.service(ChatterService, methods),
    interceptors: [
      (next) => (request) => {
        authorizations.push(request.header.get("authorization"));
        return next(request);
      },
    ],
  });
  const server: Http2Server = createServer((request, response) => {
    response.setHeader(chatterHeader, chatterHeaderValue);
    listener(request, response);
  });
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    authorizations,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) {
        session.destroy();
      }
      await closed;
    },
  };
}
