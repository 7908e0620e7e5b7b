import { onTestFinished } from "vitest";
import type { MessageLog } from "../../../src/server/log/message-log.js";
import { type NatsLogOptions, openNatsLog } from "../../../src/server/log/nats/nats-log.js";

/** Opens a log at an address such as "127.0.0.1:4222", closed after the test. */
export async function openLog(
  address: string,
  options: Partial<NatsLogOptions> = {},
): Promise<MessageLog> {
  const log = await openNatsLog({
    address: { servers: [address] },
    stream: "chatter",
    retention: {},
    dedupeMs: 600_000,
    timeoutMs: 10_000,
    ...options,
  });
  onTestFinished(() => log.close());
  return log;
}
