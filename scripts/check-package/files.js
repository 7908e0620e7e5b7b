import { execFileSync } from "node:child_process";
import { posix } from "node:path";

/** Looks at the files of a packed package: links lead to files of it, and maps have their source. */
export function checkFiles(tarball) {
  const tar = (...args) => execFileSync("tar", args, { encoding: "utf8", maxBuffer: 1 << 28 });
  const files = new Set(
    tar("tzf", tarball)
      .trim()
      .split("\n")
      .map((path) => path.slice(8)),
  );
  const read = (path) => tar("xzOf", tarball, `package/${path}`);
  const faults = [];
  for (const page of [...files].filter((path) => /^(README|docs\/.*)\.md$/.test(path))) {
    for (const [, link] of read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)) {
      const target = posix.join(posix.dirname(page), link).replace(/\/$/, "");
      const isThere = files.has(target) || [...files].some((path) => path.startsWith(`${target}/`));
      // What explains the source may lead into it.
      if (!isThere && !/^(\.ci|bench|src|test)(\/|$)/.test(target)) {
        faults.push(`${page} links to ${target}, which the package does not have`);
      }
      if (!isThere && page === "README.md") {
        faults.push(`README.md links to ${target}, which the package does not have`);
      }
    }
  }
  const maps = [...files].filter((path) => path.endsWith(".js.map"));
  for (const path of [maps[0], maps.at(-1)]) {
    if (!JSON.parse(read(path)).sourcesContent?.[0]) {
      faults.push(`${path} has no source`);
    }
  }
  for (const path of ["dist/client/index.js", "dist/server/index.js", "dist/page/page.js"]) {
    if (!files.has(path)) {
      faults.push(`${path} is missing`);
    }
  }
  if (faults.length > 0) {
    throw new Error(faults.join("\n"));
  }
  console.log(`${files.size} files, ${maps.length} of them maps`);
}
