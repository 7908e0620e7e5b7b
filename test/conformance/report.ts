import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./build.js";
import type { Program } from "./programs.js";
import type { Outcome } from "./suite.js";

export interface Result {
  readonly program: Program;
  readonly outcome: Outcome;
}

/** The totals as a table in Markdown. */
export function totalsTable(results: readonly Result[]): string {
  return tableOf([
    ["program under test", "cases", "passed", "failed upstream", "failed", "not run"],
    ...results.map(({ program, outcome }) => [program.title, ...totalsOf(outcome)]),
  ]);
}

function totalsOf({ totals, isStopped, tookMs }: Outcome): string[] {
  if (totals === undefined) {
    const minutes = Math.round(tookMs / 60_000);
    return [isStopped ? `stopped after ${minutes} min` : "did not run", "–", "–", "–", "–"];
  }
  const { cases, passed, knownFailing, failed, notRun } = totals;
  return [cases, passed, knownFailing, failed, notRun].map(number);
}

/** A table in Markdown: the first row is its head, and all columns but the first have figures. */
export function tableOf(rows: readonly (readonly string[])[]): string {
  const lines = rows.map((cells) => `| ${cells.join(" | ")} |`);
  const rule = rows[0]!.map((_, i) => (i === 0 ? "---" : "---:"));
  return [lines[0], `| ${rule.join(" | ")} |`, ...lines.slice(1)].join("\n");
}

/** Puts the table into docs/conformance.md, and what it comes to into README.md. */
export async function writeTotals(results: readonly Result[]): Promise<void> {
  await replace("docs/conformance.md", totalsTable(results));
  const passed = (name: string) => {
    const totals = results.find(({ program }) => program.name === name)?.outcome.totals;
    return totals ? `${number(totals.passed)} of ${number(totals.cases)}` : "none";
  };
  await replace(
    "README.md",
    `Cases of the official [Connect conformance suite](docs/conformance.md) that pass: as a server\n` +
      `${passed("listen")} (plain connect-node ${passed("connect-node-server")}), through the tunnel ${passed("tunnel")}.`,
  );
}

/** A figure, for people. */
export function number(n: number): string {
  return n.toLocaleString("en");
}

/** Puts a text into a page, where that of the last run of this command is. */
export async function replace(
  name: string,
  text: string,
  command = "npm run conformance",
): Promise<void> {
  const begin = `<!-- totals: ${command} -- --write -->`;
  const path = join(root, name);
  const old = await readFile(path, "utf8");
  const from = old.indexOf(begin);
  const to = old.indexOf(end, from);
  if (from < 0 || to < from) {
    throw new Error(`${name} has no place for the totals: it must have "${begin}" and "${end}"`);
  }
  await writeFile(path, `${old.slice(0, from)}${begin}\n${text}\n${old.slice(to)}`);
}

const end = "<!-- end of totals -->";
