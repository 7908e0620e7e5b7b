import { appendFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import { serversOfPairs } from "./pairs.js";

export interface Options {
  /** Names of works; undefined: all. */
  readonly only?: readonly string[];
  readonly rounds: number;
  /** Where the results go. */
  readonly json?: string;
  readonly quick: boolean;
  /** A folder for CPU profiles of the servers. */
  readonly profile?: string;
  readonly verbose: boolean;
}

/** The options of `npm run bench`; wrong ones end the process with status 2 and a line that says why. */
export function parseOptions(works: readonly string[]): Options {
  const program = new Command("bench")
    .description("Chatter against what people would pick instead, on this machine, side by side.")
    .option("--only <works>", `some works, with commas between: ${works.join(", ")}`, (text) => {
      const names = text.split(",").map((name) => name.trim());
      const unknown = names.find((name) => !works.includes(name));
      if (unknown !== undefined) {
        throw new InvalidArgumentError(`There is no work ${JSON.stringify(unknown)}.`);
      }
      return names;
    })
    .option("--rounds <count>", "rounds of each work (default: 5; 3 with --quick)", (text) => {
      if (!/^[1-9]\d?$/.test(text)) {
        throw new InvalidArgumentError("It must be 1 to 99.");
      }
      return Number(text);
    })
    .option(
      "--json <file>",
      "write the results here (default: bench/results, if all was run)",
      (file) => {
        try {
          appendFileSync(file, ""); // They come in half an hour: too late to find out.
        } catch (error) {
          throw new InvalidArgumentError((error as Error).message);
        }
        return file;
      },
    )
    .option("--quick", "small sizes, and only the pairs that have a figure to reach", false)
    .option("--profile <folder>", "write CPU profiles of the servers here")
    .option("--verbose", "show what the servers say on standard error", false)
    .showSuggestionAfterError(false)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .parse();
  const given = program.opts<Options>();
  const without = given.only?.find((name) => serversOfPairs(name).length === 0);
  if (given.quick && without !== undefined) {
    program.error(`error: --quick has no pair of ${without}: leave one of them out`);
  }
  return { ...given, rounds: given.rounds ?? (given.quick ? 3 : 5) };
}
