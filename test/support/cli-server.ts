import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import type { ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import { createAuth } from "../../src/server/auth/create-auth.js";
import { demoUsers } from "../../src/server/auth/demo-users.js";
import { parseSigningKey } from "../../src/server/auth/signing-key.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { createChatter } from "../../src/server/chatter.js";
import { listen } from "../../src/server/http/server.js";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import type { MessageLog } from "../../src/server/log/message-log.js";

/** Chatter with a log in memory and the demo's account, for clients in other processes. */
export interface MemoryServer {
  readonly url: string;
  readonly log: MessageLog;
  /** A token of goa that may read and write. */
  readonly token: string;
  /** How many calls are under way. */
  readonly openCalls: () => number;
  /** Stores texts, as goa. */
  post(...texts: string[]): Promise<void>;
  close(): Promise<void>;
}

export async function startMemoryServer(): Promise<MemoryServer> {
  const key = await parseSigningKey("a secret for tests alone: 32 bytes or more", "the test's key");
  const tokens = createTokens({ key });
  const log = createMemoryLog();
  const chatter = createChatter({ log, auth: createAuth({ users: demoUsers(), tokens }) });
  const server = await listen(chatter, { port: 0 });
  const { token } = await tokens.issue({
    subject: "goa",
    scopes: ["stream:read", "stream:write"],
  });
  return {
    url: server.url,
    log,
    token,
    openCalls: () => chatter.openCalls,
    async post(...texts) {
      await log.append(texts.map((text) => ({ text, sender: "goa", messageId: "" })));
    },
    async close() {
      await server.close(1000);
      await log.close();
    },
  };
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
  const server: Http2Server = createServer(
    connectNodeAdapter({
      routes: (router) => router.service(ChatterService, methods),
      interceptors: [
        (next) => (request) => {
          authorizations.push(request.header.get("authorization"));
          return next(request);
        },
      ],
    }),
  );
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
