import { type InputLines, standardInputLines } from "../../../cli/input-lines.js";
import { writeOutput } from "../../../cli/output.js";
import { harmless } from "../../../cli/text-form.js";

/** Where a chat is shown and where its lines come from. */
export interface ChatScreen {
  /** The lines to post, until Ctrl+D or the end of the input. */
  readonly lines: AsyncIterable<string>;
  /** Why the lines ended before the input did. */
  readonly fault: Error | undefined;
  /** Whether a user sits at it: a user who ends the input has finished reading, too. */
  readonly isInteractive: boolean;
  /** Shows a message, and waits while the reader of the output is behind. */
  message(sender: string, text: string, at: Date): Promise<void>;
  /** Shows a line about the chat itself. */
  note(text: string): void;
  /** Shows which room the lines are posted to. */
  room(name: string): void;
  /** Shows the state of the connection; undefined: live. */
  status(text: string | undefined): void;
  /** Accepts no more lines, and leaves what is shown unchanged. */
  close(): void;
}

/**
 * A chat without a terminal: messages are lines on standard output, "sender: text", the
 * lines of standard input are posted, and notes go to standard error.
 */
export class PlainScreen implements ChatScreen {
  readonly lines: InputLines = standardInputLines();
  readonly isInteractive = false;
  readonly #signal: AbortSignal;

  /** @param signal ends a wait for the reader of the output */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  get fault(): Error | undefined {
    return this.lines.fault;
  }

  message(sender: string, text: string): Promise<void> {
    return writeOutput(`${harmless(sender)}: ${harmless(text)}\n`, this.#signal);
  }

  note(text: string): void {
    process.stderr.write(`chatter: ${text}\n`);
  }

  // The user has named the room when starting the chat.
  room(): void {}

  // The notes report the connection.
  status(): void {}

  close(): void {}
}
