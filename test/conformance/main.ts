/*
 * `npm run conformance`: runs the official Connect conformance suite against Chatter, program by
 * program, and prints how many cases came out how. docs/conformance.md has more.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createAuthority } from "../support/certificates.js";
import { type Build, buildPrograms, here } from "./build.js";
import { exitWithout } from "./go-programs.js";
import { parseOptions } from "./options.js";
import { type Program, programs } from "./programs.js";
import { type Result, totalsTable, writeTotals } from "./report.js";
import { findProtos, findSuite, installation, type Outcome, runSuite } from "./suite.js";

/** How many servers under test run at once: more would only share the processor. */
const maxServers = 1;
/** More failed cases than this are a fault of the program, whatever the machine does. */
const maxRepeated = 5;
/** A program that hangs is stopped: each takes half a minute. */
const limitMs = 240_000;

const options = parseOptions(programs);
const suite = await findSuite();
if (suite === undefined) {
  exitWithout("the conformance suite", installation);
}
const build = await buildPrograms(await findProtos());
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void build.remove().finally(() => process.exit(1)));
}
try {
  const results: Result[] = [];
  for (const program of options.programs) {
    const outcome = await run(suite, build, program);
    results.push({ program, outcome: program.isPeer ? outcome : await again(program, outcome) });
  }
  process.stdout.write(`\n${totalsTable(results)}\n`);
  if (options.write) {
    await writeTotals(results);
  }
  const isGood = results.every(({ program, outcome }) => program.isPeer || outcome.isGood);
  process.exitCode = isGood ? 0 : 1;
} finally {
  await build.remove();
}

/**
 * Runs the few cases that failed once more: the suite measures deadlines by the clock, and a machine
 * that stands still for half a second fails one of them. A fault of the program fails again.
 */
async function again(program: Program, outcome: Outcome): Promise<Outcome> {
  const { totals, failedCases } = outcome;
  if (totals === undefined || failedCases.length === 0 || failedCases.length > maxRepeated) {
    return outcome;
  }
  process.stdout.write(`${program.name}: what failed runs once more\n`);
  const second = await run(suite!, build, program, failedCases);
  return second.isGood
    ? { ...second, totals: { ...totals, passed: totals.passed + totals.failed, failed: 0 } }
    : outcome;
}

/** Runs the suite for one program; prints failures as they come, and its duration at the end. */
async function run(
  suite: string,
  build: Build,
  program: Program,
  cases: readonly string[] = options.cases ?? [],
): Promise<Outcome> {
  const { name, mode, configuration, knownFailing, hanging } = program;
  // Verbose: it says how many cases there are, and runs the servers in one order.
  const args = ["-v", "--mode", mode, "--max-servers", `${maxServers}`];
  args.push("--conf", join(here, "configurations", `${configuration}.yaml`));
  if (knownFailing !== undefined) {
    args.push("--known-failing", `@${join(here, "known-failing", `${knownFailing}.txt`)}`);
  }
  if (hanging !== undefined) {
    args.push("--skip", `@${join(here, "hanging", `${hanging}.txt`)}`);
  }
  for (const pattern of cases) {
    args.push("--run", pattern);
  }
  const environment = { ...process.env };
  if (program.trustsAuthority) {
    const { cert, key, authority } = writeCertificate(build);
    args.push("--cert", cert, "--key", key);
    environment.NODE_EXTRA_CA_CERTS = authority;
  }
  const command = (file: string) => [process.execPath, build.file(file)];
  args.push("--");
  if (program.mode === "server") {
    args.push(...command(program.server));
  } else {
    args.push(...command(program.client));
  }
  if (program.mode === "both") {
    args.push("----", ...command(program.server));
  }
  const outcome = await runSuite(suite, {
    args,
    environment,
    limitMs,
    onLine: (line) => process.stdout.write(`${name}: ${line}\n`),
  });
  const verdict = outcome.isStopped ? "stopped" : outcome.isGood ? "good" : "FAILED";
  process.stdout.write(`${name}: ${verdict} after ${Math.round(outcome.tookMs / 1_000)} s\n`);
  return outcome;
}

/** A certificate for the suite's server, and the authority that gives it: the paths of files. */
function writeCertificate({ folder }: Build) {
  const authority = createAuthority();
  const write = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const { cert, key } = authority.issue();
  return {
    authority: write("authority.pem", authority.cert),
    cert: write("server.pem", cert),
    key: write("server-key.pem", key),
  };
}
