import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { attacks } from "./attacks/attacks.js";
import { attackTable, lostTrials, runAttacks } from "./attacks/main.js";
import { abandonTrials } from "./attacks/trial.js";
import { buildServers, root } from "./build.js";
import { parseOptions } from "./options.js";
import { serversOfPairs } from "./pairs.js";
import { createProgress } from "./progress.js";
import { makeReport, ratiosTable, rowsTable } from "./report.js";
import { type Result, runWork } from "./rounds.js";
import { abandonServers, goServers, type ServerName } from "./servers.js";
import type { Work } from "./work.js";
import { echoPingPong, echoPipelined, posterWorks } from "./works/echo.js";
import { fanOutLatency, fanOutWorks } from "./works/fan-out.js";
import { growingFanOut, growingLog } from "./works/growth.js";
import { idleRss } from "./works/idle.js";
import { ingestWorks } from "./works/ingest.js";
import { replay } from "./works/replay.js";
import { roomWorks } from "./works/rooms.js";
import { tunnelWorks } from "./works/tunnel.js";
import { postUnary, unary, unaryHttp1Json } from "./works/unary.js";

const works: readonly Work[] = [
  unary,
  unaryHttp1Json,
  postUnary,
  echoPipelined,
  echoPingPong,
  ...posterWorks,
  ...ingestWorks,
  replay,
  ...fanOutWorks,
  fanOutLatency,
  idleRss,
  ...tunnelWorks,
  ...roomWorks,
  ...growingFanOut,
  ...growingLog,
];

const options = parseOptions({
  works: works.map(({ name }) => name),
  attacks: attacks.map(({ name }) => name),
});
const progress = createProgress();
const build = await buildServers({ go: options.peers === "go" });
let removed: Promise<void> | undefined;
const cleanUp = () => {
  abandonServers();
  abandonTrials();
  removed ??= build.remove();
  return removed;
};
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void cleanUp().finally(() => process.exit(1)));
}

if (options.attacks) {
  await reportAttacks(options.attacks);
} else {
  await reportWorks();
}

async function reportAttacks(names: readonly string[]): Promise<void> {
  const chosen = attacks.filter(({ name }) => names.includes(name));
  const { quick } = options;
  try {
    const report = await runAttacks(chosen, { build, quick, progress: progress.say });
    progress.clear();
    process.stdout.write(`${attackTable(report)}\n`);
    const isWhole = chosen.length === attacks.length && !quick;
    await save(report, isWhole ? `attacks-${report.date.slice(0, 10)}` : undefined);
    for (const { attack, lost, during, after } of lostTrials(report)) {
      const failures = during.failures + after.failures;
      process.stderr.write(`${attack}: ${lost ?? `${failures} failures, or memory that stays`}\n`);
      process.exitCode = 1;
    }
  } finally {
    await cleanUp();
  }
}

async function reportWorks(): Promise<void> {
  const results: Result[] = [];
  try {
    for (const work of works) {
      const servers = serversOf(work);
      if (servers.length > 0 && (options.only?.includes(work.name) ?? true)) {
        const found = await runWork(work, servers, {
          build,
          rounds: options.rounds,
          sizes: { quick: options.quick },
          profileTo: options.profile && join(options.profile, work.name),
          node: options.node,
          verbose: options.verbose,
          progress: progress.say,
        });
        results.push(...found);
        progress.clear();
        process.stdout.write(`${rowsTable(makeReport(found).rows)}\n\n`);
      }
    }
  } finally {
    await cleanUp();
  }
  const report = makeReport(results);
  process.stdout.write(`${ratiosTable(report.ratios)}\n`);
  await save(report, options.only || options.quick ? undefined : report.date.slice(0, 10));
  process.exitCode = report.rows.some(({ failed }) => failed !== undefined) ? 1 : 0;
}

/** The servers that do a work; none if it is left out. */
function serversOf({ name, servers }: Work): readonly ServerName[] {
  const isGo = (server: ServerName) => goServers.includes(server);
  const others = options.quick ? serversOfPairs(name) : servers.filter((server) => !isGo(server));
  const isWanted = options.peers === "go" && others.length > 0;
  return isWanted ? [...others, ...servers.filter(isGo)] : others;
}

/** Writes a report to the given file, or to `bench/results` if everything was run. */
async function save(report: object, name: string | undefined): Promise<void> {
  const file = options.json ?? (name && join(root, "bench", "results", `${name}.json`));
  if (file !== undefined) {
    await mkdir(dirname(file), { recursive: true });
    // Puts the numbers of a list on one line, as the formatter does.
    const json = JSON.stringify(report, null, 2).replace(/\[[\d.,\s]+\]/g, (list) =>
      list.replace(/\s+/g, " ").replace("[ ", "[").replace(" ]", "]"),
    );
    await writeFile(file, `${json}\n`);
  }
}
