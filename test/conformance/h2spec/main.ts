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

/** A server under test. */
interface Tested {
  readonly title: string;
  readonly server: "Chatter" | "Node";
  readonly connection: "cleartext" | "TLS";
}

interface Run extends Tested {
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
  const tested: Tested = { title: `${name}, ${connection}`, server, connection };
  const runOnce = () => runH2spec(h2spec, { port, path, tls: tls !== undefined });
  try {
    let results = await runOnce();
    for (let attempt = 1; attempt < attempts; attempt++) {
      const faults = faultsOf({ ...tested, results });
      if (faults.length === 0) {
        break;
      }
      process.stderr.write(`attempt ${attempt}: ${faults.join("; ")}\n`);
      const again = await runOnce();
      results = results.map((result, i) =>
        faultOf(tested, result) === undefined ? result : again[i]!,
      );
    }
    return { ...tested, results };
  } finally {
    await close();
  }
}

/** What is wrong about a run, in words. */
function faultsOf(found: Run): string[] {
  return found.results.flatMap((result) => {
    const fault = faultOf(found, result);
    return fault === undefined ? [] : [`${found.title}: ${result.name}: ${fault}`];
  });
}

/** What is wrong about a result, in words; undefined if it is as the list says. */
function faultOf({ server, connection }: Tested, { name, failure, isSkipped }: CaseResult) {
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
const faults = runs.flatMap(faultsOf);
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
