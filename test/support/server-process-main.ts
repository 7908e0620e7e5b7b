/*
 * The process of server-process.ts. Says where it listens, then answers each message with
 * what it holds.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { createAuth } from "../../src/server/auth/create-auth.js";
import { parseSigningKey } from "../../src/server/auth/keys/signing-key.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { demoUsers } from "../../src/server/auth/users/demo-users.js";
import { createChatter } from "../../src/server/chatter.js";
import { listen } from "../../src/server/http/server.js";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import { pingPolicy } from "../../src/server/websocket/ping-policy.js";
import type { ServerProcessOptions, ServerState } from "./server-process.js";

const options: ServerProcessOptions = JSON.parse(process.argv[2]!);
const { pingIntervalMs, handshakeTimeoutMs, dir, stored } = options;
const log = dir ? await openFileLog({ dir }) : createMemoryLog();
for (let left = stored?.count ?? 0; left > 0; left -= 1000) {
  const text = "x".repeat(stored!.bytes);
  await log.append(
    Array.from({ length: Math.min(left, 1000) }, () => ({ text, sender: "goa", messageId: "" })),
  );
}
const refused: Record<string, number> = {};
const faults: object[] = [];
const tokens = createTokens({ key: await parseSigningKey("k".repeat(32), "test") });
const chatter = createChatter({
  log,
  auth: createAuth({ users: demoUsers(), tokens }),
  logger: {
    info() {},
    error(fields) {
      // The first few tell enough, and are sent with each answer.
      if (faults.length < 20) {
        faults.push(fields);
      }
    },
  },
  limits: {
    ...options.limits,
    onRefused: (limit) => {
      refused[limit] = (refused[limit] ?? 0) + 1;
    },
  },
  webSocket: pingIntervalMs ? { configure: pingPolicy({ intervalMs: pingIntervalMs }) } : {},
});
const server = await listen(chatter, {
  port: 0,
  ...(pingIntervalMs && { pingIntervalMs }),
  ...(handshakeTimeoutMs && { handshakeTimeoutMs }),
});
const scopes = ["stream:read", "stream:write"] as const;
const { token } = await tokens.issue({ subject: "goa", scopes });
process.on("message", async (request) => {
  if (request === "state") {
    await collectGarbage();
  }
  process.send!(state());
});
process.on("disconnect", () => process.exit());
process.send!({ url: server.url, token });

async function collectGarbage(): Promise<void> {
  // Twice, for what finalizers release.
  for (let i = 0; i < 2; i++) {
    (globalThis as { gc?: () => void }).gc!();
    await sleep(20);
  }
}

function state(): ServerState {
  const { heapUsed, external, rss } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo();
  return {
    heapMb: Math.round((heapUsed + external) / 1e6),
    rssMb: Math.round(rss / 1e6),
    openCalls: chatter.openCalls,
    connections: resources.filter((name) => name === "TCPSocketWrap").length,
    timers: resources.filter((name) => name === "Timeout").length,
    faults,
    refused,
  };
}
