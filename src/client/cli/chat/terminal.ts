import { styleText } from "node:util";
import { harmless, harmlessLines } from "../../../cli/text-form.js";
import { mainRoom } from "../../../protocol/rooms.js";
import type { Account } from "../command-tokens.js";
import { LineEditor } from "./line-editor.js";
import type { ChatScreen } from "./screen.js";
import { clockTime, colourSender } from "./text.js";

/**
 * A chat on a terminal: messages scroll above an input line, whose prompt shows the state of the
 * connection.
 */
export class TerminalScreen implements ChatScreen {
  readonly fault = undefined;
  readonly isInteractive = true;
  readonly #editor: LineEditor;
  readonly #hasColours = process.stdout.hasColors();
  #room = mainRoom;
  #status: string | undefined;

  /**
   * @param complete what Tab offers at the end of a line, and which part of the line it replaces
   */
  constructor(complete: (line: string) => Promise<[string[], string]>) {
    this.#editor = new LineEditor(complete);
  }

  get lines(): AsyncIterable<string> {
    return this.#editor.lines;
  }

  async message(sender: string, text: string, at: Date): Promise<void> {
    const name = this.#hasColours ? colourSender(sender) : harmless(sender);
    this.#editor.writeAbove(`${this.#dim(clockTime(at))} ${name}: ${harmlessLines(text)}`);
  }

  note(text: string): void {
    this.#editor.writeAbove(this.#dim(`* ${text}`));
  }

  room(name: string): void {
    this.#room = name;
    this.#showPrompt();
  }

  status(text: string | undefined): void {
    if (text !== this.#status) {
      this.#status = text;
      this.#showPrompt();
    }
  }

  /** Asks for an account, in place of the typed line. */
  async askAccount(fault = "there is no token, or it has expired"): Promise<Account> {
    this.note(`${harmless(fault)}: log in`);
    const user = process.env.CHATTER_USER || (await this.#editor.ask("User: "));
    const password = await this.#editor.ask(`Password of ${harmless(user)}: `, true);
    return { user, password };
  }

  close(): void {
    this.#editor.close();
  }

  #showPrompt(): void {
    const status = this.#status === undefined ? "" : this.#dim(`(${this.#status})`);
    const room = this.#room === mainRoom ? "" : this.#room;
    this.#editor.prompt([room, status, "> "].filter((part) => part !== "").join(" "));
  }

  #dim(text: string): string {
    return this.#hasColours ? styleText("dim", text) : text;
  }
}
