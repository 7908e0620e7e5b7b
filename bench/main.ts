import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildServers, root } from "./build.js";
import { parseOptions } from "./options.js";
import { serversOfPairs } from "./pairs.js";
import { createProgress } from "./progress.js";
import { makeReport, ratiosTable, rowsTable } from "./report.js";
import { type Result, runWork } from "./rounds.js";
import { abandonServers } from "./servers.js";
import type { Work } from "./work.js";
import { echoPingPong, echoPipelined } from "./works/echo.js";
import { fanOutLatency, fanOutWorks } from "./works/fan-out.js";
import { growingFanOut, growingLog } from "./works/growth.js";
import { idleRss } from "./works/idle.js";
import { ingestWorks } from "./works/ingest.js";
import { replay } from "./works/replay.js";
import { unary } from "./works/unary.js";

const works: readonly Work[] = [
  unary,
  echoPipelined,
  echoPingPong,
  ...ingestWorks,
  replay,
  ...fanOutWorks,
  fanOutLatency,
  idleRss,
  ...growingFanOut,
  ...growingLog,
];

const options = parseOptions(works.map(({ name }) => name));
const progress = createProgress();
const build = await buildServers();
let removed: Promise<void> | undefined;
const cleanUp = () => {
  abandonServers();
  removed ??= build.remove();
  return removed;
};
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void cleanUp().finally(() => process.exit(1)));
}

const results: Result[] = [];
try {
  for (const work of works) {
    const servers = options.quick ? serversOfPairs(work.name) : work.servers;
    if (servers.length > 0 && (options.only?.includes(work.name) ?? true)) {
      const found = await runWork(work, servers, {
        build,
        rounds: options.rounds,
        sizes: { quick: options.quick },
        profileTo: options.profile && join(options.profile, work.name),
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
const file = options.json ?? (options.only || options.quick ? undefined : await resultsFile());
if (file !== undefined) {
  // Numbers of one list on one line, as the formatter has them.
  const json = JSON.stringify(report, null, 2).replace(/\[[\d.,\s]+\]/g, (list) =>
    list.replace(/\s+/g, " ").replace("[ ", "[").replace(" ]", "]"),
  );
  await writeFile(file, `${json}\n`);
}
process.exitCode = report.rows.some(({ failed }) => failed !== undefined) ? 1 : 0;

async function resultsFile(): Promise<string> {
  const folder = join(root, "bench", "results");
  await mkdir(folder, { recursive: true });
  return join(folder, `${report.date.slice(0, 10)}.json`);
}
