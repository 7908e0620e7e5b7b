import type { Logger } from "../../src/server/util/logger.js";

/** A line that the server has logged. */
export interface LogLine {
  readonly level: "info" | "error";
  readonly text: string;
  readonly [field: string]: unknown;
}

/** Takes what a server logs. */
export class LineLog implements Pick<Logger, "info" | "error"> {
  readonly lines: LogLine[] = [];

  info(fields: object, text: string): void {
    this.lines.push({ level: "info", text, ...fields });
  }

  error(fields: object, text: string): void {
    this.lines.push({ level: "error", text, ...fields });
  }
}
