import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { openFileLog } from "../../src/server/log/file/file-log.js";
import { post } from "../support/log-messages.js";
import { segmentsOf } from "../support/segments.js";
import { tempDir } from "../support/temp-dir.js";

/** Lets those continue that wait for a pipe to be opened. */
function release(path: string): void {
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
  } catch (error) {
    expect(error).toMatchObject({ code: "ENXIO" }); // Nobody waits for this one.
  }
}

test.runIf(process.platform === "linux")(
  "readers whose disk does not answer hold up no commit, and can leave",
  async () => {
    const dir = tempDir();
    const before = await openFileLog({ dir, segmentBytes: 200 });
    for (let i = 0; i < 12; i++) {
      await before.append([post(`${i}`)]);
    }
    await before.close();
    const log = await openFileLog({ dir, segmentBytes: 1e6 });
    onTestFinished(() => log.close());
    // What opens a pipe waits in its thread, as on a disk that hangs.
    const stuck = segmentsOf(dir).slice(0, -1);
    for (const path of stuck) {
      rmSync(path);
      execFileSync("mkfifo", [path]);
    }
    const leaving: AbortController[] = [];
    let left = 0;
    const reads = Array.from({ length: 40 }, async (_, i) => {
      const controller = new AbortController();
      const { signal } = controller;
      if (i >= 20) {
        leaving.push(controller);
      }
      await Promise.resolve(log.read(i % 10, { signal })).catch((error) => {
        left += Number(error === signal.reason);
      });
    });
    let ended = false;
    const all = Promise.all(reads).finally(() => {
      ended = true;
    });
    onTestFinished(async () => {
      while (!ended) {
        stuck.forEach(release);
        await sleep(5);
      }
      await all;
    });
    for (let i = 0; i < 20; i++) {
      const { error, positions } = await log.append([post("more")]);
      expect([error, positions[0]?.sequence]).toEqual([undefined, 13 + i]);
    }
    for (const controller of leaving) {
      controller.abort();
    }
    await expect.poll(() => left).toBe(20);
    expect(ended).toBe(false);
  },
);
