import type { MessageLog } from "../../src/server/log/message-log.js";

/** Counts the bytes that are read from the memory of a log from now on; returns how many there were. */
export function countReadBytes(log: MessageLog): () => number {
  const read = log.read.bind(log);
  let bytes = 0;
  log.read = (after, options) => {
    const batch = read(after, options);
    bytes += batch instanceof Promise ? 0 : (batch?.bytes.length ?? 0);
    return batch;
  };
  return () => bytes;
}
