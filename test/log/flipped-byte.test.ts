import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { beforeAll, expect, test } from "vitest";
import { openLevelLog } from "../../src/server/log/level-log.js";
import { decode, post, rounds } from "../support/log-messages.js";
import { tempDir } from "../support/temp-dir.js";

/** A log in several tables and a log file, with and without ids, and what is in it. */
let intact = "";
const stored: string[] = [];

beforeAll(async () => {
  intact = tempDir();
  for (let session = 0; session < 6; session++) {
    const log = await openLevelLog({ dir: intact });
    for (let i = 0; i < 10; i++) {
      const messages = Array.from({ length: 1 + (i % 3) }, () => {
        const text = `message ${stored.length + 1} `.padEnd(20 + ((stored.length * 7) % 90), "y");
        stored.push(text);
        return post(text, stored.length % 2 === 0 ? "" : `id-${stored.length}`);
      });
      await log.append(messages);
    }
    await log.close();
  }
});

/**
 * What becomes of a damaged copy. Everything is read, from each place that a reader would
 * try after an error; fails if anything is passed over without an error.
 */
async function outcome(dir: string): Promise<"refused" | "reported" | "intact"> {
  let log: Awaited<ReturnType<typeof openLevelLog>>;
  try {
    log = await openLevelLog({ dir });
  } catch (error) {
    expect(ConnectError.from(error).code).toBe(Code.FailedPrecondition);
    return "refused";
  }
  try {
    expect(log.head).toBe(stored.length);
    let reported = false;
    for (let last = 0; last < stored.length; ) {
      try {
        const batch = (await log.read(last))!;
        expect(batch.first).toBe(last + 1);
        expect(decode(batch).map(({ message }) => message)).toEqual(stored.slice(last, batch.last));
        last = batch.last;
      } catch (error) {
        expect(error).toMatchObject({ code: Code.DataLoss });
        const range = /messages (\d+) to (\d+) /.exec((error as Error).message)!;
        expect(Number(range[1])).toBe(last + 1);
        last = Number(range[2]);
        reported = true;
      }
    }
    return reported ? "reported" : "intact";
  } finally {
    await log.close();
  }
}

/** All files of a log, by their place in its folder. */
function filesOf(dir: string): string[] {
  const files = readdirSync(join(dir, "messages")).map((name) => join("messages", name));
  return ["messages.head", ...files];
}

/** Tries a change of each file and counts what comes of it, by the kind of file. */
async function damage(change: (bytes: Buffer) => Buffer | undefined, times: number) {
  const copy = join(tempDir(), "copy");
  const counts: Record<string, Partial<Record<"refused" | "reported" | "intact", number>>> = {};
  for (const file of filesOf(intact)) {
    const bytes = readFileSync(join(intact, file));
    for (let i = 0; i < times && bytes.length > 0; i++) {
      rmSync(copy, { recursive: true, force: true });
      cpSync(intact, copy, { recursive: true });
      const changed = change(Buffer.from(bytes));
      if (changed === undefined) {
        rmSync(join(copy, file));
      } else {
        writeFileSync(join(copy, file), changed);
      }
      const kind = file.replace(/\d+/, "N").replace("messages/", "");
      counts[kind] ??= {};
      const count = counts[kind];
      const result = await outcome(copy);
      count[result] = (count[result] ?? 0) + 1;
    }
  }
  return counts;
}

const times = 4 * rounds(1);

test("a flipped byte in any file is reported, or does no harm", async () => {
  const counts = await damage((bytes) => {
    const at = Math.floor(Math.random() * bytes.length);
    bytes[at]! ^= 1 << Math.floor(Math.random() * 8);
    return bytes;
  }, times);
  // Each kind of file is there, and the damage is felt where messages are.
  expect(Object.keys(counts).sort()).toEqual(
    ["CURRENT", "LOG", "LOG.old", "MANIFEST-N", "N.ldb", "N.log", "messages.head"].sort(),
  );
  expect(counts["N.log"]).not.toHaveProperty("intact");
  expect(counts["N.ldb"]?.reported).toBeGreaterThan(0);
  expect(counts["MANIFEST-N"]).not.toHaveProperty("intact");
  expect(counts["messages.head"]).toEqual({ intact: times });
}, 120_000);

test("a file that was cut off is reported, or does no harm", async () => {
  const counts = await damage(
    (bytes) => bytes.subarray(0, Math.floor(Math.random() * bytes.length)),
    times,
  );
  expect(counts["N.log"]).not.toHaveProperty("intact");
}, 120_000);

test("a file that is gone is reported, or does no harm", async () => {
  const counts = await damage(() => undefined, 1);
  expect(counts["N.log"]).toEqual({ reported: 1 });
  expect(counts.CURRENT).toEqual({ refused: 1 });
  expect(counts["MANIFEST-N"]).toEqual({ refused: 1 });
});
