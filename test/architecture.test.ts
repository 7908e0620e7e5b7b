import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Which part may import which, from the ground up. A file may also import those beside it. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  "src/gen": [],
  "src/async": [],
  "src/errors": [],
  "src/protocol": ["errors"],

  "src/client": ["gen", "async", "errors", "protocol"],
  "src/client/page": ["async", "client", "protocol"],
  "src/client/cli": ["cli", "client", "gen", "async", "errors", "protocol"],

  "src/server/util": ["errors"],
  "src/server/net": ["errors"],
  "src/server/rooms": ["protocol"],
  "src/server/encoding": ["protocol"],
  "src/server/limits": ["gen", "errors", "server/net", "server/util"],
  "src/server/auth": [
    "async",
    "errors",
    "protocol",
    "server/limits",
    "server/rooms",
    "server/util",
  ],
  "src/server/log": [
    ...["async", "errors", "protocol"],
    ...["server/encoding", "server/rooms", "server/util"],
  ],
  "src/server/service": [
    ...["gen", "async", "errors", "protocol"],
    ...["server/auth", "server/encoding", "server/limits", "server/log", "server/net"],
    ...["server/rooms", "server/util"],
  ],
  "src/server/http": [
    ...["async", "errors", "protocol"],
    ...["server/auth", "server/limits", "server/net", "server/service", "server/util"],
  ],
  "src/server/websocket": [
    ...["gen", "async", "errors", "protocol", "server/auth"],
    ...["server/encoding", "server/http", "server/limits", "server/net", "server/service"],
    "server/util",
  ],
  "src/server/metrics": [
    ...["server/http", "server/limits", "server/log", "server/net", "server/service"],
  ],
  "src/server/tracing": ["errors", "server/service"],
  "src/server": [
    ...["gen", "async", "protocol", "server/auth", "server/encoding"],
    ...["server/http", "server/limits", "server/log", "server/metrics"],
    ...["server/net", "server/service", "server/tracing", "server/util", "server/websocket"],
  ],
  "src/server/settings": [
    ...["errors", "protocol", "server/auth", "server/http", "server/limits", "server/log"],
    "server/net",
  ],
  "src/server/program": [
    ...["protocol", "server", "server/auth", "server/http", "server/log", "server/metrics"],
    ...["server/service", "server/settings", "server/tracing", "server/util"],
  ],
  "src/server/cli": [
    ...["cli", "errors"],
    ...["server/auth", "server/log", "server/program", "server/settings"],
  ],

  "src/cli": ["gen", "errors", "protocol"],
  "src/program": [
    ...["gen", "async", "errors", "cli", "client", "client/cli"],
    ...["server/cli", "server/encoding", "server/log", "server/util"],
  ],
};

/** Maximum number of files side by side in a folder. */
const maxFiles = 22;

const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => join("src", name));

/** The project's own files that each file imports. */
const imports = new Map(files.map((file) => [file, importsOf(file)]));

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  const found = text.matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/g);
  return [...found].map(([, path]) =>
    relative(root, resolve(root, dirname(file), path!)).replace(/\.js$/, ".ts"),
  );
}

/** The part of the table that a file belongs to: the longest name that it lies under. */
function partOf(file: string): string {
  let folder = dirname(file);
  while (!(folder in mayImport) && folder !== ".") {
    folder = dirname(folder);
  }
  return folder;
}

test("imports lead to files that are there, and every file belongs to a part", () => {
  expect(files.filter((file) => partOf(file) === ".")).toEqual([]);
  const lost = [...imports].flatMap(([file, targets]) =>
    targets.filter((target) => !imports.has(target)).map((target) => `${file} → ${target}`),
  );
  expect(lost).toEqual([]);
});

test("what tests, benchmarks and examples import of the sources is there", () => {
  const others = ["test", "bench", "examples"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => join(folder, name)),
  );
  const lost = others.flatMap((file) =>
    importsOf(file)
      .filter((target) => target.startsWith("src/") && !imports.has(target))
      .map((target) => `${file} → ${target}`),
  );
  expect(others.length).toBeGreaterThan(0);
  expect(lost).toEqual([]);
});

test("each part imports what the table allows it, and nothing else", () => {
  const forbidden = [...imports].flatMap(([file, targets]) => {
    const part = partOf(file);
    const allowed = [part, ...mayImport[part]!.map((name) => `src/${name}`)];
    return targets
      .filter((target) => !allowed.includes(partOf(target)))
      .map((target) => `${file} → ${target}`);
  });
  expect(forbidden).toEqual([]);
});

test("the table has no circle", () => {
  const ground = new Set<string>();
  let left = Object.keys(mayImport);
  while (left.length > 0) {
    const next = left.filter(
      (part) => !mayImport[part]!.every((name) => ground.has(`src/${name}`)),
    );
    expect(next.length, `a circle among ${left.join(", ")}`).toBeLessThan(left.length);
    for (const part of left.filter((each) => !next.includes(each))) {
      ground.add(part);
    }
    left = next;
  }
});

test("no files import each other in a circle", () => {
  const done = new Set<string>();
  const path: string[] = [];
  const circles: string[] = [];
  function visit(file: string) {
    if (path.includes(file)) {
      circles.push([...path.slice(path.indexOf(file)), file].join(" → "));
      return;
    }
    if (done.has(file)) {
      return;
    }
    path.push(file);
    for (const target of imports.get(file) ?? []) {
      visit(target);
    }
    path.pop();
    done.add(file);
  }
  for (const file of files) {
    visit(file);
  }
  expect(circles).toEqual([]);
});

test("what runs in browsers, and what both halves share, needs nothing of Node", () => {
  const found = new Set<string>();
  function add(file: string) {
    if (!found.has(file)) {
      found.add(file);
      imports.get(file)?.forEach(add);
    }
  }
  files.filter((file) => /^src\/(async|protocol)\//.test(file)).forEach(add);
  add("src/client/index.ts");
  add("src/client/page/page.ts");
  const ofNode = [...found].filter(
    (file) =>
      !file.startsWith("src/gen/") &&
      / from "node:|\bprocess\.|\bBuffer\b|\bsetImmediate\b/.test(
        readFileSync(join(root, file), "utf8"),
      ),
  );
  expect(ofNode).toEqual([]);
});

test("no folder has more files side by side than can be read at a glance", () => {
  const count = new Map<string, number>();
  for (const file of files) {
    count.set(dirname(file), (count.get(dirname(file)) ?? 0) + 1);
  }
  expect([...count].filter(([, number]) => number > maxFiles)).toEqual([]);
});
