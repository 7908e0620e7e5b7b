import { mkdir, readFile, rename, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { watchFile } from "../../src/server/util/watched-file.js";
import { replaceFile } from "../support/replace-file.js";
import { sleep, until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";

/** Watches files of which each must begin with "ok". */
async function watch(...paths: string[]) {
  const errors: string[] = [];
  const changes: string[] = [];
  const file = await watchFile(paths, {
    intervalMs: 10,
    async load() {
      const texts = await Promise.all(paths.map((path) => readFile(path, "utf8")));
      const bad = texts.find((text) => !text.startsWith("ok"));
      if (bad !== undefined) {
        throw new Error(`bad: ${bad}`);
      }
      return texts.join();
    },
    onError: (error) => errors.push((error as Error).message),
  });
  onTestFinished(() => file.close());
  file.onChange(() => changes.push(file.value));
  return { file, errors, changes };
}

test("a file that is written or replaced is read again", async () => {
  const path = join(tempDir(), "file");
  await writeFile(path, "ok 1");
  const { file, changes, errors } = await watch(path);
  expect(file.value).toBe("ok 1");
  await replaceFile(path, "ok 2");
  await until(() => file.value === "ok 2", "the new file is read");
  expect(errors).toEqual([]);
  await writeFile(path, "ok 3");
  await until(() => file.value === "ok 3", "the written file is read");
  expect(changes.at(-1)).toBe("ok 3");
  // It is empty for a moment, perhaps when it is checked.
  expect(errors.filter((error) => error !== "bad: ")).toEqual([]);
});

test("a file that a symbolic link leads to elsewhere is read again, as Kubernetes has it", async () => {
  const dir = tempDir();
  for (const [name, text] of [
    ["v1", "ok 1"],
    ["v2", "ok 2"],
  ] as const) {
    await mkdir(join(dir, name));
    await writeFile(join(dir, name, "file"), text);
  }
  await symlink("v1", join(dir, "..data"));
  await symlink(join("..data", "file"), join(dir, "file"));
  const { file } = await watch(join(dir, "file"));
  await symlink("v2", join(dir, "..new"));
  await rename(join(dir, "..new"), join(dir, "..data"));
  await until(() => file.value === "ok 2", "the file is read by its new way");
});

test("a file that is wrong or gone changes nothing, is reported once, and can become right", async () => {
  const path = join(tempDir(), "file");
  await writeFile(path, "ok 1");
  const { file, errors, changes } = await watch(path);
  await replaceFile(path, "half");
  await until(() => errors.length > 0, "the fault is reported");
  await sleep(50);
  expect([file.value, errors, changes]).toEqual(["ok 1", ["bad: half"], []]);
  await unlink(path);
  await until(() => errors.length > 1, "the loss is reported");
  await sleep(50);
  expect([file.value, errors.length]).toEqual(["ok 1", 2]);
  await replaceFile(path, "ok 2");
  await until(() => file.value === "ok 2", "the right file is read");
});

test("a file that could not be read for a while is read in the end", async () => {
  const path = join(tempDir(), "file");
  await writeFile(path, "ok 1");
  const errors: unknown[] = [];
  let failures = 0;
  const file = await watchFile([path], {
    intervalMs: 10,
    async load() {
      const text = await readFile(path, "utf8");
      if (text === "ok 2" && failures++ < 3) {
        throw new Error("too many open files");
      }
      return text;
    },
    onError: (error) => errors.push(error),
  });
  onTestFinished(() => file.close());
  await replaceFile(path, "ok 2");
  await until(() => file.value === "ok 2", "the file is read");
  expect(errors).toHaveLength(1);
});

test("files that belong together are read together", async () => {
  const dir = tempDir();
  const paths = [join(dir, "a"), join(dir, "b")];
  await Promise.all(paths.map((path) => writeFile(path, "ok")));
  const { file } = await watch(...paths);
  await replaceFile(paths[1]!, "ok too");
  await until(() => file.value === "ok,ok too", "both are read");
});

test("what is written while it is read does not count, nor its faults", async () => {
  const path = join(tempDir(), "file");
  await writeFile(path, "ok 1");
  const errors: unknown[] = [];
  const file = await watchFile([path], {
    intervalMs: 10,
    async load() {
      const text = await readFile(path, "utf8");
      if (text === "ha") {
        await writeFile(path, "half");
        await sleep(5);
        await writeFile(path, "ok 2");
        throw new Error("half of it");
      }
      return text;
    },
    onError: (error) => errors.push(error),
  });
  onTestFinished(() => file.close());
  await replaceFile(path, "ha");
  await until(() => file.value === "ok 2", "the whole file is read");
  expect(errors).toEqual([]);
});

test("a reload reads what has not changed", async () => {
  const path = join(tempDir(), "file");
  await writeFile(path, "ok");
  const { file, changes } = await watch(path);
  await file.reload();
  expect(changes).toEqual(["ok"]);
});

test("is not watched any more when it is closed", async () => {
  const path = join(tempDir(), "file");
  await writeFile(path, "ok 1");
  const { file, changes } = await watch(path);
  file.close();
  await replaceFile(path, "ok 2");
  await sleep(50);
  expect(changes).toEqual([]);
});

test("must be right at the start", async () => {
  await expect(watch(join(tempDir(), "none"))).rejects.toThrow("ENOENT");
});
