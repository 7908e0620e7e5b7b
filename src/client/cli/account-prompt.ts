import { Interrupted } from "../../cli/exit.js";
import { askAccount } from "../../cli/password.js";
import type { AskAccount } from "./command-tokens.js";

/** Asks on the terminal for an account; undefined without a terminal. */
export function createAccountPrompt(): AskAccount | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    return undefined;
  }
  return async (fault = "there is no token, or it has expired") => {
    process.stderr.write(`chatter: ${fault}: log in\n`);
    try {
      return await askAccount(process.env.CHATTER_USER);
    } catch (error) {
      if (error instanceof Interrupted) {
        // The same as outside of the prompt, which receives the keys itself.
        process.kill(process.pid, "SIGINT");
      }
      throw error;
    }
  };
}
