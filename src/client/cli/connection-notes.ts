import type { StateListener } from "../connection-state.js";
import type { Call } from "./call.js";

/**
 * Reports in plain lines when the connection is lost and when it is restored: once for each reason,
 * not for each attempt.
 */
export function createConnectionNotes(
  { describe, isAsking }: Call,
  tell: (note: string) => void,
): StateListener {
  let lostBy: string | undefined;
  return (state) => {
    if (isAsking()) {
      return; // The prompt is on the screen, and says it.
    }
    if (state.status === "waiting") {
      const reason = describe(state.reason);
      if (reason !== lostBy) {
        lostBy = reason;
        tell(`${reason}; trying again`);
      }
    } else if (state.status === "live" && lostBy !== undefined) {
      lostBy = undefined;
      tell("connected again");
    }
  };
}

/**
 * Such notes on standard error.
 *
 * @param before called before each note is written
 */
export function createErrorNotes(call: Call, before = () => {}): StateListener {
  return createConnectionNotes(call, (note) => {
    before();
    process.stderr.write(`chatter: ${note}\n`);
  });
}
