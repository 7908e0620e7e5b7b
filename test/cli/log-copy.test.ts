import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { MessageLog } from "../../src/server/log/message-log.js";
import { ExportWriter } from "../../src/server/log/transfer/export-format.js";
import { runHere, startHere } from "../support/cli-here.js";
import { startRestartable } from "../support/cli-restart.js";
import { contentOf, failLog, makeLog, openLog, runLog } from "../support/log-copies.js";
import { post, posts } from "../support/log-messages.js";
import { until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";

/** A server on the log of a folder. */
async function serveFolder(dir: string) {
  const server = await startRestartable();
  const log = await openLog(dir);
  await server.stop();
  await server.start(log);
  return { server, log, env: server.env };
}

const newFile = () => join(tempDir(), "export.jsonl");

describe("an export and its import", () => {
  test("of a folder keep everything: messages, times, senders, sequences, identity, ids", async () => {
    const dir = await makeLog();
    const before = await contentOf(dir);
    expect(before.ids.length).toBeGreaterThan(500);
    const file = newFile();
    expect(await runLog(["export", "--data-dir", dir, file])).toEqual({
      file,
      identity: before.identity,
      through: 1006,
      messages: 1006,
      added: 1006,
    });
    const copy = join(tempDir(), "copy");
    expect(await runLog(["import", "--data-dir", copy, file])).toEqual({
      data_dir: copy,
      identity: before.identity,
      through: 1006,
      added: 1006,
    });
    expect(await contentOf(copy)).toEqual(before);
    const log = await openLog(copy);
    expect((await log.append([post("message 0", "0")])).positions[0]!.sequence).toBe(7);
    expect((await log.append([post("next")])).positions[0]!.sequence).toBe(1007);
  });

  test.each(["connect", "grpc", "grpc-web", "ws"])(
    "of a running server, by %s, are those of its folder",
    async (protocol) => {
      const dir = await makeLog();
      const offline = (await runHere(["log", "export", "--data-dir", dir])).stdout;
      const { env, log } = await serveFolder(dir);
      const online = (await runHere(["log", "export", "--protocol", protocol], { env })).stdout;
      expect(online).toBe(offline);
      await log.close();
      const copy = tempDir();
      await runLog(["import", "--data-dir", copy], { input: online });
      expect(await contentOf(copy)).toEqual(await contentOf(dir));
    },
  );

  test("of a log that retention has shortened begin where it does", async () => {
    const dir = tempDir();
    const log = await openLog(dir, { retention: { maxMessages: 10 } });
    for (let i = 0; i < 5; i++) {
      await log.append(posts(10));
    }
    await expect.poll(() => log.first, { timeout: 10_000 }).toBe(41);
    await log.close();
    const copy = tempDir();
    const file = newFile();
    await runLog(["export", "--data-dir", dir, file]);
    await runLog(["import", "--data-dir", copy, file]);
    const content = await contentOf(copy);
    expect([content.first, content.head]).toEqual([41, 50]);
    expect(content).toEqual(await contentOf(dir));
  });

  test("of an empty log keep its identity", async () => {
    const dir = tempDir();
    await (await openLog(dir)).close();
    const copy = tempDir();
    const { stdout } = await runHere(["log", "export", "--data-dir", dir]);
    await runLog(["import", "--data-dir", copy], { input: stdout });
    expect(await contentOf(copy)).toEqual(await contentOf(dir));
  });
});

describe("an export to a file that is there", () => {
  test("continues where one broke off, wherever that was", async () => {
    const dir = await makeLog(3000);
    const whole = newFile();
    await runLog(["export", "--data-dir", dir, whole]);
    const text = readFileSync(whole);
    for (const part of [0, 0.00001, 0.2, 0.5, 0.77, 0.999]) {
      const file = newFile();
      writeFileSync(file, text);
      truncateSync(file, Math.ceil(text.length * part));
      await runLog(["export", "--data-dir", dir, file]);
      expect(readFileSync(file).equals(text)).toBe(true);
    }
  });

  test("adds what the log got since, and nothing when that is nothing", async () => {
    const dir = await makeLog();
    const file = newFile();
    const copy = tempDir();
    const { env, log } = await serveFolder(dir);
    await runLog(["export", file], { env });
    const size = readFileSync(file).length;
    expect(await runLog(["export", file], { env })).toMatchObject({ messages: 1006, added: 0 });
    expect(readFileSync(file).length).toBe(size);
    await runLog(["import", "--data-dir", copy, file]);
    await log.append([post("later", "later"), post("and later")]);
    expect(await runLog(["export", file], { env })).toMatchObject({ messages: 1008, added: 2 });
    // So does an import into what was imported before.
    expect(await runLog(["import", "--data-dir", copy, file])).toMatchObject({ added: 2 });
    await log.close();
    expect(await contentOf(copy)).toEqual(await contentOf(dir));
  });

  test("refuses one of another log, one that has parted, one that is damaged, and other files", async () => {
    const dir = await makeLog(250);
    const file = newFile();
    const args = ["export", "--data-dir", dir, file];
    await runLog(["export", "--data-dir", await makeLog(250), file]);
    expect(await failLog(args)).toContain("is the export of another log");

    const whole = (await runHere(["log", "export", "--data-dir", dir])).stdout;
    const copy = tempDir();
    await runLog(["import", "--data-dir", copy], { input: whole });
    const [log, parted] = [await openLog(dir), await openLog(copy)];
    await log.append([post("one")]);
    await parted.append([post("another")]);
    await log.close();
    await parted.close();
    const fork = newFile();
    await runLog(["export", "--data-dir", copy, fork]);
    expect(await failLog(["export", "--data-dir", dir, fork])).toContain(
      "differs from the log at message 257",
    );

    // Enough for blocks to follow the damaged one, otherwise it is an end to be cut off.
    const long = await makeLog(3000);
    const damaged = newFile();
    await runLog(["export", "--data-dir", long, damaged]);
    const bytes = readFileSync(damaged);
    bytes[100_000]! ^= 1;
    writeFileSync(damaged, bytes);
    expect(await failLog(["export", "--data-dir", long, damaged])).toMatch(
      /the export is damaged between byte 0 and byte \d+/,
    );
    expect(readFileSync(damaged).equals(bytes)).toBe(true);

    for (const text of ["my diary\n", "{}", '{"chatter_expo":1}\n', "\n"]) {
      const other = newFile();
      writeFileSync(other, text);
      expect(await failLog(["export", "--data-dir", dir, other])).toContain(
        "not an export of a log",
      );
      expect(readFileSync(other, "utf8")).toBe(text);
    }
  });

  test("refuses a pipe and a device, of which it cannot know what they have", async () => {
    const dir = await makeLog(0);
    const pipe = newFile();
    execFileSync("mkfifo", [pipe]);
    for (const path of [pipe, "/dev/null"]) {
      const said = await failLog(["export", "--data-dir", dir, path]);
      expect(said).toContain(`${path} is not a file that can be resumed`);
    }
  });

  test("refuses to leave a hole where the log has removed what it needs", async () => {
    const dir = await makeLog(250);
    const file = newFile();
    await runLog(["export", "--data-dir", dir, file]);
    const log = await openLog(dir, { retention: { maxMessages: 5 } });
    await log.append(posts(10));
    await log.append(posts(10));
    await expect.poll(() => log.first, { timeout: 10_000 }).toBe(267);
    await log.close();
    expect(await failLog(["export", "--data-dir", dir, file])).toContain(
      "ends with message 256, the oldest that the log has is 267",
    );
  });
});

describe("an import", () => {
  test("of an export that broke off keeps the folder from servers until the rest has come", async () => {
    // More than is written at once: otherwise nothing has begun.
    const dir = await makeLog(0);
    const log = await openLog(dir);
    await log.append(Array.from({ length: 3000 }, (_, i) => post("x".repeat(1000), `long ${i}`)));
    await log.close();
    const whole = (await runHere(["log", "export", "--data-dir", dir])).stdout;
    const copy = tempDir();
    const torn = whole.slice(0, Math.floor(whole.length * 0.9));
    const said = await failLog(["import", "--data-dir", copy], { input: torn });
    expect(said).toMatch(/not complete: it ends early, after message \d+; finish it/);
    await expect(openLog(copy)).rejects.toThrow("was not finished");
    expect(await failLog(["export", "--data-dir", copy])).toContain("was not finished");
    expect(await failLog(["verify", "--data-dir", copy])).toContain("was not finished");
    const other = (await runHere(["log", "export", "--data-dir", await makeLog(0)])).stdout;
    expect(await failLog(["import", "--data-dir", copy], { input: other })).toContain(
      "another import",
    );
    await runLog(["import", "--data-dir", copy], { input: whole });
    expect(await contentOf(copy)).toEqual(await contentOf(dir));
  });

  test("takes what there is of one that broke off, if it is asked to", async () => {
    const dir = await makeLog(3000);
    const whole = (await runHere(["log", "export", "--data-dir", dir])).stdout;
    const copy = tempDir();
    const torn = whole.slice(0, Math.floor(whole.length * 0.8));
    await runLog(["import", "--data-dir", copy, "--allow-incomplete"], { input: torn });
    const [part, all] = [await contentOf(copy), await contentOf(dir)];
    expect(part.head).toBeGreaterThan(1000);
    expect(part.messages).toEqual(all.messages.slice(0, part.head));
    expect(part.ids).toEqual(all.ids.filter(({ sequence }) => sequence <= part.head));
  });

  test("refuses another log, one that has parted, and a hole, and leaves them as they were", async () => {
    const dir = await makeLog(250);
    const other = await makeLog(250);
    const whole = (await runHere(["log", "export", "--data-dir", dir])).stdout;
    const before = await contentOf(other);
    expect(await failLog(["import", "--data-dir", other], { input: whole })).toContain(
      "there is another log",
    );
    expect(await contentOf(other)).toEqual(before);

    const copy = tempDir();
    await runLog(["import", "--data-dir", copy], { input: whole });
    for (const [folder, text] of [
      [dir, "one"],
      [copy, "another"],
    ] as const) {
      const log = await openLog(folder);
      await log.append([post(text), post("and more")]);
      await log.close();
    }
    const parted = await contentOf(copy);
    const longer = (await runHere(["log", "export", "--data-dir", dir])).stdout;
    const said = await failLog(["import", "--data-dir", copy], { input: longer });
    expect(said).toMatch(/differs from the export at message 25[78]/);
    expect(await contentOf(copy)).toEqual(parted);
  });

  test("goes into the folder of the flag, though the environment has a log elsewhere", async () => {
    const dir = await makeLog(250);
    const copy = tempDir();
    const { stdout } = await runHere(["log", "export", "--data-dir", dir]);
    const env = { CHATTER_LOG: "nats://127.0.0.1:1" };
    await runLog(["import", "--data-dir", copy], { input: stdout, env });
    expect(await contentOf(copy)).toEqual(await contentOf(dir));
  });

  test("takes the place of a log that has nothing", async () => {
    const dir = await makeLog(250);
    const empty = tempDir();
    await (await openLog(empty)).close();
    const { stdout } = await runHere(["log", "export", "--data-dir", dir]);
    await runLog(["import", "--data-dir", empty], { input: stdout });
    expect(await contentOf(empty)).toEqual(await contentOf(dir));
  });

  test("with a new identity makes another log of the same messages, numbered from 1", async () => {
    const dir = tempDir();
    const log = await openLog(dir, { retention: { maxMessages: 10 } });
    await log.append(posts(10));
    await log.append([post("kept", "an id"), ...posts(9)]);
    await expect.poll(() => log.first, { timeout: 10_000 }).toBe(11);
    await log.close();
    const copy = tempDir();
    const { stdout } = await runHere(["log", "export", "--data-dir", dir]);
    await runLog(["import", "--data-dir", copy, "--new-identity"], { input: stdout });
    const [there, here] = [await contentOf(copy), await contentOf(dir)];
    expect(there.identity).not.toBe(here.identity);
    expect([there.first, there.head]).toEqual([1, 10]);
    expect(
      there.messages.map(({ message, sender, sentAt }) => ({ message, sender, sentAt })),
    ).toEqual(here.messages.map(({ message, sender, sentAt }) => ({ message, sender, sentAt })));
    expect(there.ids).toEqual([{ sequence: 1, hash: here.ids[0]!.hash }]);
    // It is another log from now on.
    expect(await failLog(["import", "--data-dir", copy], { input: stdout })).toContain(
      "there is another log",
    );
  });

  test("refuses sequences with holes, as other engines have them, unless they are numbered anew", async () => {
    const writer = new ExportWriter({ identity: "AbCdEfGh", first: 3, head: 9 });
    const message = (sequence: number) => ({
      sequence,
      sentAt: 1e12,
      sender: "goa",
      text: "hi",
      room: "",
    });
    expect([...writer.add([3, 4, 7, 9].map(message))]).toEqual([]);
    const input = writer.end(9).toString();
    const copy = tempDir();
    expect(await failLog(["import", "--data-dir", copy], { input })).toContain(
      "the export has a gap: messages 5 to 6 are missing",
    );
    await runLog(["import", "--data-dir", copy, "--new-identity"], { input });
    const { first, messages } = await contentOf(copy);
    expect(first).toBe(1);
    expect(messages.map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n, 4n]);
  });

  test("refuses what is damaged before it stores any of it, what is newer, and what is not an export", async () => {
    const dir = await makeLog(250);
    const { stdout } = await runHere(["log", "export", "--data-dir", dir]);
    const copy = join(tempDir(), "copy");
    const said = (input: string) => failLog(["import", "--data-dir", copy], { input });
    const swapped = stdout.replace("message 7", "message 8");
    expect(swapped).not.toBe(stdout);
    expect(await said(swapped)).toMatch(/data_loss: the export is damaged between byte 0 and/);
    expect(await said(stdout.replace(/^.*message 7".*\n/m, ""))).toContain("is damaged");
    expect(await said(stdout.replace('"chatter_export":1', '"chatter_export":3'))).toContain(
      "newer version",
    );
    for (const text of ["", "\n", "no JSON\n", '{"message":"hello"}\n', "[1,2", "x".repeat(999)]) {
      expect(await said(text)).toMatch(/not an export of a log|it has nothing/);
    }
    expect(existsSync(copy)).toBe(false);
  });

  test("refuses an export whose blocks were put together wrongly", async () => {
    const dir = await makeLog(6000);
    const { stdout } = await runHere(["log", "export", "--data-dir", dir]);
    const ends = [...stdout.matchAll(/^\{"through".*\n/gm)].map((m) => m.index + m[0].length);
    expect(ends.length).toBeGreaterThan(3);
    const [first, second] = ends as [number, number];
    const missing = stdout.slice(0, first) + stdout.slice(second);
    expect(await failLog(["import", "--data-dir", tempDir()], { input: missing })).toContain(
      "is damaged",
    );
    const twice = stdout.slice(0, second) + stdout.slice(first);
    expect(await failLog(["import", "--data-dir", tempDir()], { input: twice })).toContain(
      "is damaged",
    );
  });
});

test("an export needs a token that may read", async () => {
  const { env } = await startRestartable();
  const result = await runHere(["log", "export"], { env: { ...env, CHATTER_TOKEN: "x" } });
  expect(result).toEqual({
    status: 1,
    stdout: "",
    stderr: "chatter: unauthenticated: invalid token\n",
  });
});

test("an export continues when the connection was lost", async () => {
  const server = await startRestartable();
  await server.log.append(posts(5000));
  let reads = 0;
  const stalling = new Proxy(server.log, {
    get(log, name) {
      const value = Reflect.get(log, name, log);
      if (name === "read") {
        return (...args: Parameters<MessageLog["read"]>) =>
          ++reads > 2 ? new Promise(() => {}) : log.read(...args);
      }
      return typeof value === "function" ? value.bind(log) : value;
    },
  });
  await server.stop();
  await server.start(stalling);
  const exporting = startHere(["log", "export"], { env: server.env });
  await until(() => reads > 2, "the export is under way");
  await server.stop();
  await server.start();
  const { status, stdout, stderr } = await exporting.ended;
  expect(status).toBe(0);
  expect(stderr).toContain("trying again\n");
  const whole = (await runHere(["log", "export"], { env: server.env })).stdout;
  expect(stdout).toBe(whole);
});

test("an export goes into a file that only its owner can read", async () => {
  const file = newFile();
  await runLog(["export", "--data-dir", await makeLog(0), file]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});
