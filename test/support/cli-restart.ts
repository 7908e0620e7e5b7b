import { onTestFinished } from "vitest";
import { createAuth } from "../../src/server/auth/create-auth.js";
import { parseSigningKey } from "../../src/server/auth/keys/signing-key.js";
import type { Scope } from "../../src/server/auth/scopes.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { demoUsers } from "../../src/server/auth/users/demo-users.js";
import { createChatter } from "../../src/server/chatter.js";
import { type ChatterServer, listen } from "../../src/server/http/server.js";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import type { MessageLog } from "../../src/server/log/message-log.js";

/** A server inside the test's process that goes down and comes back at the same place. */
export interface RestartableServer {
  readonly url: string;
  readonly log: MessageLog;
  /** What a command needs to call it, as goa. */
  readonly env: Record<string, string>;
  /** A token of bob's. */
  issue(...scopes: Scope[]): Promise<string>;
  /** Cuts every call. */
  stop(): Promise<void>;
  /** Comes back, with the same log unless another is given. */
  start(log?: MessageLog): Promise<void>;
}

/** Starts one; closed after the test. */
export async function startRestartable(): Promise<RestartableServer> {
  const log = createMemoryLog();
  const tokens = createTokens({ key: await parseSigningKey("k".repeat(32), "test") });
  const auth = createAuth({ users: demoUsers(), tokens });
  const serve = (port: number, log: MessageLog) => listen(createChatter({ log, auth }), { port });
  let server: ChatterServer | undefined = await serve(0, log);
  const { url } = server;
  const scopes = ["stream:read", "stream:write"] as const;
  const { token } = await tokens.issue({ subject: "goa", scopes });
  const stop = async () => {
    await server?.close(0);
    server = undefined;
  };
  onTestFinished(stop);
  return {
    url,
    log,
    env: { CHATTER_URL: url, CHATTER_TOKEN: token },
    issue: async (...scopes) => (await tokens.issue({ subject: "bob", scopes })).token,
    stop,
    async start(other = log) {
      server = await serve(Number(new URL(url).port), other);
    },
  };
}
