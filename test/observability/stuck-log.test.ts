import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, readSync, writeFileSync } from "node:fs";
import { connect } from "node:http2";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { compiled } from "../support/compiled.js";
import { runServe } from "../support/run-serve.js";
import { cleanEnvironment, startServe } from "../support/serve.js";
import { until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";

/** A pipe whose writer is passed to a process, and whose reader reads when it is asked. */
function openPipe() {
  const path = join(tempDir(), "pipe");
  execFileSync("mkfifo", [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, "w");
  const chunk = Buffer.alloc(64 * 1024);
  return {
    writer,
    /** What is in it now. */
    read(): string {
      let text = "";
      try {
        for (let n = -1; n !== 0; ) {
          n = readSync(reader, chunk);
          text += chunk.toString("latin1", 0, n);
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") {
          throw error;
        }
      }
      return text;
    },
  };
}

const args = () => ["--demo", "--log", "memory", "--data-dir", tempDir()];

/** As many calls at once, each with a line of more than a kilobyte in the log. */
async function call(url: string, times: number): Promise<void> {
  const session = connect(url);
  const calls = Array.from({ length: times }, async () => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/chatter.v1.ChatterService/Login",
      "content-type": "application/json",
      "content-encoding": "x".repeat(900),
    });
    stream.end("{}").resume();
    const [headers] = await once(stream, "response");
    expect(headers[":status"]).toBe(501);
    await once(stream, "close");
  });
  await Promise.all(calls);
  session.close();
}

async function dropped(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return Number(/^chatter_server_log_dropped_lines_total (\d+)$/m.exec(metrics)?.[1]);
}

describe("a reader of standard error that stops", () => {
  test("does not stop the server, nor its end: a pipe", async () => {
    const pipe = openPipe();
    const server = await startServe(args(), {}, pipe.writer);
    closeSync(pipe.writer);
    await call(server.url, 200);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(pipe.read()).toContain('"msg":"call"');
  });

  test("does not stop the server, nor its end: a socket, as systemd's", async () => {
    const server = await startServe(args());
    server.child.stderr!.pause();
    await call(server.url, 500);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  });

  test("loses lines beyond a bound, which are counted, and reported when it continues", async () => {
    const pipe = openPipe();
    const server = await startServe(args(), {}, pipe.writer);
    closeSync(pipe.writer);
    await call(server.url, 1_200);
    const count = await dropped(server.url);
    expect(count).toBeGreaterThan(0);
    let text = "";
    const isTold = () => {
      text += pipe.read();
      return text.includes("lines were dropped");
    };
    await until(isTold, "the number of the lines that were dropped");
    expect(await dropped(server.url)).toBe(count);
    const lines = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.at(-1)).toMatchObject({ level: 40, dropped: count });
    await call(server.url, 1);
    await until(() => pipe.read().includes('"msg":"call"'), "the next line");
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(pipe.read()).toContain("the server has stopped");
  });
});

test("what is logged before the end is written, if its reader comes back within a second", async () => {
  const pipe = openPipe();
  const server = await startServe(args(), {}, pipe.writer);
  closeSync(pipe.writer);
  await call(server.url, 150);
  let text = "";
  const reading = setInterval(() => {
    text += pipe.read();
  }, 20);
  try {
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  } finally {
    clearInterval(reading);
  }
  text += pipe.read();
  expect(text.trimEnd().split("\n").at(-1)).toContain("the server has stopped");
});

describe("a server that cannot start", () => {
  test("ends though nobody reads why", async () => {
    const pipe = openPipe();
    const child = spawn(
      process.execPath,
      [compiled("src/program/main"), "serve", ...args(), "--host", "192.0.2.1"],
      {
        env: cleanEnvironment(),
        stdio: ["ignore", "ignore", fill(pipe.writer)],
      },
    );
    const ended = once(child, "exit");
    closeSync(pipe.writer);
    expect(await ended).toEqual([2, null]);
  });

  test("says why", async () => {
    const { status, errors } = await runServe([...args(), "--host", "192.0.2.1"]);
    expect(status).toBe(2);
    expect(errors).toContain("chatter: ");
  });
});

/** Fills a pipe, so that nothing more can be written to it. */
function fill(writer: number): number {
  execFileSync("sh", ["-c", "dd if=/dev/zero bs=4096 count=16 2>/dev/null"], {
    stdio: ["ignore", writer, "ignore"],
  });
  return writer;
}

describe("an error that is not caught", () => {
  /** Serves with a module that throws when the process is sent SIGUSR2, and warns at SIGWINCH. */
  async function startFailing(stderr?: number) {
    const module = join(tempDir(), "failing.mjs");
    writeFileSync(
      module,
      `process.on("SIGUSR2", () => { throw new Error("a fault of the test"); });
       process.on("SIGWINCH", () => process.emitWarning("a warning of the test"));`,
    );
    return startServe(args(), { NODE_OPTIONS: `--import=${pathToFileURL(module)}` }, stderr);
  }

  test("is the last line of the log, and ends the process with 1", async () => {
    const server = await startFailing();
    server.child.kill("SIGWINCH");
    await until(() => server.errors().includes("\n"), "the warning");
    expect(await server.stop("SIGUSR2")).toEqual({ code: 1, signal: null });
    const lines = server
      .errors()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { level: 40, err: { message: "a warning of the test" } },
      { level: 60, err: { message: "a fault of the test", stack: expect.stringContaining("at ") } },
    ]);
  });

  test("ends the process though nobody reads the log", async () => {
    const pipe = openPipe();
    const server = await startFailing(pipe.writer);
    closeSync(pipe.writer);
    await call(server.url, 150);
    expect(await server.stop("SIGUSR2")).toEqual({ code: 1, signal: null });
  });
});
