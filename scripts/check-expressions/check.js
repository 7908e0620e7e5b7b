// Looks at every regular expression of a folder (default: src) with recheck, which finds those that
// can take more than linear time, and fails if there is one: what a peer sends may be long. There is
// no way to excuse one. Write it so that no two repetitions that follow each other can match the same
// text, or read the text by hand.
//
//   npm ci --prefix scripts/check-expressions --omit=optional
//   node scripts/check-expressions/check.js [folder]
import { findExpressions } from "./find-expressions.js";

// Of recheck's engines the one that is written in JavaScript: it runs everywhere.
process.env.RECHECK_BACKEND = "pure";
const { checkSync } = await import("recheck");

/**
 * What recheck cannot prove it tries, by chance: always by the same one, and with no limit of time,
 * for on a busy machine it would take what is slow there for a fault.
 */
const options = { randomSeed: 1, timeout: null, incubationTimeout: null, attackTimeout: null };

const expressions = findExpressions(process.argv[2] ?? "src");
const faults = expressions.flatMap((expression) => {
  const fault = faultOf(expression);
  return fault === undefined ? [] : [{ ...expression, fault }];
});
for (const { file, line, source = "(made at run time)", fault } of faults) {
  console.error(`${file}:${line}: ${source}: ${fault}`);
}
console.log(`${expressions.length} regular expressions, ${faults.length} of them at fault`);
process.exitCode = faults.length > 0 || expressions.length === 0 ? 1 : 0;

function faultOf({ source, flags }) {
  if (source === undefined || flags === undefined) {
    return "only an expression that is written down can be checked";
  }
  const result = checkSync(source, flags, options);
  switch (result.status) {
    case "safe":
      return undefined;
    case "vulnerable":
      return `takes ${result.complexity.summary} time, such as for ${result.attack.pattern}`;
    default:
      return `cannot be checked: ${result.error.kind}`;
  }
}
