import { type AsyncCompleter, createInterface, type Interface, type Key } from "node:readline";
import { Interrupted } from "../../../cli/exit.js";
import { asPost } from "./commands.js";
import { LineQueue } from "./line-queue.js";

const up = (rows: number) => (rows === 0 ? "" : `\u001b[${rows}A`);
const clearBelow = "\r\u001b[J";

/** Makes the terminal report where a paste begins and ends. */
const bracketedPaste = { on: "\u001b[?2004h", off: "\u001b[?2004l" };

/** Undocumented parts of readline that are needed to fix it. */
interface Undocumented {
  /** How far above the cursor the line begins. */
  prevRows: number;
  /** False while a chunk of several characters is typed. */
  isCompletionEnabled: boolean;
  completer: AsyncCompleter | undefined;
  _writeToOutput(text: string): void;
}

interface Question {
  readonly prompt: string;
  readonly isHidden: boolean;
  readonly resolve: (answer: string) => void;
  readonly reject: (reason: unknown) => void;
}

/** The input line at the bottom of a terminal, below the messages. readline edits and draws it. */
export class LineEditor {
  /** The typed lines, until Ctrl+D. */
  readonly lines = new LineQueue();
  readonly #terminal: Interface;
  readonly #completer: AsyncCompleter;
  readonly #onKey = (_: string | undefined, key: Key) => this.#beforeKey(key);
  readonly #onKeyDone = () => this.#afterKey();
  readonly #onResize = () => this.#syncRows();
  #isChunk = false;
  #typedRows = 0;
  #prompt = "> ";
  #pasted: string[] | undefined;
  #question: Question | undefined;
  #lastQuestion: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  /**
   * @param complete what Tab offers at the end of a line, and which part of the line it replaces
   */
  constructor(complete: (line: string) => Promise<[string[], string]>) {
    const { stdin: input, stdout: output } = process;
    this.#completer = (line, done) => {
      complete(line).then(
        (found) => done(null, found),
        () => done(null, [[], line]), // Nothing is known at the moment.
      );
    };
    this.#terminal = createInterface({
      input,
      output,
      terminal: true,
      completer: this.#completer,
    });
    // Before readline's own listeners.
    input.prependListener("keypress", this.#onKey);
    output.prependListener("resize", this.#onResize);
    input.on("keypress", this.#onKeyDone);
    this.#terminal
      .on("line", (line) => this.#takeLine(line))
      .on("history", (lines) => {
        if (this.#question !== undefined) {
          lines.shift(); // So that the arrow keys do not bring the password back.
        }
      })
      // The same as outside of readline, which receives the keys itself.
      .on("SIGINT", () => process.kill(process.pid, "SIGINT"))
      // In the foreground again after Ctrl+Z: readline has paused its input.
      .on("SIGCONT", () => this.#draw())
      .once("close", () => this.#end());
    this.#hideAnswers();
    output.write(bracketedPaste.on);
    this.#draw();
  }

  /** Sets the prompt of the line. */
  prompt(text: string): void {
    this.#prompt = text;
    this.#draw();
  }

  /** Writes lines above the input line. */
  writeAbove(text: string): void {
    if (this.#isClosed) {
      process.stdout.write(`${text}\n`);
      return;
    }
    const rows = this.#rows;
    // readline begins its line as many rows above the cursor as before.
    process.stdout.write(`${up(rows)}${clearBelow}${text}\n${"\n".repeat(rows)}`);
    this.#terminal.prompt(true);
  }

  /**
   * Asks for one line in place of the half-typed one, which is restored afterwards. Rejects with
   * `Interrupted` if the input ends.
   *
   * @param isHidden whether the answer is not shown
   */
  ask(prompt: string, isHidden = false): Promise<string> {
    const answer = this.#lastQuestion.then(() => this.#askNow(prompt, isHidden));
    this.#lastQuestion = answer.catch(() => {});
    return answer;
  }

  close(): void {
    this.#terminal.close();
  }

  async #askNow(prompt: string, isHidden: boolean): Promise<string> {
    if (this.#isClosed) {
      throw new Interrupted();
    }
    const { line, cursor } = this.#terminal;
    this.#erase();
    try {
      return await new Promise<string>((resolve, reject) => {
        this.#question = { prompt, isHidden, resolve, reject };
        this.#draw();
      });
    } finally {
      this.#question = undefined;
      if (!this.#isClosed) {
        this.#draw();
        this.#terminal.write(line);
        while (this.#terminal.cursor > cursor) {
          this.#terminal.write(null, { name: "left" });
        }
      }
    }
  }

  get #editor(): Undocumented {
    return this.#terminal as unknown as Undocumented;
  }

  /** How many rows the cursor is below the beginning of the line. */
  get #rows(): number {
    return this.#question?.isHidden ? 0 : this.#terminal.getCursorPos().rows;
  }

  #draw(): void {
    if (!this.#isClosed) {
      this.#terminal.setPrompt(this.#question?.prompt ?? this.#prompt);
      this.#terminal.prompt(true);
    }
  }

  #erase(): void {
    this.#terminal.write(null, { ctrl: true, name: "e" });
    this.#terminal.write(null, { ctrl: true, name: "u" });
  }

  #hideAnswers(): void {
    const write = this.#editor._writeToOutput.bind(this.#terminal);
    this.#editor._writeToOutput = (text) => {
      if (!this.#question?.isHidden) {
        write(text);
      } else if (text.startsWith(this.#question.prompt)) {
        write(this.#question.prompt);
      }
    };
  }

  #beforeKey(key: Key): void {
    this.#syncRows();
    // readline appends what arrives in one chunk to the line, wherever the cursor is, unless
    // completion is on: then a Tab in it would complete.
    this.#isChunk = !this.#editor.isCompletionEnabled;
    const isTyped = !this.#isChunk && this.#pasted === undefined && this.#question === undefined;
    this.#editor.completer = isTyped ? this.#completer : undefined;
    this.#editor.isCompletionEnabled = true;
    switch (key.name) {
      case "paste-start":
        this.#pasted = [];
        break;
      case "paste-end":
        this.#endPaste();
        break;
      case "return":
      case "enter":
        // The number of rows of the typed line is known only while it is on the screen.
        this.#terminal.write(null, { ctrl: true, name: "e" }); // to its end
        this.#typedRows = this.#rows;
    }
  }

  #afterKey(): void {
    this.#editor.isCompletionEnabled = !this.#isChunk;
  }

  /**
   * readline forgets how far above the cursor its line begins when text is pasted, or when a
   * terminal that was resized wraps it again.
   */
  #syncRows(): void {
    this.#editor.prevRows = this.#rows;
  }

  /** The typed line is removed: it returns as a message when it is stored. */
  #takeLine(line: string): void {
    process.stdout.write(`${up(this.#typedRows + 1)}${clearBelow}`);
    if (this.#pasted !== undefined) {
      this.#pasted.push(line);
    } else if (this.#question !== undefined) {
      this.#question.resolve(line);
      return;
    } else {
      this.lines.push(line);
    }
    this.#terminal.prompt();
  }

  #endPaste(): void {
    const pasted = this.#pasted ?? [];
    this.#pasted = undefined;
    if (pasted.length === 0) {
      return;
    }
    const lines = [...pasted, this.#terminal.line];
    while (lines.at(-1)?.trim() === "") {
      lines.pop();
    }
    this.#erase();
    if (lines.length <= 1 || this.#question !== undefined) {
      this.#takePasted(lines);
    } else {
      this.#askHowToPost(lines).catch(() => {}); // The input has ended.
    }
  }

  #takePasted(lines: readonly string[]): void {
    for (const line of lines) {
      if (this.#question !== undefined) {
        this.#question.resolve(line);
        return;
      }
      this.lines.push(line);
    }
  }

  async #askHowToPost(lines: readonly string[]): Promise<void> {
    const answer = await this.ask(
      `post ${lines.length} lines? o: as one message, e: each, n: no > `,
    );
    switch (answer.trim().toLowerCase()[0]) {
      case "o":
        this.lines.push(asPost(lines.join("\n")));
        break;
      case "e":
        this.#takePasted(lines.map(asPost));
        break;
      default:
        this.writeAbove(`* ${lines.length} lines were not posted`);
    }
  }

  #end(): void {
    this.#isClosed = true;
    process.stdin.off("keypress", this.#onKey);
    process.stdin.off("keypress", this.#onKeyDone);
    process.stdout.off("resize", this.#onResize);
    process.stdout.write(`${up(this.#rows)}${clearBelow}${bracketedPaste.off}`);
    this.#question?.reject(new Interrupted());
    this.lines.end();
  }
}
