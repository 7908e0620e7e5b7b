import { cpSync, existsSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import { upgradeLog } from "../../src/server/log/leveldb/log-upgrade.js";
import { chatterBin } from "../support/cli.js";
import { compiled } from "../support/compiled.js";
import { type CrashState, forCrashStates, printedBy } from "../support/crash/crash-states.js";
import { canRecord, record, seeded } from "../support/crash/record.js";
import { RecordedDisk } from "../support/crash/recorded-disk.js";
import {
  keptMessages,
  recordedId,
  recordedRoom,
  segmentBytes,
} from "../support/crash/recorded-posts.js";
import { runLog } from "../support/log-copies.js";
import { post, texts } from "../support/log-messages.js";
import { copyOldLog, oldLogs, readExportFile, readStore } from "../support/old-logs.js";
import { readRooms, roomList, select } from "../support/room-messages.js";
import { rounds } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";

/*
 * What the program does to its files is recorded call by call. A crash may come at any of them, and
 * leave any part of what was not synced: each such state is reproduced and opened.
 */

const timeout = 120_000 * rounds(1);

const recordedLog = compiled("test/support/crash/recorded-log");

/** Opens what a crash has left and compares it with what the program had answered before. */
async function checkLog({ dir: parent, printed }: CrashState): Promise<void> {
  const dir = join(parent, "data");
  const identities = printed.filter((line) => line.startsWith("identity "));
  const answered = printed.flatMap((line) => {
    const [, sequence, text] = /^ok (\d+) (.*)$/.exec(line) ?? [];
    return text === undefined ? [] : [{ sequence: Number(sequence), text }];
  });
  const open = () => openFileLog({ dir, segmentBytes, dedupe: { maxIds: 1000 } });
  let log = await open();
  try {
    expect(identities.every((line) => line === `identity ${log.identity}`)).toBe(true);
    const { first, head } = log;
    expect(first).toBeLessThanOrEqual(Math.max(1, head - keptMessages + 1));
    const before = await texts(log);
    expect(new Set(before).size, "none is there twice").toBe(before.length);
    for (const { sequence, text } of answered) {
      expect(head).toBeGreaterThanOrEqual(sequence);
      expect(sequence < first || before[sequence - first] === text, text.slice(0, 12)).toBe(true);
    }
    for (const room of ["", "a", "b/c"]) {
      const expected = before.filter((text) => recordedRoom(text) === room);
      const own = await readRooms(log, select(room));
      expect(own.map(({ text }) => text)).toEqual(expected);
      const [state] = await roomList(log, { rooms: select(room) });
      expect(state?.count ?? 0).toBe(expected.length);
    }
    // Whether they were answered or not: none of those that are there is stored again.
    for (const [i, text] of before.slice(-8).entries()) {
      const messageId = recordedId(text);
      if (messageId !== "") {
        const { positions } = await log.append([
          { text, sender: "s", messageId, room: recordedRoom(text) },
        ]);
        expect(positions[0]?.sequence).toBe(head - Math.min(8, before.length) + 1 + i);
      }
    }
    expect((await log.append([post("next")])).positions[0]?.sequence).toBe(head + 1);
    await log.close();
    log = await open();
    expect([log.first, await texts(log)]).toEqual([first, [...before, "next"]]);
  } finally {
    await log.close();
  }
}

describe.skipIf(!canRecord())("states after a crash", () => {
  test("a log keeps what was answered, once, and takes more", { timeout }, async () => {
    const root = tempDir();
    const calls = await record(root, [recordedLog, join(root, "data")]);
    const names = new Set(calls.flatMap((call) => ("path" in call ? [basename(call.path)] : [])));
    expect(names.has("00000003.seg"), "several files were begun").toBe(true);
    expect(
      calls.some(({ kind }) => kind === "unlink"),
      "files were removed",
    ).toBe(true);
    await forCrashStates({ root, calls }, rounds(70), checkLog);

    // A crash of the start that follows a crash, and of what comes then.
    const again = tempDir();
    const before = tempDir();
    const { end } = calls[Math.floor(calls.length * 0.4)]!;
    const disk = new RecordedDisk(root);
    disk.run(calls, end);
    disk.write(before, "some", seeded(1));
    cpSync(before, again, { recursive: true });
    const answered = printedBy(calls, end);
    const more = await record(again, [recordedLog, join(again, "data"), "b"]);
    await forCrashStates({ root: again, calls: more, before }, rounds(30), (state) =>
      checkLog({ ...state, printed: [...answered, ...state.printed] }),
    );
  });

  test.each([
    ["into no folder", async () => {}],
    [
      "over a log that has no messages",
      async (dir: string) => (await openFileLog({ dir: join(dir, "data") })).close(),
    ],
  ])(
    "an import that broke off anywhere is finished by the next: %s",
    { timeout },
    async (_, make) => {
      const before = tempDir();
      await make(before);
      const root = tempDir();
      cpSync(before, root, { recursive: true });
      const file = join(oldLogs, "plain.jsonl");
      const dataDir = (parent: string) => ["--data-dir", join(parent, "data")];
      const calls = await record(root, [chatterBin, "log", "import", ...dataDir(root), file]);
      const whole = JSON.stringify(await readExportFile(file));
      await forCrashStates({ root, calls, before }, rounds(30), async ({ dir }) => {
        await runLog(["import", ...dataDir(dir), file]);
        expect(JSON.stringify(await readStore(join(dir, "data"))) === whole).toBe(true);
        await (await openFileLog({ dir: join(dir, "data"), dedupe: { maxIds: 100 } })).close();
      });
    },
  );

  test("an upgrade that broke off anywhere is finished by the next", { timeout }, async () => {
    const before = tempDir();
    cpSync(copyOldLog("plain"), join(before, "data"), { recursive: true });
    const root = tempDir();
    cpSync(before, root, { recursive: true });
    const args = [chatterBin, "log", "upgrade", "--data-dir", join(root, "data")];
    const calls = await record(root, args);
    const whole = JSON.stringify(await readExportFile(join(oldLogs, "plain.jsonl")));
    await forCrashStates({ root, calls, before }, rounds(40), async ({ dir }) => {
      // A server starts only on a complete log.
      const opened = await openFileLog({ dir: join(dir, "data"), dedupe: { maxIds: 100 } }).then(
        async (log) => {
          const { first, head } = log;
          await log.close();
          return `${first} ${head}`;
        },
        (error: Error) => error.message,
      );
      expect(opened).toMatch(/chatter log upgrade --data-dir|^86 351$/);
      await upgradeLog(join(dir, "data"), { copied() {}, checked() {} });
      // As text: thousands of messages are compared by one step.
      expect(JSON.stringify(await readStore(join(dir, "data"))) === whole).toBe(true);
      expect(existsSync(join(dir, "data", "messages.upgrade"))).toBe(false);
      expect(existsSync(join(dir, "data", "messages.new"))).toBe(false);
    });
  });
});
