import type { ConnectError } from "@connectrpc/connect";
import { oldNats } from "./errors.js";

/**
 * The oldest nats-server that works. After a network partition, older ones have been seen with
 * another order of messages on each node, and they hang on a full disk.
 */
export const oldestNatsVersion = "2.11";

/** Whether a nats-server of this version works; false if it is not a version. */
export function isNatsRecent(version: string | undefined): boolean {
  const match = /^v?(\d+)\.(\d+)(?:\D|$)/.exec(version ?? "");
  const [major, minor] = oldestNatsVersion.split(".").map(Number) as [number, number];
  return (
    match !== null &&
    (Number(match[1]) > major || (Number(match[1]) === major && Number(match[2]) >= minor))
  );
}

/** The error of a nats-server whose version is too old. */
export function oldNatsError(version: string | undefined): ConnectError {
  return oldNats({ version: version ?? "of an unknown version", oldest: oldestNatsVersion });
}

/** Throws `failed_precondition`, naming both versions, if a nats-server is too old. */
export function checkNatsVersion(version: string | undefined): void {
  if (!isNatsRecent(version)) {
    throw oldNatsError(version);
  }
}
