import { createAuth } from "../../src/server/auth/create-auth.js";
import { parseSigningKey } from "../../src/server/auth/keys/signing-key.js";
import { createTokens, type Tokens } from "../../src/server/auth/tokens.js";
import { demoUsers } from "../../src/server/auth/users/demo-users.js";
import { type Chatter, createChatter } from "../../src/server/chatter.js";
import type { ChatterOptions } from "../../src/server/chatter-options.js";
import { type ChatterServer, type ListenOptions, listen } from "../../src/server/http/server.js";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import type { MessageLog } from "../../src/server/log/message-log.js";
import { afterEachTest } from "./clean-up.js";

/** A real server on a real port, inside the test's process. */
export interface TestServer {
  /** Such as "http://127.0.0.1:43210". */
  readonly url: string;
  readonly chatter: Chatter;
  readonly server: ChatterServer;
  readonly log: MessageLog;
  readonly tokens: Tokens;
  /** A token of "goa" that may read and write. */
  readonly token: string;
  /** `{ authorization: "Bearer …" }` of that token. */
  readonly headers: { readonly authorization: string };
}

const running: TestServer[] = [];

afterEachTest(async () => {
  for (const { server, log } of running.splice(0)) {
    await server.close(0);
    await log.close();
  }
});

/** Starts a server with the demo's account, a memory log unless given, closed after the test. */
export async function startChatter(
  options: Partial<ChatterOptions> = {},
  listenOptions: ListenOptions = {},
): Promise<TestServer> {
  const log = options.log ?? createMemoryLog({ dedupe: { maxIds: 10_000 } });
  const tokens = createTokens({ key: await parseSigningKey("k".repeat(32), "test") });
  const auth = options.auth ?? createAuth({ users: demoUsers(), tokens });
  const chatter = createChatter({ ...options, log, auth });
  const server = await listen(chatter, { ...listenOptions, port: 0 });
  const { token } = await tokens.issue({
    subject: "goa",
    scopes: ["stream:read", "stream:write"],
  });
  const started: TestServer = {
    url: server.url,
    chatter,
    server,
    log,
    tokens,
    token,
    headers: { authorization: `Bearer ${token}` },
  };
  running.push(started);
  return started;
}
