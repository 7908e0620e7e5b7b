import { execFile } from "node:child_process";
import { cp, mkdir, readFile, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { cleanEnvironment } from "../support/serve.js";
import { tempDir } from "../support/temp-dir.js";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const example = join(root, "examples/service");

/** What `npm install` makes of the example, from what the checkout has: links, no network. */
async function install(folder: string): Promise<void> {
  for (const file of ["package.json", "buf.gen.yaml", "main.js"]) {
    await cp(join(example, file), join(folder, file));
  }
  const { dependencies, devDependencies } = JSON.parse(
    await readFile(join(folder, "package.json"), "utf8"),
  );
  for (const name of Object.keys({ ...dependencies, ...devDependencies })) {
    const link = join(folder, "node_modules", name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(name === "chatter" ? root : join(root, "node_modules", name), link);
  }
  await symlink(join(root, "node_modules/.bin"), join(folder, "node_modules/.bin"));
}

test("a package of its own generates a client from the schema and calls Chatter", async () => {
  const { url } = await startChatter();
  const folder = tempDir();
  await install(folder);
  const options = { cwd: folder, env: cleanEnvironment({ CHATTER_URL: url }) };
  await run("npm", ["run", "generate", "--silent"], options);
  const start = (...args: string[]) =>
    run("npm", ["start", "--silent", "--", ...args], options).then(({ stdout }) => stdout);
  expect(await start()).toBe("1 stored, the last is sequence 1\n1 goa: hello from a service\n");
  expect(await start("a notice", "id-1")).toContain("1 stored, the last is sequence 2\n");
  // Sent again, it has the place of the first one.
  expect(await start("a notice", "id-1")).toBe(
    "1 stored, the last is sequence 2\n1 goa: hello from a service\n2 goa: a notice\n",
  );
});
