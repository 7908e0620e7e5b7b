import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import { readHeadFiles } from "../../src/server/log/file/head-file.js";
import { openStore } from "../../src/server/log/file/open-store.js";
import { logFolder } from "../../src/server/log/log-folder.js";
import { decode, post, rounds } from "../support/log-messages.js";
import { cutZeros } from "../support/segments.js";
import { tempDir } from "../support/temp-dir.js";

/*
 * Property-based: damage of any kind at any place. What was answered is there, or its readers get
 * data_loss with its range, or the log is refused; what was never answered is there or not.
 */

/** A log in several segments, with and without ids, and what is in it. */
let intact = "";
const stored: string[] = [];

beforeAll(async () => {
  intact = tempDir();
  for (let session = 0; session < 3; session++) {
    const log = await openFileLog({ dir: intact, segmentBytes: 8192 });
    for (let i = 0; i < 20; i++) {
      const messages = Array.from({ length: 1 + (i % 3) }, () => {
        const text = `message ${stored.length + 1} `.padEnd(20 + ((stored.length * 7) % 90), "y");
        stored.push(text);
        return post(text, stored.length % 2 === 0 ? "" : `id-${stored.length}`);
      });
      await log.append(messages);
    }
    await log.close();
  }
  cutZeros(intact);
});

const files = () =>
  readdirSync(join(intact, "messages"))
    .sort()
    .map((name) => join("messages", name));

/** A copy of the log with one file changed or missing. */
function copyWith(file: string, change: (bytes: Buffer) => Buffer | undefined): string {
  const copy = join(tempDir(), "copy");
  cpSync(intact, copy, { recursive: true });
  const changed = change(readFileSync(join(intact, file)));
  if (changed === undefined) {
    rmSync(join(copy, file));
  } else {
    writeFileSync(join(copy, file), changed);
  }
  return copy;
}

/**
 * The outcome of a damaged copy. Everything is read, from each place at which a reader would try
 * again after an error; fails if anything is skipped without an error, or is wrong.
 */
async function outcome(dir: string): Promise<"refused" | "reported" | "intact"> {
  let opened: Awaited<ReturnType<typeof openStore>>;
  try {
    opened = await openStore(logFolder(dir));
  } catch (error) {
    expect(ConnectError.from(error).code).toBe(Code.FailedPrecondition);
    return "refused";
  }
  const { store, lock, place } = opened;
  try {
    expect(place.head).toBe(stored.length);
    let reported = false;
    for (let last = 0; last < stored.length; ) {
      try {
        const batch = await store.read(last, place.head);
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
    await store.close();
    lock.release();
  }
}

const numRuns = 40 * rounds(1);
const timeout = 60_000 * rounds(1);
const someFile = fc.nat().map((n) => files()[n % files().length]!);

test("a flipped bit anywhere is reported, or does no harm", { timeout }, async () => {
  const anywhere = fc.record({
    file: someFile,
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    bit: fc.nat(7),
  });
  await fc.assert(
    fc.asyncProperty(anywhere, async ({ file, at, bit }) => {
      const dir = copyWith(file, (bytes) => {
        bytes[Math.floor(at * bytes.length)]! ^= 1 << bit;
        return bytes;
      });
      const result = await outcome(dir);
      rmSync(dir, { recursive: true });
      expect(result).not.toBe("refused");
      if (!file.endsWith("seg")) {
        expect(result).toBe("intact");
      }
    }),
    { numRuns },
  );
});

test("a file that was cut off, and one with zeros, lose what is no longer there", {
  timeout,
}, async () => {
  const part = fc.double({ min: 0, max: 1, noNaN: true });
  await fc.assert(
    fc.asyncProperty(someFile, part, fc.boolean(), async (file, at, isCut) => {
      const dir = copyWith(file, (bytes) => {
        const place = Math.floor(at * bytes.length);
        return isCut ? bytes.subarray(0, place) : bytes.fill(0, place);
      });
      await outcome(dir);
      rmSync(dir, { recursive: true });
    }),
    { numRuns },
  );
});

test("a file that is gone takes its own messages with it, and no others", { timeout }, async () => {
  for (const file of files()) {
    const dir = copyWith(file, () => undefined);
    expect(await outcome(dir)).toBe(file.endsWith("seg") ? "reported" : "intact");
    rmSync(dir, { recursive: true });
  }
});

test("either line of the head file is enough", async () => {
  const size = statSync(join(intact, "messages.head")).size;
  for (let at = 0; at < size; at += 7) {
    const dir = copyWith("messages.head", (bytes) => {
      bytes[at]! ^= 1;
      return bytes;
    });
    expect(await outcome(dir)).toBe("intact");
  }
});

/** The log with the last commit as a power failure may leave it: some sectors new, others not. */
function withTornCommit(sectorBytes: number, isNew: (sector: number) => boolean, old: Old) {
  const last = files().findLast((file) => file.endsWith("seg"))!;
  const before = readFileSync(join(intact, last));
  return async (commit: readonly string[], isAnswered: boolean) => {
    const dir = copyWith(last, (bytes) => bytes);
    const log = await openFileLog({ dir, segmentBytes: 1e6 });
    await log.append(commit.map((text, i) => post(text, i % 2 === 0 ? `torn ${i}` : "")));
    await log.close();
    cutZeros(dir);
    const path = join(dir, last);
    const after = readFileSync(path);
    const size = old === "shorter" ? before.length : after.length;
    let torn = Buffer.alloc(after.length);
    before.copy(torn);
    let end = size;
    for (let at = 0, sector = 0; at < after.length; at += sectorBytes, sector++) {
      if (isNew(sector)) {
        after.copy(torn, at, at, at + sectorBytes);
        end = Math.max(end, Math.min(after.length, at + sectorBytes));
      }
    }
    torn = torn.subarray(0, end);
    writeFileSync(path, torn);
    if (!isAnswered) {
      for (const name of ["messages.head", "messages/head"]) {
        cpSync(join(intact, name), join(dir, name));
      }
    }
    return { dir, isWhole: torn.equals(after) };
  };
}

type Old = "zeros" | "shorter";

test("any mixture of old and new sectors of the last commit is whole, rolled back, or data_loss", {
  timeout,
}, async () => {
  const mixture = fc.record({
    sectors: fc.infiniteStream(fc.boolean()),
    sectorBytes: fc.constantFrom(64, 512, 4096),
    old: fc.constantFrom<Old>("zeros", "shorter"),
    texts: fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 4 }),
    isAnswered: fc.boolean(),
  });
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(mixture, async ({ sectors, sectorBytes, old, texts, isAnswered }) => {
      const commit = texts.map((length, i) => `${i}`.padEnd(length, "z"));
      const choices: boolean[] = [];
      const isNew = (sector: number) => {
        choices[sector] ??= sectors.next().value as boolean;
        return choices[sector]!;
      };
      const tear = withTornCommit(sectorBytes, isNew, old);
      const { dir, isWhole } = await tear(commit, isAnswered);
      expect(readHeadFiles(logFolder(dir)).mark!.head).toBe(
        stored.length + (isAnswered ? commit.length : 0),
      );
      const log = await openFileLog({ dir });
      const result: string[] = [];
      try {
        for (let last = 0; last < log.head; ) {
          try {
            const batch = (await log.read(last))!;
            const expected = [...stored, ...commit].slice(last, batch.last);
            expect(decode(batch).map(({ message }) => message)).toEqual(expected);
            last = batch.last;
          } catch (error) {
            expect(error).toMatchObject({ code: Code.DataLoss });
            expect(last).toBeGreaterThanOrEqual(stored.length);
            last = Number(/ to (\d+) /.exec((error as Error).message)![1]);
            result.push("data_loss");
          }
        }
        if (log.head === stored.length) {
          result.push("rolled back");
        }
        const outcome = result[0] ?? "whole";
        seen.add(outcome);
        // A commit in which only the ids are torn has all its messages, but was never complete.
        expect(outcome === "whole" || !isWhole).toBe(true);
        expect(outcome === "rolled back").toBe(!isWhole && !isAnswered);
        // What is written next is found behind it, now and later.
        const { positions } = await log.append([post("next")]);
        expect(positions[0]!.sequence).toBe(log.head);
      } finally {
        await log.close();
      }
      const again = await openStore(logFolder(dir));
      expect(decode(await again.store.read(again.place.head - 1, again.place.head))).toMatchObject([
        { message: "next" },
      ]);
      await again.store.close();
      again.lock.release();
      rmSync(dir, { recursive: true });
    }),
    { numRuns: 12 * rounds(1) },
  );
  expect(seen.size).toBeGreaterThan(1);
});
