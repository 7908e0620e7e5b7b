import { fstatSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { CommitBuilder } from "../../../src/server/log/core/commit.js";
import { hashId } from "../../../src/server/log/core/dedupe-window.js";
import { FileStore } from "../../../src/server/log/file/file-store.js";
import { decode } from "../../support/log-messages.js";
import { tempDir } from "../../support/temp-dir.js";

const identity = "AbCdEfGh";

function folder(): string {
  const dir = join(tempDir(), "messages");
  mkdirSync(dir);
  return dir;
}

async function created(dir: string, segmentBytes?: number, first = 1) {
  const store = FileStore.create({ dir, identity, segmentBytes }, first);
  await store.startWriting();
  onTestFinished(() => store.close());
  return store;
}

async function reopened(dir: string, head = 0, segmentBytes?: number) {
  const store = (await FileStore.open({ dir, identity, segmentBytes }, { head }))!;
  onTestFinished(() => store.close());
  return store;
}

/** A commit of texts after what the store has; every second one has an id. */
function commit(store: FileStore, texts: readonly string[], sentAt = 1000) {
  const { last, totalBytes } = store.standing;
  const builder = new CommitBuilder(identity, sentAt, last, totalBytes);
  for (const [i, text] of texts.entries()) {
    builder.add(text, "goa", i % 2 === 0 ? undefined : hashId("goa", `id ${text}`, text));
  }
  return builder.build();
}

async function readAll(store: FileStore, after = 0): Promise<string[]> {
  const texts: string[] = [];
  const { last } = store.standing;
  for (let at = after; at < last; ) {
    const batch = await store.read(at, last);
    expect(batch.first).toBe(at + 1);
    texts.push(...decode(batch).map(({ message }) => message));
    at = batch.last;
  }
  return texts;
}

test("what was written is read, over segments and after opening it again", async () => {
  const dir = folder();
  const store = await created(dir, 10_000);
  const texts: string[] = [];
  for (let i = 0; i < 200; i++) {
    const part = Array.from({ length: 1 + (i % 7) }, (_, k) => `text ${i} ${k}`.padEnd(i, "x"));
    await store.write(commit(store, part, 1000 + i));
    texts.push(...part);
  }
  expect(await readAll(store)).toEqual(texts);
  const { standing } = store;
  const ids = [];
  for await (const records of store.ids()) {
    ids.push(...records);
  }
  await store.close();
  expect(readdirSync(dir).filter((name) => name.endsWith("seg")).length).toBeGreaterThan(5);

  for (const withIndexes of [true, false]) {
    if (!withIndexes) {
      for (const name of readdirSync(dir).filter((name) => name.endsWith("idx"))) {
        rmSync(join(dir, name));
      }
    }
    const again = await reopened(dir);
    expect(again.standing).toMatchObject(standing);
    expect(again.faults).toEqual([]);
    expect(await readAll(again)).toEqual(texts);
    for (const after of [1, 17, 333, 500]) {
      expect(await readAll(again, after)).toEqual(texts.slice(after));
    }
    const read = [];
    for await (const records of again.ids()) {
      read.push(...records);
    }
    expect(read).toEqual(ids);
  }
});

test("a gap is data_loss with its range, and what follows it is there", async () => {
  const dir = folder();
  const store = await created(dir, undefined, 11);
  await store.write(commit(store, ["a", "b"]));
  await store.writeGap(20);
  await store.write(commit(store, ["c"]));
  for (const open of [() => store, () => reopened(dir)]) {
    const current = await open();
    expect(current.standing).toMatchObject({ last: 21, firstKept: 11 });
    expect(await current.read(10, 21)).toMatchObject({ first: 11, last: 12 });
    await expect(current.read(12, 21)).rejects.toMatchObject({ code: Code.DataLoss });
    await expect(current.read(15, 21)).rejects.toThrow("messages 16 to 20 of the log");
    expect(await current.read(20, 21)).toMatchObject({ first: 21, last: 21 });
    await current.close();
  }
});

test("writing continues in the last segment, or after a loss in a new one", async () => {
  const dir = folder();
  const store = await created(dir);
  await store.write(commit(store, ["a"]));
  await store.close();
  const second = await reopened(dir);
  await second.startWriting();
  await second.write(commit(second, ["b"]));
  await second.close();
  expect(readdirSync(dir)).toEqual(["00000001.seg"]);
  writeFileSync(join(dir, "00000002.seg.abcd.tmp"), "half made");

  const third = await reopened(dir, 5);
  expect(third.standing.last).toBe(2);
  await third.startWriting(5);
  await third.write(commit(third, ["f"]));
  await expect(third.read(2, 6)).rejects.toThrow("messages 3 to 5 of the log");
  expect(await third.read(5, 6)).toMatchObject({ first: 6, last: 6 });
  await third.close();
  expect(readdirSync(dir)).toEqual(["00000001.idx", "00000001.seg", "00000002.seg"]);
});

test("retention takes whole segments from the disk, first moves by record", async () => {
  const dir = folder();
  const store = await created(dir, 10_000);
  for (let i = 0; i < 100; i++) {
    await store.write(commit(store, [`a${i}`, `b${i}`, "x".repeat(500)], 1000 + i));
  }
  for (const kept of [200, 149, 100, 7, 1, 0]) {
    const isExpired = ({ last }: { last: number }) => 300 - last >= kept;
    const last = (await store.lastExpired(isExpired))!;
    expect(last).toBe(Math.floor((300 - kept) / 3) * 3);
    await store.removeBefore(last + 1, 301);
    expect(store.standing.firstKept).toBe(last + 1);
    expect((await readAll(store, last)).length).toBe(300 - last);
  }
  expect(await store.lastExpired(() => false)).toBeUndefined();
  await store.close();
  expect(readdirSync(dir).filter((name) => name.endsWith("seg"))).toHaveLength(1);
  const again = await reopened(dir);
  expect(again.standing).toMatchObject({ last: 300, firstKept: 301, sentAt: 1099 });
});

test("ids outlive their segment until they are forgotten", async () => {
  const dir = folder();
  const store = await created(dir, 2000);
  for (let i = 0; i < 30; i++) {
    await store.write(commit(store, [`a${i}`, `b${i}`, "x".repeat(500)]));
  }
  const idsFrom = async (current: FileStore) => {
    const sequences: number[] = [];
    for await (const records of current.ids()) {
      sequences.push(...records.flatMap((record) => record!.ids.map(({ sequence }) => sequence)));
    }
    return sequences;
  };
  const all = await idsFrom(store);
  await store.removeBefore(91, 40);
  const kept = await idsFrom(store);
  expect(kept).toEqual(all.filter((sequence) => sequence >= 40));
  await store.close();
  const again = await reopened(dir);
  expect(await idsFrom(again)).toEqual(kept);
  await again.removeIds(91);
  expect(readdirSync(dir).filter((name) => name.endsWith("ids"))).toEqual([]);
});

test("the file that is written is open and at its path at any moment", async () => {
  const store = await created(folder(), 1);
  const seen = new Set<string>();
  let isWriting = true;
  const look = () => {
    const { fd, path } = store.active!;
    expect(fstatSync(fd).ino, path).toBe(statSync(path).ino);
    seen.add(path);
  };
  const looking = (async () => {
    for (; isWriting; await new Promise(setImmediate)) {
      look();
    }
  })();
  for (let i = 0; i < 100; i++) {
    await store.write(commit(store, ["x"])); // Each has a segment of its own.
  }
  isWriting = false;
  await looking;
  expect(seen.size).toBeGreaterThan(10);
});
