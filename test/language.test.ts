import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Phrases that no page may have: a native speaker would not say so, or the field has another word.
 */
const phrases: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\bstops? to be\b/i, "stops being"],
  [/\bthat (is|are) none\b/i, "an invalid …"],
  [/\b(is|are) no (valid )?(cursor|URL|number|export|view)\b/i, "is not a valid …"],
  [/\bwho comes from\b/i, "requests from"],
  [/\b(be )?gone on with\b/i, "resumed"],
  [/\bgo(es)? on with\b/i, "continue with, resume"],
  [/\bas (they|it) lies?\b/i, "verbatim"],
  [/\bneeds? more rights\b/i, "permission denied"],
  [/\banother program has it\b/i, "address already in use"],
  [/\bknown holes?\b/i, "known vulnerabilities"],
  [/\bso (many|long|much|few) (messages|bytes|milliseconds|seconds)\b/i, "maximum number of …"],
  [/\btold\b/i, "called, notified, reported, logged"],
  [/\btakers?\b/i, "consumer"],
  [/\bhears? of\b/i, "is notified of"],
  [/\bdeaf method/i, "method that ignores its AbortSignal"],
  [/\bplain dialect\b/i, "goa dialect"],
  [/\bgoing on with\b/i, "continuing with, resuming"],
  [/\bnobody answers\b/i, "cannot connect to"],
  [/\b(greatest|least) age\b/i, "maximum age, minimum age"],
  [/\bhand(s|ed)? back\b/i, "send, return"],
  [/\blets? us in\b/i, "admits, accepts"],
  [/\bcaught by nobody\b/i, "not caught"],
  [/\bis none that\b/i, "is not a valid …, does not accept"],
  [/\bis another one than\b/i, "is not the one that"],
  [/\bit is by (them|that)\b/i, "by their …"],
  [/\btells? of\b/i, "means, reports"],
  [/\bof no use\b/i, "cannot be used, is not needed"],
  [/\bmade anew\b/i, "made again, replaced, restored"],
  [/\b(is|are|was|were|be|not|never) taken for\b/i, "considered …, mistaken for"],
  [/\b(go(es|ing)?|went) on\b/i, "continue, resume"],
  [/\b(let|lets|letting) go of\b/i, "release"],
  [/\bpass(es|ed)? over\b/i, "skip, ignore"],
  [/\bput(s|ting)? down\b/i, "record, write"],
  [/\bin the clear\b/i, "in cleartext"],
  [/\bhow it stands\b/i, "the state of …"],
  [/\blook(s|ed)? after\b/i, "check, watch, limit"],
  [/\bhand(s|ed)? on\b/i, "pass on, forward"],
  [/\bsomething else than\b/i, "something other than"],
  [/\bthe same holds\b/i, "the same applies to"],
  [/\bhigh bytes first\b/i, "big-endian"],
  [/\ba try again\b/i, "another attempt"],
  [/\bas good as (none|unknown)\b/i, "counts as …"],
  [/\b(sayable|not to be had)\b/i, "cannot be …"],
];

const pages = [
  "README.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  ...filesIn("docs", ".md"),
  ...filesIn("proto", ".proto"),
];

/** Comments and texts in the code, too. */
const sources = filesIn("src", ".ts").filter((name) => !name.startsWith(join("src", "gen")));

/** And around it, except the list itself and the sentences of Eliza. */
const others = ["bench", "examples", "scripts", "test"]
  .flatMap((folder) =>
    [".ts", ".js", ".md", ".yaml", ".yml", ".sh", ".conf"].flatMap((ending) =>
      filesIn(folder, ending),
    ),
  )
  .filter((name) => !/node_modules|\bgen\b|language\.test|eliza/.test(name));

function filesIn(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));
}

test.each([...pages, ...sources, ...others])(
  "%s has none of the phrases that readers stumble over",
  (page) => {
    const lines = readFileSync(join(root, page), "utf8").split("\n");
    const found = lines.flatMap((line, i) =>
      phrases
        .filter(([pattern]) => pattern.test(line))
        .map(([pattern, instead]) => `${page}:${i + 1}: ${pattern.exec(line)![0]} (${instead})`),
    );
    expect(found).toEqual([]);
  },
);

test("no line of a comment on code is longer than 100 characters", () => {
  const long = sources.flatMap((name) =>
    readFileSync(join(root, name), "utf8")
      .split("\n")
      .flatMap((line, i) =>
        /^\s*(\/\*\*|\*)/.test(line) && line.length > 100 ? [`${name}:${i + 1}`] : [],
      ),
  );
  expect(long).toEqual([]);
});
