import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect, createServer, type Socket } from "node:net";
import { basename, dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { checkSettings } from "../../src/server/settings/settings.js";
import { createAuthority } from "../support/certificates.js";
import { startChatter } from "../support/chatter-server.js";
import { runServe } from "../support/run-serve.js";
import { startServe } from "../support/serve.js";
import { until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";

const newPath = () => join(tempDir(), "chatter.sock");
const demo = () => ["--demo", "--log", "memory", "--data-dir", tempDir()];

interface Answer {
  readonly status: number | undefined;
  readonly text: string;
}

/** A request over HTTP/1.1. */
async function get(
  socketPath: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const sent = request({ socketPath, path, headers, agent: false }).end();
  const [response] = await once(sent, "response");
  let text = "";
  for await (const chunk of response) {
    text += chunk;
  }
  return { status: response.statusCode, text };
}

/** What a server's socket is called until it has its mode. */
const draftOf = (path: string) => join(dirname(path), `.${basename(path)}.new`);

/** Leaves the file of a server that ended without removing it. */
async function leaveStaleFile(path: string): Promise<void> {
  const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  await once(spawn(process.execPath, ["-e", script]), "exit");
  expect(lstatSync(path).isSocket()).toBe(true);
}

describe("chatter serve --listen", () => {
  test("serves on the socket, says so, and removes the file when it stops", async () => {
    const path = newPath();
    const server = await startServe([...demo(), "--listen", `unix:${path}`]);
    expect(server.url).toBe(`unix:${path}`);
    expect(lstatSync(path).mode & 0o777).toBe(0o660);
    expect(await get(path, "/livez")).toMatchObject({ status: 200 });
    const session = connectHttp2("http://localhost", { createConnection: () => connect(path) });
    onTestFinished(() => session.destroy());
    const [headers] = await once(session.request({ ":path": "/readyz" }), "response");
    expect(headers[":status"]).toBe(200);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(existsSync(path)).toBe(false);
  });

  test("sets the mode that it is given", async () => {
    const path = newPath();
    await startServe([...demo(), "--listen", `unix:${path}`, "--listen-mode", "0600"]);
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
  });

  test("replaces the file of a server that was killed", async () => {
    const path = newPath();
    const first = await startServe([...demo(), "--listen", `unix:${path}`]);
    await first.stop("SIGKILL");
    expect(existsSync(path)).toBe(true);
    await startServe([...demo(), "--listen", `unix:${path}`]);
    expect(await get(path, "/livez")).toMatchObject({ status: 200 });
  });

  test("answers for any host, unless --allowed-hosts says otherwise", async () => {
    const [open, closed] = [newPath(), newPath()];
    await startServe([...demo(), "--listen", `unix:${open}`]);
    expect(await get(open, "/livez", { host: "chatter.example" })).toMatchObject({ status: 200 });
    const hosts = ["--allowed-hosts", "chatter.example"];
    await startServe([...demo(), "--listen", `unix:${closed}`, ...hosts]);
    expect(await get(closed, "/livez")).toMatchObject({ status: 421 });
  });

  test.each([
    ["a host", { listen: "unix:/run/a", host: "::1" }, /excludes --host \(CHATTER_HOST\)/],
    ["a port", { listen: "unix:/run/a", port: "80" }, /excludes --port \(CHATTER_PORT\)/],
    ["a shared port", { listen: "unix:/run/a", reusePort: true }, /excludes --reuse-port/],
    ["TLS", { listen: "unix:/run/a", tlsCert: "a", tlsKey: "b" }, /excludes --tls-cert/],
    ["another URL", { listen: "http://localhost" }, /--listen .*must be unix: and an absolute/],
    ["a relative path", { listen: "unix:a.sock" }, /--listen .*absolute path/],
    ["a long path", { listen: `unix:/${"x".repeat(90)}` }, /at most 90 bytes/],
    ["an invalid mode", { listen: "unix:/run/a", listenMode: "rw" }, /octal/],
    ["a mode alone", { listenMode: "600" }, /--listen-mode is for .* --listen/],
  ])("refuses %s", (_, given, reason) => {
    expect(() => checkSettings({ demo: true, ...given })).toThrow(reason);
  });

  test.each([
    ["a file", (path: string) => writeFileSync(path, "kept"), "a file that is not a socket"],
    ["a folder", (path: string) => mkdirSync(path), "a file that is not a socket"],
    ["a symbolic link", (path: string) => symlinkSync("/nowhere", path), "not a socket"],
    ["no folder", (path: string) => rmSync(join(path, ".."), { recursive: true }), "no such file"],
  ])("refuses a path where there is %s, and leaves it alone", async (_, prepare, reason) => {
    const path = newPath();
    prepare(path);
    const before = lstatSync(path, { throwIfNoEntry: false });
    const { status, errors } = await runServe([...demo(), "--listen", `unix:${path}`]);
    expect(errors.trimEnd().split("\n")).toHaveLength(1);
    expect(errors).toContain(`cannot listen on ${path}: `);
    expect(errors).toContain(reason);
    expect(status).toBe(1);
    expect(lstatSync(path, { throwIfNoEntry: false })?.ino).toBe(before?.ino);
  });

  test("refuses the socket of a server that runs, and leaves it alone", async () => {
    const path = newPath();
    const server = await startServe([...demo(), "--listen", `unix:${path}`]);
    const { status, errors } = await runServe([...demo(), "--listen", `unix:${path}`]);
    expect(errors).toBe(
      `chatter: failed_precondition: cannot listen on ${path}: another process listens on it\n`,
    );
    expect(status).toBe(1);
    expect(await get(path, "/livez")).toMatchObject({ status: 200 });
    await server.stop();
  });
});

describe("listen", () => {
  test("has a URL that clients can be given, whatever is in the path", async () => {
    const path = join(tempDir(), "a b%?#.sock");
    const { url } = await startChatter({}, { path });
    expect(url).toMatch(/^unix:\/.*\/a%20b%25%3F%23\.sock$/);
  });

  test("replaces a stale file, and leaves nothing else in the folder", async () => {
    const path = newPath();
    await leaveStaleFile(path);
    await startChatter({}, { path });
    expect(await get(path, "/livez")).toMatchObject({ status: 200 });
    await expect(startChatter({}, { path })).rejects.toThrow("another process listens on it");
  });

  test.each([
    ["nothing is there", async () => {}],
    ["a stale file is there", leaveStaleFile],
    ["one was killed while it started", (path: string) => leaveStaleFile(draftOf(path))],
  ])(
    "of servers that start at once, one listens and the others are refused: %s",
    async (_, prepare) => {
      const path = newPath();
      await prepare(path);
      const starts = await Promise.allSettled([1, 2, 3].map(() => startChatter({}, { path })));
      const refused = starts.filter(({ status }) => status === "rejected");
      expect(refused).toHaveLength(2);
      for (const { reason } of refused as PromiseRejectedResult[]) {
        expect(reason.rawMessage).toBe(`cannot listen on ${path}: another process listens on it`);
      }
      expect(await get(path, "/livez")).toMatchObject({ status: 200 });
      expect(readdirSync(dirname(path))).toEqual([basename(path)]);
    },
  );

  test("refuses the socket of a server that is too busy to accept connections", async () => {
    const path = newPath();
    const script = `require("node:net").createServer().listen({ path: ${JSON.stringify(path)}, backlog: 1 }, () => { console.log(); setTimeout(() => { for (;;); }) })`;
    const busy = spawn(process.execPath, ["-e", script]);
    onTestFinished(() => void busy.kill("SIGKILL"));
    await once(busy.stdout, "data");
    const waiting: Socket[] = [];
    onTestFinished(() => waiting.forEach((socket) => void socket.destroy()));
    for (let isFull = false; !isFull; ) {
      const socket = connect(path);
      waiting.push(socket);
      isFull = await new Promise((resolve) =>
        socket.once("connect", () => resolve(false)).once("error", () => resolve(true)),
      );
    }
    await expect(startChatter({}, { path })).rejects.toThrow("another process listens on it");
  });

  test("does not remove the file of a server that has come after it", async () => {
    const path = newPath();
    const { server } = await startChatter({}, { path });
    rmSync(path);
    const next = createServer().listen(path);
    onTestFinished(() => void next.close());
    await once(next, "listening");
    await server.close(0);
    expect(lstatSync(path).isSocket()).toBe(true);
  });

  test("refuses TLS on a socket, and a path that no socket can have", async () => {
    const tls = createAuthority().issue();
    await expect(startChatter({}, { path: newPath(), tls })).rejects.toThrow(TypeError);
    await expect(startChatter({}, { path: "chatter.sock" })).rejects.toThrow(TypeError);
  });
});

describe("the peers of a socket", () => {
  test("are one address for the limit of connections", async () => {
    const path = newPath();
    await startChatter({ limits: { maxAddressConnections: 1 } }, { path });
    const first = connect(path);
    onTestFinished(() => void first.destroy());
    await once(first, "connect");
    expect(await get(path, "/livez")).toMatchObject({
      status: 429,
      text: "too many connections from this address: close some first\n",
    });
    first.destroy();
    await until(async () => (await get(path, "/livez")).status === 200, "there is room again");
  });

  test("are called unix in the server log, unless they are a trusted proxy", async () => {
    const peers: unknown[] = [];
    const logger = { info: ({ peer }: { peer?: string }) => peers.push(peer), error() {} };
    const post = async (socketPath: string) => {
      const headers = { "content-type": "application/json", "x-forwarded-for": "192.0.2.7" };
      const path = "/chatter.v1.ChatterService/Login";
      const sent = request({ socketPath, path, method: "POST", headers, agent: false });
      const [response] = await once(sent.end("{}"), "response");
      response.resume();
      await once(response, "end");
    };
    const [plain, behindProxy] = [newPath(), newPath()];
    await startChatter({ logger: logger as never }, { path: plain });
    await post(plain);
    const trusting = { trustedProxies: ["unix"], limits: { maxAddressConnections: 1 } };
    await startChatter({ logger: logger as never, ...trusting }, { path: behindProxy });
    const idle = connect(behindProxy); // A proxy's connections are not counted.
    onTestFinished(() => void idle.destroy());
    await post(behindProxy);
    await until(() => peers.length === 2, "both calls are logged");
    expect(peers).toEqual(["unix", "192.0.2.7"]);
  });

  test("are on this machine, so that they may read /metrics, but not through a proxy", async () => {
    const path = newPath();
    await startServe([...demo(), "--listen", `unix:${path}`]);
    expect((await get(path, "/metrics")).text).toContain("chatter_refused_total");
    const proxied = await get(path, "/metrics", { "x-forwarded-for": "192.0.2.7" });
    expect(proxied.status).toBe(403);
  });
});
