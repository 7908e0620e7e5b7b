import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { cleanEnvironment } from "../support/serve.js";
import { tempDir } from "../support/temp-dir.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "examples", "docker");

interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** The instructions of each stage, with continued lines joined. */
const stages = readFileSync(join(folder, "Dockerfile"), "utf8")
  .replace(/^#.*\n/gm, "")
  .replace(/\\\n\s*/g, "")
  .split(/^(?=FROM )/m)
  .map((stage): readonly Instruction[] =>
    stage
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const [, name, rest] = /^([A-Z]+) (.*)$/.exec(line)!;
        return { name: name!, rest: rest! };
      }),
  );
const [head, build, dependencies, image] = stages as [
  readonly Instruction[],
  readonly Instruction[],
  readonly Instruction[],
  readonly Instruction[],
];

const all = (stage: readonly Instruction[], name: string) =>
  stage.filter((instruction) => instruction.name === name).map(({ rest }) => rest);

/** What the build may see. */
const context = readFileSync(join(folder, "Dockerfile.dockerignore"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("!"))
  .map((line) => line.slice(1));

test("every stage is of one image with a version that Chatter runs on", () => {
  expect(stages).toHaveLength(4);
  const version = /^NODE_VERSION=(\d+)$/.exec(all(head, "ARG")[0]!)?.[1];
  expect(Number(version)).toBeGreaterThanOrEqual(20);
  for (const stage of [build, dependencies, image]) {
    const [from] = all(stage, "FROM");
    expect(from).toMatch(/^node:\$\{NODE_VERSION\}-bookworm-slim( AS \w+)?$/);
  }
});

test("packages come from the lockfile, those for development stay outside", () => {
  for (const stage of [build, dependencies]) {
    const names = stage.map(({ name, rest }) => `${name} ${rest}`);
    const locked = names.indexOf("COPY package.json package-lock.json ./");
    const installed = names.findIndex((line) => line.startsWith("RUN npm ci "));
    expect(locked).toBeGreaterThan(0);
    expect(installed).toBeGreaterThan(locked);
  }
  const everything = stages.flat().map(({ rest }) => rest);
  expect(everything.filter((rest) => /npm (i|install|add)\b|curl|wget|apt/.test(rest))).toEqual([]);
  expect(all(dependencies, "RUN").join()).toContain("--omit=dev");
  const copies = all(image, "COPY");
  expect(copies).toContain("--from=dependencies /app/node_modules node_modules");
  expect(copies.filter((rest) => rest.includes("node_modules"))).toHaveLength(1);
});

test("it runs as a user that is not root, without a shell between it and its signals", () => {
  expect(all(image, "USER")).toEqual(["1000:1000"]);
  const names = image.map(({ name }) => name);
  expect(names.lastIndexOf("USER")).toBeGreaterThan(names.lastIndexOf("RUN"));
  for (const rest of [...all(image, "ENTRYPOINT"), ...all(image, "CMD")]) {
    expect(JSON.parse(rest)).toBeInstanceOf(Array);
  }
  expect(all(image, "VOLUME")).toEqual(["/data"]);
});

test("no secret is built in", () => {
  const names = stages.flat().filter(({ name }) => name === "ENV" || name === "ARG");
  expect(names.map(({ rest }) => rest).join(" ")).not.toMatch(/KEY|TOKEN|PASSWORD|SECRET|USERS/i);
  for (const path of ["data", ".git", "examples", "node_modules", "test", ".env"]) {
    expect(context).not.toContain(path);
  }
  expect(readFileSync(join(folder, "Dockerfile.dockerignore"), "utf8")).toMatch(/^\*$/m);
});

test("what it copies builds, runs and is healthy", { timeout: 60_000 }, async () => {
  const source = tempDir();
  for (const path of context) {
    expect(existsSync(join(root, path)), path).toBe(true);
    cpSync(join(root, path), join(source, path), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(source, "node_modules"));
  expect(all(build, "COPY")).toContain(". .");
  expect(all(build, "RUN").at(-1)).toBe("npm run build");
  execFileSync("npm", ["run", "--silent", "build"], { cwd: source, stdio: "ignore" });

  // The last stage, put together as its COPY lines say.
  const app = tempDir();
  for (const rest of all(image, "COPY")) {
    const words = rest.split(" ").filter((word) => !word.startsWith("--"));
    for (const word of words.slice(0, -1)) {
      const path = word.replace("/app/", "");
      if (path === "node_modules") {
        symlinkSync(join(root, path), join(app, path));
      } else {
        mkdirSync(app, { recursive: true });
        cpSync(join(source, path), join(app, basename(path)), { recursive: true });
      }
    }
  }
  const environment = Object.fromEntries(
    all(image, "ENV").flatMap((rest) => rest.split(" ").map((pair) => pair.split("="))),
  );
  expect(environment).toMatchObject({ CHATTER_HOST: "0.0.0.0", CHATTER_DATA_DIR: "/data" });
  const [entry] = all(image, "ENTRYPOINT").map((rest) => JSON.parse(rest) as string[]);
  const [command] = all(image, "CMD").map((rest) => JSON.parse(rest) as string[]);
  expect([entry![0], command]).toEqual(["node", ["serve"]]);
  const env = cleanEnvironment({
    NODE_ENV: "production",
    CHATTER_PORT: "0",
    CHATTER_DATA_DIR: join(app, "data"),
    CHATTER_DEMO: "1",
  });
  const server = spawn(process.execPath, [...entry!.slice(1), ...command!], { cwd: app, env });
  onTestFinished(() => {
    server.kill("SIGKILL");
  });
  const [line] = await once(server.stdout, "data");
  const port = /:(\d+)$/m.exec(String(line))![1]!;

  const health = all(image, "HEALTHCHECK")[0]!.replace(/^.*?CMD /, "");
  const [, ...args] = JSON.parse(health) as string[];
  const check = (at: string) =>
    spawnSync(process.execPath, args, { env: { ...env, CHATTER_PORT: at } }).status;
  expect(check(port)).toBe(0);
  const ended = once(server, "exit");
  server.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
  expect(check(port)).toBe(1);
});
