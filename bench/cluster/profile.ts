import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The categories of a profile's time: the first that matches a function's location counts. */
const parts: readonly (readonly [name: string, isIn: RegExp])[] = [
  ["client of NATS (@nats-io)", /@nats-io/],
  ["engine on NATS (src/server/log)", /src\/server\/log\//],
  ["calls (src/server/service)", /src\/server\/service\//],
  ["HTTP/2 of Chatter (src/server/http)", /src\/server\/http\//],
  ["Connect and protobuf", /@connectrpc|@bufbuild/],
  ["Node: sockets, HTTP/2, timers, promises", /^node:/],
];

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    /** The line counts from 0. */
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Where a process spent the time in which it was not idle, in percent, largest first. */
export async function summariseProfile(folder: string): Promise<Record<string, number>> {
  const [file] = (await readdir(folder)).filter((name) => name.endsWith(".cpuprofile"));
  const profile: CpuProfile = JSON.parse(await readFile(join(folder, file!), "utf8"));
  const partOf = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const micros = new Map<string, number>();
  let busy = 0;
  for (const [i, id] of profile.samples.entries()) {
    const part = partOf.get(id)!;
    const delta = Math.max(0, profile.timeDeltas[i]!);
    if (part !== "(idle)") {
      busy += delta;
      micros.set(part, (micros.get(part) ?? 0) + delta);
    }
  }
  const shares = [...micros].map(([part, time]) => [part, Math.round((time * 1000) / busy) / 10]);
  return Object.fromEntries(shares.sort(([, a], [, b]) => Number(b) - Number(a)));
}

function nameOf({ functionName, url, lineNumber }: CpuProfile["nodes"][number]["callFrame"]) {
  if (functionName === "(garbage collector)") {
    return "garbage collection";
  }
  if (functionName === "(idle)") {
    return functionName;
  }
  if (functionName === "(program)" || url === "") {
    return "native code: system calls, V8's own";
  }
  const place = url.startsWith("file:") ? sourceOf(url, lineNumber) : url;
  return parts.find(([, isIn]) => isIn.test(place))?.[0] ?? "all else";
}

/** For each bundle, by its URL: the source file of each of its lines. */
const sources = new Map<string, readonly string[]>();

/** The source of a line of a bundle, in which a comment before each module names its file. */
function sourceOf(url: string, line: number): string {
  let lines = sources.get(url);
  if (lines === undefined) {
    let source = url;
    lines = readFileSync(fileURLToPath(url), "utf8")
      .split("\n")
      .map((text) => {
        source = /^ *\/\/ ((?:src|node_modules)\/\S+)$/.exec(text)?.[1] ?? source;
        return source;
      });
    sources.set(url, lines);
  }
  return lines[line] ?? url;
}
