import {
  cpSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { expect, test } from "vitest";
import { LevelFolder } from "../../../src/server/log/leveldb/level-folder.js";
import { rounds } from "../../support/streams.js";
import { tempDir } from "../../support/temp-dir.js";

type Level = ClassicLevel<Buffer, Buffer>;

const lowest = Buffer.alloc(0);
const highest = Buffer.from([255]);

function openLevel(folder: string, options: object = {}): Level {
  return new ClassicLevel(folder, {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
    compression: false,
    ...options,
  });
}

function key(prefix: string, sequence: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes.write(prefix);
  bytes.writeUIntBE(sequence, 3, 6);
  return bytes;
}

/** A value that does not compress well, and one that does. */
const sampleOf = (i: number, length: number) =>
  Buffer.alloc(length, i % 3 === 0 ? `${i} `.repeat(9) : `${Math.sin(i)}${Math.cos(i)}`);

/** Writes much, writes some again, removes some, so that there are tables on several levels. */
async function fill(folder: string, options: object = {}, rounds = 120): Promise<void> {
  const level = openLevel(folder, { writeBufferSize: 64 * 1024, maxFileSize: 1 << 20, ...options });
  for (let i = 0; i < rounds; i++) {
    const operations = Array.from({ length: 40 }, (_, k) => ({
      type: "put" as const,
      key: key(k % 4 === 0 ? "n" : "m", i * 40 + k),
      value: sampleOf(i * 40 + k, (k * 131) % 4000),
    }));
    await level.batch([
      ...operations,
      { type: "put", key: Buffer.from("z"), value: sampleOf(i, 20) },
      ...Array.from({ length: 20 }, (_, k) => ({
        type: "del" as const,
        key: key("m", i * 10 + k - 400 < 0 ? 0 : i * 10 + k - 400),
      })),
    ]);
  }
  await level.close();
}

async function readByLevel(folder: string, options: object = {}) {
  const level = openLevel(folder, options);
  const entries = await level.iterator().all();
  await level.close();
  return entries;
}

async function readHere(folder: string, from: Buffer = lowest, to: Buffer = highest) {
  const level = await LevelFolder.open(folder);
  const entries: [Buffer, Buffer][] = [];
  for await (const { key, value } of level.entries(from, to)) {
    entries.push([key, value]);
  }
  return { entries, damage: level.damage };
}

/** As one text, which is compared at once. */
const textOf = (entries: readonly (readonly [Buffer, Buffer])[]) =>
  entries.map(([k, v]) => `${k.toString("hex")} ${v.toString("latin1")}`).join("\n");

test.each([
  ["as they are", false],
  ["packed by Snappy", true],
])(
  "tables and logs are read as LevelDB reads them: %s",
  async (_, compression) => {
    const folder = join(tempDir(), "level");
    await fill(folder, { compression });
    const copy = join(tempDir(), "copy");
    cpSync(folder, copy, { recursive: true });
    const { entries, damage } = await readHere(copy);
    expect(damage).toEqual([]);
    expect(entries.length).toBeGreaterThan(3000);
    const expected = await readByLevel(folder, { compression });
    expect(textOf(entries) === textOf(expected)).toBe(true);
    const from = key("m", 3333);
    const to = key("n", 77);
    const part = expected.filter(
      ([k]) => Buffer.compare(k, from) >= 0 && Buffer.compare(k, to) < 0,
    );
    expect(textOf((await readHere(copy, from, to)).entries) === textOf(part)).toBe(true);
    // Without a list all tables count, including those that others have replaced.
    rmSync(join(copy, "CURRENT"));
    const found = await readHere(copy);
    expect(found.damage).toContain(`${join(copy, "CURRENT")} is missing`);
    const values = new Map(found.entries.map(([k, v]) => [k.toString("hex"), v]));
    expect(expected.every(([k, v]) => values.get(k.toString("hex"))?.equals(v))).toBe(true);
  },
  30_000,
);

/** A small folder with tables and a log. */
async function makeSmall(compression: boolean): Promise<string> {
  const folder = join(tempDir(), "level");
  for (const round of [0, 1]) {
    const level = openLevel(folder, { compression });
    for (let i = 0; i < 8; i++) {
      const at = round * 100 + i * 10;
      await level.batch(
        Array.from({ length: 10 }, (_, k) => ({
          type: "put",
          key: key("m", at + k),
          value: Buffer.from(`value of ${at + k} `.repeat(k * 2)),
        })),
      );
    }
    await level.close();
  }
  return folder;
}

test.each([
  ["plain", false],
  ["packed", true],
])(
  "a flipped bit anywhere: what is whole is given, the rest is named (%s)",
  async (_, packed) => {
    const folder = await makeSmall(packed);
    const { entries, damage } = await readHere(folder);
    expect([entries.length, damage]).toEqual([160, []]);
    let damaged = 0;
    for (const name of readdirSync(folder).filter((file) => /\d|CURRENT/.test(file))) {
      const path = join(folder, name);
      const bytes = readFileSync(path);
      const step = Math.max(1, Math.floor(bytes.length / rounds(60)));
      for (let at = 0; at < bytes.length; at += step) {
        const bad = Buffer.from(bytes);
        bad[at]! ^= 1 << (at % 8);
        writeFileSync(path, bad);
        const found = await readHere(folder);
        const same = textOf(found.entries) === textOf(entries);
        damaged += same ? 0 : 1;
        expect({ name, at, silent: !same && found.damage.length === 0 }).toMatchObject({
          silent: false,
        });
        expect(found.damage.every((line) => line.includes(folder))).toBe(true);
      }
      writeFileSync(path, bytes);
    }
    expect(damaged).toBeGreaterThan(10);
  },
  60_000,
);

test("the index of a table is gone: its blocks are found by themselves", async () => {
  const folder = await makeSmall(false);
  const table = readdirSync(folder).find((name) => name.endsWith(".ldb"))!;
  const { entries } = await readHere(folder);
  truncateSync(join(folder, table), statSync(join(folder, table)).size - 40);
  const found = await readHere(folder);
  expect(found.damage).toEqual([`the index of ${join(folder, table)} is damaged`]);
  expect(textOf(found.entries) === textOf(entries)).toBe(true);
});

test("a missing table is named, the others are read", async () => {
  const folder = await makeSmall(false);
  const table = readdirSync(folder).find((name) => name.endsWith(".ldb"))!;
  rmSync(join(folder, table));
  const found = await readHere(folder);
  expect(found.damage).toEqual([`${join(folder, table)} is missing`]);
  expect(found.entries.length).toBe(80);
});

test("a log that breaks off gives all writes before", async () => {
  const folder = await makeSmall(false);
  const log = readdirSync(folder).find((name) => name.endsWith(".log"))!;
  const path = join(folder, log);
  const bytes = readFileSync(path);
  for (let size = bytes.length; size >= 0; size -= 97) {
    truncateSync(path, size);
    const { entries, damage } = await readHere(folder);
    expect(entries.length % 10).toBe(0);
    const lines = damage.filter((line) => !line.startsWith(`${path} is damaged or breaks off at`));
    expect(lines).toEqual([]);
  }
});
