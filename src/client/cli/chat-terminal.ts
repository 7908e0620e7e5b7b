import { createInterface, type Interface, type Key } from "node:readline";
import { styleText } from "node:util";
import type { ChatScreen } from "./chat-screen.js";
import { colourSender, harmless } from "./chat-text.js";

const up = (rows: number) => (rows === 0 ? "" : `\u001b[${rows}A`);
const clearBelow = "\r\u001b[J";

/**
 * A chat on a terminal: messages scroll by above an input line, whose prompt shows how the
 * chat stands. readline edits and draws the line; here it is moved out of the way of what is
 * written above it.
 */
export class TerminalScreen implements ChatScreen {
  readonly lines: AsyncIterable<string>;
  readonly fault = undefined;
  readonly isInteractive = true;
  readonly #terminal: Interface;
  readonly #hasColours = process.stdout.hasColors();
  readonly #onKey = (_: string | undefined, key: Key) => this.#beforeKey(key);
  readonly #onResize = () => this.#syncRows();
  #typedRows = 0;
  #status: string | undefined;
  #isClosed = false;

  constructor() {
    const { stdin: input, stdout: output } = process;
    this.#terminal = createInterface({ input, output, terminal: true });
    this.lines = this.#terminal[Symbol.asyncIterator]();
    // Before readline's own listeners.
    input.prependListener("keypress", this.#onKey);
    output.prependListener("resize", this.#onResize);
    this.#terminal
      .on("line", () => this.#takeLine())
      // As outside of readline, which has the keys to itself.
      .on("SIGINT", () => process.kill(process.pid, "SIGINT"))
      // In the foreground again after Ctrl+Z: readline has paused its input.
      .on("SIGCONT", () => this.#terminal.prompt(true))
      .once("close", () => this.#end());
    this.#drawPrompt();
  }

  async message(sender: string, text: string): Promise<void> {
    const name = this.#hasColours ? colourSender(sender) : harmless(sender);
    this.#writeAbove(`${name}: ${harmless(text)}`);
  }

  note(text: string): void {
    this.#writeAbove(this.#dim(`* ${text}`));
  }

  status(text: string | undefined): void {
    if (text !== this.#status) {
      this.#status = text;
      this.#drawPrompt();
    }
  }

  close(): void {
    this.#terminal.close();
  }

  #drawPrompt(): void {
    if (!this.#isClosed) {
      this.#terminal.setPrompt(
        this.#status === undefined ? "> " : `${this.#dim(`(${this.#status})`)} > `,
      );
      this.#terminal.prompt(true);
    }
  }

  #writeAbove(line: string): void {
    if (this.#isClosed) {
      process.stdout.write(`${line}\n`);
      return;
    }
    const { rows } = this.#terminal.getCursorPos();
    // readline draws its line from as many rows above the cursor as it was before.
    process.stdout.write(`${up(rows)}${clearBelow}${line}\n${"\n".repeat(rows)}`);
    this.#terminal.prompt(true);
  }

  #beforeKey(key: Key): void {
    this.#syncRows();
    // How many rows the typed line takes can be told while it stands there.
    if (key.name === "return" || key.name === "enter") {
      this.#terminal.write(null, { ctrl: true, name: "e" }); // to its end
      this.#typedRows = this.#terminal.getCursorPos().rows;
    }
  }

  /**
   * readline keeps in an undocumented property how far above the cursor its line begins, and
   * forgets to when text is pasted, or wrapped anew by a terminal that was resized.
   */
  #syncRows(): void {
    (this.#terminal as { prevRows?: number }).prevRows = this.#terminal.getCursorPos().rows;
  }

  /** The typed line goes: it comes back as a message when it is stored. */
  #takeLine(): void {
    process.stdout.write(`${up(this.#typedRows + 1)}${clearBelow}`);
    this.#terminal.prompt();
  }

  #end(): void {
    this.#isClosed = true;
    process.stdin.off("keypress", this.#onKey);
    process.stdout.off("resize", this.#onResize);
    process.stdout.write(`${up(this.#terminal.getCursorPos().rows)}${clearBelow}`);
  }

  #dim(text: string): string {
    return this.#hasColours ? styleText("dim", text) : text;
  }
}
