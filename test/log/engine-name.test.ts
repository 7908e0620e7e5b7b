import { expect, test } from "vitest";
import { runHere } from "../support/cli-here.js";

test.each([
  [[], "file"],
  [["--log", "file"], "file"],
  [["--log", "level"], "level"],
])("%s: the engine for one machine, by its name and its old one", async (args, name) => {
  const { status, stdout } = await runHere(["config", "--demo", ...args]);
  expect(status).toBe(0);
  expect(stdout).toContain(name);
});

test("another name is refused with those that there are", async () => {
  const { status, stderr } = await runHere(["config", "--log", "leveldb"]);
  expect(status).not.toBe(0);
  expect(stderr).toContain("file, memory or nats://host:port");
});
