import { Command, InvalidArgumentError } from "commander";

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

/** The options of `npm run bench`; ends the process if they are wrong. */
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
    .option("--json <file>", "write the results here (default: bench/results, if all was run)")
    .option("--quick", "small sizes, and only the pairs that have a figure to reach", false)
    .option("--profile <folder>", "write CPU profiles of the servers here")
    .option("--verbose", "show what the servers say on standard error", false)
    .parse();
  const given = program.opts<Options>();
  return { ...given, rounds: given.rounds ?? (given.quick ? 3 : 5) };
}
