import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
}).split("\n");
const pages = files.filter((path) => /^([^/]+|(docs|examples)\/.*)\.md$/.test(path));

/** The anchors in a page, as they are made from its headings. */
function placesOf(path: string): Set<string> {
  const text = read(path).replace(/```[\s\S]*?```/g, "");
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading!);
  return new Set(
    headings.map((heading) =>
      heading
        .replace(/\[(.*?)\]\(.*?\)/g, "$1")
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

function expectPlace(path: string, place: string | undefined, from: string): void {
  expect(existsSync(join(root, path)), `${from} leads to ${path}`).toBe(true);
  if (place && statSync(join(root, path)).isFile()) {
    expect([...placesOf(path)], `${from} leads to ${path}`).toContain(place);
  }
}

describe("the links of", () => {
  test.each(pages)("%s lead somewhere", (page) => {
    const text = read(page).replace(/```[\s\S]*?```/g, "");
    for (const [, link] of text.matchAll(/\]\((?!\w+:)([^)\s]+)\)/g)) {
      const [path, place] = link!.split("#");
      expectPlace(path ? join(dirname(page), path) : page, place, `${page}: ${link}`);
    }
  });
});

test("the source files that pages name are there", () => {
  let count = 0;
  for (const page of pages) {
    for (const [, path] of read(page).matchAll(/`([\w./-]+\.ts)`/g)) {
      const isThere = files.some((file) => `/${file}`.endsWith(`/${path}`));
      expect(isThere, `${page} names ${path}`).toBe(true);
      count++;
    }
  }
  expect(count).toBeGreaterThan(60);
});

test("the places in the docs that programs and files name are there", () => {
  let count = 0;
  for (const file of files) {
    if (!/^(src|bin|examples|scripts)\/.*\.(ts|js|yml|yaml|service)$/.test(file)) {
      continue;
    }
    for (const [, path, place] of read(file).matchAll(/\b(docs\/[\w/-]+\.md)(?:#([\w-]+))?/g)) {
      expectPlace(path!, place, file);
      count++;
    }
  }
  expect(count).toBeGreaterThan(15);
});
