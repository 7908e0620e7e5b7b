import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { fill, numbered } from "../support/fill.js";
import { tempDir } from "../support/temp-dir.js";

const library = new URL("../../src/client/node.ts", import.meta.url).href;

test("a client that has nothing open does not keep its process alive, on any wire", async () => {
  const server = await startChatter();
  await fill(server.log, numbered(500));
  const file = join(tempDir(), "process.mts");
  writeFileSync(
    file,
    `import { createChatterClient } from "${library}";
    for (const transport of ["connect", "grpc", "grpc-web", "ws"]) {
      const auth = { user: "goa", password: "rocks" };
      const chatter = createChatterClient({ url: "${server.url}", auth, transport });
      const publisher = chatter.publisher();
      await publisher.post("1");
      await publisher.close();
      let cursor;
      for await (const message of chatter.history({ limit: 1 })) cursor = message.cursor;
      for await (const _ of chatter.history()) break;
      for await (const _ of chatter.history({ before: 3n })) cursor;
      for await (const _ of chatter.subscribe({ after: cursor })) break;
      for await (const _ of chatter.subscribe({ signal: AbortSignal.timeout(50) }));
    }
    console.log("done");`,
  );
  const args = ["--import", import.meta.resolve("tsx"), file];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const [output] = await once(child.stdout, "data");
  expect(`${output}`).toBe("done\n");
  const killer = setTimeout(() => child.kill("SIGKILL"), 5_000);
  expect(await once(child, "exit")).toEqual([0, null]);
  clearTimeout(killer);
});
