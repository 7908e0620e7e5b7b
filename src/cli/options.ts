import { type Command, Option } from "commander";
import { notACount } from "./errors.js";

/** How results are printed: JSON indented by four spaces, one object a line, or text for people. */
export type OutputForm = "pretty" | "jsonl" | "text";

/** The options of every command that prints results. */
export interface OutputOptions {
  /** Undefined: "pretty" on a terminal, else "jsonl". */
  readonly output?: OutputForm;
}

export const outputForms: readonly OutputForm[] = ["pretty", "jsonl", "text"];

/** Adds --output. */
export function addOutputOption(command: Command): Command {
  return command.addOption(
    new Option(
      "--output <form>",
      'JSON indented ("pretty"), one object a line ("jsonl"), or text ("text") (default: pretty on a terminal, else jsonl)',
    )
      .env("CHATTER_OUTPUT")
      .choices(outputForms),
  );
}

/** Reads a whole number from `least` to `most`. */
export function parseCount(least: number, most?: number): (text: string) => number {
  const range = most === undefined ? `of ${least} or more` : `from ${least} to ${most}`;
  return (text) => {
    const count = Number(text);
    const fits = count >= least && count <= (most ?? Number.MAX_SAFE_INTEGER);
    if (!/^\d+$/.test(text) || !fits) {
      throw notACount({ range });
    }
    return count;
  };
}
