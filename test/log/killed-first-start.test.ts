import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import { readHeadFiles } from "../../src/server/log/file/head-file.js";
import { logFolder } from "../../src/server/log/log-folder.js";
import { compiled } from "../support/compiled.js";
import { post, requireAll, rounds, texts } from "../support/log-messages.js";
import { hasStrace } from "../support/strace.js";
import { tempDir } from "../support/temp-dir.js";

const poster = compiled("test/support/log-poster");

/** The calls by which a first start changes the disk, up to the first answers, by their number. */
const changes = [
  ...[1, 2].map((nth) => ["mkdir", nth] as const),
  ...[1, 2, 3, 4, 5, 6, 7].map((nth) => ["fsync", nth] as const),
  ...[1, 2, 3].map((nth) => ["pwrite64", nth] as const),
  ...[1, 2, 3].map((nth) => ["rename", nth] as const),
];

/** Starts a log in a new folder, killed in the nth call of a kind; false if none came. */
async function killedAt(dir: string, call: string, nth: number): Promise<boolean> {
  const names = [
    "",
    ".lock",
    ".head",
    ".head.tmp",
    "/00000001.seg",
    "/00000001.seg.tmp",
    "/head",
    "/head.tmp",
  ];
  const paths = [dir, ...names.map((name) => join(dir, `messages${name}`))];
  const child = spawn(
    "strace",
    [
      ...["-f", "-qq", "-o", "/dev/null", ...paths.flatMap((path) => ["-P", path])],
      ...["-e", `trace=${call}`, "-e", `inject=${call}:error=EINTR:signal=SIGKILL:when=${nth}`],
      ...[process.execPath, poster, dir],
    ],
    // strace counts by threads: only one works on files.
    {
      env: { ...process.env, UV_THREADPOOL_SIZE: "1", POSTER_WRITERS: "1", POSTER_COUNT: "2" },
      stdio: "ignore",
    },
  );
  const [code, signal] = await once(child, "exit");
  return signal === "SIGKILL" || code === 137;
}

const few = requireAll ? 1 : 4 / rounds(1);

test("a first start that is killed at any of its first changes is continued", {
  timeout: 120_000,
}, async ({ skip }) => {
  if (!hasStrace()) {
    expect(requireAll, "this machine has no strace").toBe(false);
    skip("no strace here");
  }
  // Each takes a second: every fourth one, from a random one on, unless all are requested.
  const step = Math.max(1, Math.round(few));
  const start = Math.floor(Math.random() * step);
  await Promise.all(
    changes
      .filter((_, i) => i % step === start)
      .map(async ([call, nth]) => {
        const dir = join(tempDir(), "new", "data");
        mkdirSync(join(dir, ".."), { recursive: true });
        expect(await killedAt(dir, call, nth)).toBe(true);
        const mark = existsSync(join(dir, "messages.head"))
          ? readHeadFiles(logFolder(dir)).mark
          : undefined;
        const log = await openFileLog({ dir });
        try {
          expect(mark?.identity ?? log.identity).toBe(log.identity);
          const { positions } = await log.append([post("next")]);
          expect(positions[0]?.sequence).toBe(log.head);
          expect((await texts(log)).at(-1)).toBe("next");
        } finally {
          await log.close();
        }
      }),
  );
});

test.each([
  [
    "an empty head file, and no folder",
    (dir: string) => writeFileSync(join(dir, "messages.head"), ""),
  ],
  [
    "an empty head file, and an empty folder",
    (dir: string) => {
      mkdirSync(join(dir, "messages"));
      writeFileSync(join(dir, "messages.head"), "");
    },
  ],
  [
    "half a line, as older versions wrote it",
    (dir: string) => writeFileSync(join(dir, "messages.head"), "chatter-log 001 AbCd"),
  ],
  [
    "drafts",
    (dir: string) => {
      mkdirSync(join(dir, "messages"));
      writeFileSync(join(dir, "messages.head.tmp"), "chatter-log 002");
      writeFileSync(join(dir, "messages", "00000001.seg.tmp"), "chat");
      writeFileSync(join(dir, "messages", "head.tmp"), "chat");
      writeFileSync(join(dir, "messages.import.tmp"), "{");
      writeFileSync(join(dir, "messages.probe"), "");
    },
  ],
])("a first start that has left %s is continued", async (_, leave) => {
  const dir = tempDir();
  leave(dir);
  const log = await openFileLog({ dir });
  expect((await log.append([post("a")])).positions[0]?.sequence).toBe(1);
  await log.close();
  const left = readdirSync(dir, { recursive: true }).map(String);
  expect(left.filter((name) => /tmp$|probe/.test(name))).toEqual([]);
  const again = await openFileLog({ dir });
  expect(again.identity).toBe(log.identity);
  await again.close();
});
