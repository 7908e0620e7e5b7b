/*
 * `npm run h2spec`: runs h2spec against Chatter and, beside it, against a plain server of
 * `node:http2`. It fails if Chatter fails anything but what `known-failing.ts` lists, or if this list
 * is out of date. With `--write`, the totals go into docs/conformance.md.
 */
import { createAuthority } from "../../support/certificates.js";
import { exitWithout } from "../go-programs.js";
import { number, replace, tableOf } from "../report.js";
import { type CaseResult, findH2spec, installation, runH2spec } from "./h2spec.js";
import { type KnownFailure, knownFailures } from "./known-failing.js";
import { path, startChatter, startNode } from "./servers.js";

const h2spec = (await findH2spec()) ?? exitWithout("h2spec", installation);
const certificate = createAuthority().issue();

interface Run {
  readonly title: string;
  readonly server: "Chatter" | "Node";
  readonly connection: "cleartext" | "TLS";
  readonly results: readonly CaseResult[];
}

/**
 * How often the cases are run while one has a fault: on a machine that stands still for a moment, a
 * frame comes too late for its case. What is wrong with a server is wrong each time.
 */
const attempts = 3;

async function run(server: Run["server"], connection: Run["connection"]): Promise<Run> {
  const tls = connection === "TLS" ? certificate : undefined;
  const { port, close } = await { Chatter: startChatter, Node: startNode }[server](tls);
  const name = server === "Chatter" ? "server, by `listen`" : "plain server of `node:http2`";
  const kind = { title: `${name}, ${connection}`, server, connection } as const;
  try {
    const results: CaseResult[] = [];
    for (let attempt = 1; attempt <= attempts; attempt++) {
      for (const [i, result] of (
        await runH2spec(h2spec, { port, path, tls: tls !== undefined })
      ).entries()) {
        if (attempt === 1 || faultOf(kind, results[i]!) !== undefined) {
          results[i] = result;
        }
      }
      const faulty = results.filter((result) => faultOf(kind, result) !== undefined);
      if (faulty.length === 0) {
        break;
      }
      for (const result of faulty) {
        process.stderr.write(`attempt ${attempt}: ${faultLine(kind, result)}\n`);
      }
    }
    return { ...kind, results };
  } finally {
    await close();
  }
}

/** What is wrong about a result, in words; undefined if it is as the list says. */
function faultOf(
  { server, connection }: Omit<Run, "results">,
  { name, failure, isSkipped }: CaseResult,
) {
  const known = knownFailures.find(
    ({ cases, only = connection }) => cases.includes(name) && only === connection,
  );
  if (server === "Node") {
    const expected = known && (known.passesOnNode ? "pass" : "fail");
    const came = failure === undefined ? "pass" : "fail";
    return expected === undefined || expected === came
      ? undefined
      : `by the list, plain Node has to ${expected} it, and it does not`;
  }
  if (isSkipped) {
    return "it was not run";
  }
  if (failure === undefined) {
    return known && !known.isByChance ? "it is listed, and passes" : undefined;
  }
  return known ? undefined : failure;
}

function faultLine(kind: Omit<Run, "results">, result: CaseResult): string {
  return `${kind.title}: ${result.name}: ${faultOf(kind, result)}`;
}

/** Names in the list that h2spec does not have. */
function unknownNames({ results }: Run, known: readonly KnownFailure[]): string[] {
  const names = new Set(results.map(({ name }) => name));
  return known.flatMap(({ cases }) => cases).filter((name) => !names.has(name));
}

/** All wait most of the time: they run at once. */
const runs = await Promise.all([
  run("Chatter", "cleartext"),
  run("Chatter", "TLS"),
  run("Node", "cleartext"),
  run("Node", "TLS"),
]);
const faults = runs.flatMap((each) =>
  each.results
    .filter((result) => faultOf(each, result) !== undefined)
    .map((result) => faultLine(each, result)),
);
faults.push(...unknownNames(runs[0]!, knownFailures).map((name) => `no such case: ${name}`));

const table = tableOf([
  ["h2spec on", "cases", "passed", "failed as listed", "failed", "not run"],
  ...runs.map(({ title, results }) => {
    const count = (isCounted: (result: CaseResult) => boolean) =>
      number(results.filter(isCounted).length);
    const isListed = ({ name, failure }: CaseResult) =>
      failure !== undefined && knownFailures.some(({ cases }) => cases.includes(name));
    return [
      title,
      number(results.length),
      count(({ failure, isSkipped }) => failure === undefined && !isSkipped),
      count(isListed),
      count((result) => result.failure !== undefined && !isListed(result)),
      count(({ isSkipped }) => isSkipped),
    ];
  }),
]);
process.stdout.write(`${table}\n`);
for (const { cases, reason } of knownFailures) {
  process.stdout.write(`listed: ${cases.join("; ")}: ${reason}\n`);
}
for (const fault of faults) {
  process.stderr.write(`${fault}\n`);
}
if (process.argv.includes("--write")) {
  await replace("docs/conformance.md", table, "npm run h2spec");
}
process.exit(faults.length === 0 ? 0 : 1);
