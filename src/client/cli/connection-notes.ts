import type { StateListener } from "../connection-state.js";
import type { Call } from "./call.js";

/**
 * Tells in plain lines when the connection is lost and when it is there again: once for each
 * reason, not for each try.
 */
export function createConnectionNotes(
  { describe }: Call,
  tell: (note: string) => void,
): StateListener {
  let told: string | undefined;
  return (state) => {
    if (state.status === "waiting") {
      const reason = describe(state.reason);
      if (reason !== told) {
        told = reason;
        tell(`${reason}; trying again`);
      }
    } else if (state.status === "live" && told !== undefined) {
      told = undefined;
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
