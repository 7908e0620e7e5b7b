interface Row {
  /** A wide character has an empty cell behind it. */
  cells: string[];
  /** Whether it continues where the row above was full. */
  readonly isWrapped: boolean;
}

/**
 * The screen of a terminal that is as high as necessary: the control sequences that readline and
 * the command line use. Any other sequence that moves the cursor is an error.
 */
export class TerminalGrid {
  #rows: Row[] = [{ cells: [], isWrapped: false }];
  #row = 0;
  #column = 0;
  #rest = "";
  #columns: number;

  constructor(columns: number) {
    this.#columns = columns;
  }

  /** The rows without what is empty at the end. */
  lines(): string[] {
    const lines = this.#rows.map(({ cells }) => textOf(cells).trimEnd());
    while (lines.at(-1) === "") {
      lines.pop();
    }
    return lines;
  }

  /** Wraps its lines anew, as most terminals do. */
  resize(columns: number): void {
    const rows: Row[] = [];
    let cursor = { row: 0, column: 0 };
    for (let i = 0; i < this.#rows.length; ) {
      const first = rows.length;
      const line: string[] = [];
      do {
        if (i === this.#row) {
          const place = line.length + this.#column;
          cursor = { row: first + Math.floor(place / columns), column: place % columns };
        }
        line.push(...Array.from(this.#rows[i++]?.cells ?? [], (cell) => cell ?? " "));
      } while (this.#rows[i]?.isWrapped);
      do {
        rows.push({ cells: line.splice(0, columns), isWrapped: rows.length > first });
      } while (line.length > 0);
    }
    this.#rows = rows;
    this.#row = cursor.row;
    this.#column = cursor.column;
    this.#columns = columns;
  }

  write(text: string): void {
    let rest = this.#rest + text;
    while (rest !== "") {
      const token = /^(?:\u001b\[[?\d;]*[@-~]|\u001b[^[]|[^\u001b])/u.exec(rest)?.[0];
      if (token === undefined) {
        break; // a sequence whose end is to come
      }
      rest = rest.slice(token.length);
      this.#take(token);
    }
    this.#rest = rest;
  }

  #take(token: string): void {
    const sequence = /^\u001b\[([?\d;]*)(.)$/.exec(token);
    if (sequence) {
      this.#obey(sequence[2] ?? "", sequence[1] ?? "");
    } else if (token === "\r") {
      this.#column = 0;
    } else if (token === "\n") {
      this.#goDown(false);
    } else if (token >= " ") {
      this.#put(token);
    } else {
      throw new Error(`a control that no test expects: ${JSON.stringify(token)}`);
    }
  }

  #obey(command: string, parameter: string): void {
    const count = Number(parameter || "1");
    switch (command) {
      case "A":
        this.#row = Math.max(0, this.#row - count);
        return;
      case "B":
        this.#row = Math.min(this.#rows.length - 1, this.#row + count);
        return;
      case "C":
        this.#column = Math.min(this.#columns - 1, this.#column + count);
        return;
      case "D":
        this.#column = Math.max(0, this.#column - count);
        return;
      case "G":
        this.#column = Math.min(this.#columns, count) - 1;
        return;
      case "J":
        this.#rows.length = this.#row + 1;
        this.#eraseRow();
        return;
      case "K":
        this.#eraseRow();
        return;
      case "m": // colours
        return;
      case "h":
      case "l":
        if (parameter === "?2004") {
          return; // whether a paste is marked as one
        }
        throw new Error(`a mode that no test expects: ${parameter}`);
      default:
        throw new Error(`a sequence that no test expects: ${command}`);
    }
  }

  #eraseRow(): void {
    const { cells } = this.#current();
    cells.length = Math.min(cells.length, this.#column);
  }

  #put(character: string): void {
    const width = isWide.test(character) ? 2 : 1;
    if (this.#column + width > this.#columns) {
      this.#column = 0;
      this.#goDown(true);
    }
    this.#current().cells[this.#column] = character;
    if (width === 2) {
      this.#current().cells[this.#column + 1] = "";
    }
    this.#column += width;
  }

  #goDown(isWrapped: boolean): void {
    this.#row++;
    if (this.#row === this.#rows.length) {
      this.#rows.push({ cells: [], isWrapped });
    }
  }

  #current(): Row {
    const row = this.#rows[this.#row];
    if (row === undefined) {
      throw new Error("the cursor is outside of the rows");
    }
    return row;
  }
}

const isWide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uff00-\uff60]|\p{Emoji_Presentation}/u;

function textOf(cells: readonly (string | undefined)[]): string {
  return Array.from(cells, (cell) => cell ?? " ").join("");
}
