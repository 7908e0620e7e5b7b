import type { MessageLog } from "../../src/server/log/message-log.js";

/** Stores texts in a room of a log as "goa" does, in order; default: in "main". */
export async function fill(
  log: MessageLog,
  texts: readonly string[],
  { room = "" } = {},
): Promise<void> {
  const { error } = await log.append(
    texts.map((text) => ({ text, sender: "goa", messageId: "", room })),
  );
  if (error) {
    throw error;
  }
}

/** "m1", "m2" … "m100" */
export function numbered(count: number, prefix = "m"): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`);
}
