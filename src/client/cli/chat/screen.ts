import { type InputLines, standardInputLines } from "../../../cli/input-lines.js";
import { writeOutput } from "../../../cli/output.js";
import { harmless } from "../../../cli/text-form.js";

/** Where a chat is shown and where its lines come from. */
export interface ChatScreen {
  /** The lines to post, until Ctrl+D or the end of the input. */
  readonly lines: AsyncIterable<string>;
  /** Why the lines ended before the input did. */
  readonly fault: Error | undefined;
  /** Whether somebody sits before it: who ends the input is then done with reading too. */
  readonly isInteractive: boolean;
  /** Shows a message, and waits while the reader of the output is behind. */
  message(sender: string, text: string, at: Date): Promise<void>;
  /** Tells something of the chat itself, in one line. */
  note(text: string): void;
  /** Says which room the lines go to. */
  room(name: string): void;
  /** Shows how the chat stands with the server; undefined: live. */
  status(text: string | undefined): void;
  /** Takes no more lines, and leaves what is shown as it is. */
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

  // The user has named the room when starting it.
  room(): void {}

  // Notes tell what there is to tell.
  status(): void {}

  close(): void {}
}
