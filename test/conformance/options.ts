import { Command, InvalidArgumentError } from "commander";
import type { Program } from "./programs.js";

export interface Options {
  /** What is run, in this order. */
  readonly programs: readonly Program[];
  /** Patterns of cases; undefined: all. */
  readonly cases: readonly string[] | undefined;
  /** Whether the totals go into docs/conformance.md and README.md. */
  readonly write: boolean;
}

interface Given {
  readonly only?: readonly string[];
  readonly without?: readonly string[];
  readonly cases?: readonly string[];
  readonly write: boolean;
}

/** The options of `npm run conformance`; wrong ones end the process with status 2 and a line that says why. */
export function parseOptions(all: readonly Program[]): Options {
  const names = all.map(({ name }) => name);
  const parseNames = (text: string) => {
    const given = text.split(",").map((name) => name.trim());
    const unknown = given.find((name) => !names.includes(name));
    if (unknown !== undefined) {
      throw new InvalidArgumentError(`There is no program ${JSON.stringify(unknown)}.`);
    }
    return given;
  };
  const command = new Command("conformance")
    .description("The official Connect conformance suite against Chatter.")
    .option("--only <names>", `some programs, with commas between: ${names.join(", ")}`, parseNames)
    .option("--without <names>", "all programs but these", parseNames)
    .option(
      "--cases <pattern>",
      'some cases, such as "**/unary/**"; may be given again',
      (pattern: string, before: string[] = []) => [...before, pattern],
    )
    .option("--write", "write the totals into docs/conformance.md and README.md", false)
    .showSuggestionAfterError(false)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .parse();
  const { only = names, without = [], cases, write } = command.opts<Given>();
  const programs = all.filter(({ name }) => only.includes(name) && !without.includes(name));
  if (write && (cases || programs.length < all.length)) {
    command.error("error: --write needs a run of everything: leave the other options out");
  }
  return { programs, cases, write };
}
