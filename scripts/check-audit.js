// Asks the registry for known vulnerabilities in the dependencies that the package brings to others,
// and fails if one is high or critical. A registry that cannot be reached, or that has no
// such service, as mirrors often have none, is skipped with a line that says so.
import { spawnSync } from "node:child_process";

/** Nobody there, or nobody who answers this question. */
const unanswered = new Set([404, 405, 408, 501, 502, 503, 504]);

const { stdout, stderr } = spawnSync("npm", ["audit", "--omit=dev", "--json"], {
  encoding: "utf8",
});
let report;
try {
  report = JSON.parse(stdout);
} catch {
  report = { message: stderr };
}
const found = report.metadata?.vulnerabilities;
if (found) {
  for (const { name, severity, range } of Object.values(report.vulnerabilities)) {
    console.log(`${severity}: ${name} ${range}`);
  }
  const grave = found.high + found.critical;
  console.log(`npm audit: ${found.total} known vulnerabilities, ${grave} of them high or critical`);
  process.exitCode = grave > 0 ? 1 : 0;
} else {
  const { statusCode, message = "" } = report;
  const isAway =
    unanswered.has(statusCode) ||
    (statusCode === undefined && /^request to .* failed, reason: /.test(message));
  console.log(`npm audit has no answer${isAway ? " here" : ""}: ${message.trim()}`);
  process.exitCode = isAway ? 0 : 1;
}
