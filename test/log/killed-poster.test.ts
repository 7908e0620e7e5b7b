import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import { post, rounds, texts } from "../support/log-messages.js";
import { startPoster } from "../support/log-process.js";
import { tempDir } from "../support/temp-dir.js";

test("a process killed while it posts loses nothing that was answered", async () => {
  const dir = tempDir();
  const answered = new Set<string>();
  for (let round = 0; round < rounds(3); round++) {
    const poster = startPoster(dir, { env: { POSTER_WRITERS: "16" } });
    await poster.line(/^ok/);
    await sleep(20 + Math.random() * 200);
    await poster.kill();
    for (const line of poster.lines) {
      if (line.startsWith("ok ")) {
        answered.add(line.slice(3));
      }
    }
    const log = await openFileLog({ dir });
    const stored = await texts(log); // each in its place, without a gap
    expect(new Set(stored).size).toBe(stored.length);
    const there = new Set(stored);
    expect([...answered].filter((text) => !there.has(text))).toEqual([]);
    // The ids have survived, too: the first post of each writer had one.
    const known = stored.find((text) => text.startsWith(`${poster.process.pid}-0-0-`))!;
    const again = await log.append([post(known, `${poster.process.pid}-0-0`, "poster")]);
    expect(again.positions[0]?.sequence).toBe(stored.indexOf(known) + 1);
    await log.close();
  }
  expect(answered.size).toBeGreaterThan(100);
}, 120_000);
