import { execFileSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { InvalidArgumentError } from "commander";
import { createCommand } from "./command.js";
import { serversOfPairs } from "./pairs.js";

export interface Options {
  /** Names of works; undefined: all. */
  readonly only?: readonly string[];
  /** Names of attacks; undefined: works are run, and no attacks. */
  readonly attacks?: readonly string[];
  readonly rounds: number;
  /** Where the results go. */
  readonly json?: string;
  readonly quick: boolean;
  /** Peers beside those in Node.js. */
  readonly peers?: "go";
  /** The Node.js that runs Chatter. Default: the one that runs the bench. */
  readonly node?: string;
  /** A folder for CPU profiles of the servers. */
  readonly profile?: string;
  readonly verbose: boolean;
}

/** What can be run. */
interface Known {
  readonly works: readonly string[];
  readonly attacks: readonly string[];
}

/**
 * The options of `npm run bench`; invalid ones end the process with status 2 and a line that says
 * why.
 */
export function parseOptions({ works, attacks }: Known): Options {
  const program = createCommand(
    "bench",
    "Chatter against what people would pick instead, on this machine, side by side.",
  )
    .option(
      "--only <names>",
      `some works, with commas between: ${works.join(", ")}; or attacks: "attacks" for all ` +
        `of them, or some: ${attacks.join(", ")}`,
      (text) => {
        const names = text
          .split(",")
          .map((name) => name.trim())
          .flatMap((name) => (name === "attacks" ? attacks : [name]));
        const unknown = names.find((name) => !works.includes(name) && !attacks.includes(name));
        if (unknown !== undefined) {
          throw new InvalidArgumentError(`There is no work ${JSON.stringify(unknown)}.`);
        }
        return names;
      },
    )
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
          appendFileSync(file, ""); // The results come in half an hour: too late to find out.
        } catch (error) {
          throw new InvalidArgumentError((error as Error).message);
        }
        return file;
      },
    )
    .option("--quick", "small sizes, and only the pairs that have a figure to reach", false)
    .option(
      "--peers <language>",
      "go: with grpc-go, connect-go and NATS too, where they fit the work; needs Go",
      (name) => {
        if (name !== "go") {
          throw new InvalidArgumentError(`There are no peers ${JSON.stringify(name)}: only "go".`);
        }
        try {
          execFileSync("go", ["version"], { stdio: "pipe" });
          return name;
        } catch (error) {
          throw new InvalidArgumentError(`Go cannot be run: ${(error as Error).message}.`);
        }
      },
    )
    .option("--node <path>", "run Chatter, but no peer, under this Node.js", (path) => {
      try {
        execFileSync(path, ["--version"], { stdio: "pipe" });
        return path;
      } catch (error) {
        throw new InvalidArgumentError((error as Error).message);
      }
    })
    .option("--profile <folder>", "write CPU profiles of the servers here")
    .option("--verbose", "show what the servers say on standard error", false)
    .parse();
  const given = program.opts<Options>();
  if (given.only?.some((name) => attacks.includes(name))) {
    const work = given.only.find((name) => works.includes(name));
    if (work !== undefined) {
      program.error(`error: attacks are run by themselves: leave ${work} out`);
    }
    return { ...given, rounds: 1, attacks: given.only };
  }
  const without = given.only?.find((name) => serversOfPairs(name).length === 0);
  if (given.quick && without !== undefined) {
    program.error(`error: --quick has no pair of ${without}: leave one of them out`);
  }
  return { ...given, rounds: given.rounds ?? (given.quick ? 3 : 5) };
}
