import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { build } from "esbuild";
import { expect, onTestFinished, test, vi } from "vitest";
import { WebSocket } from "ws";
import type { ChatterClientOptions } from "../../src/client/chatter-client.js";
import { createChatterClient } from "../../src/client/index.js";
import { startChatter } from "../support/chatter-server.js";
import { fill, numbered } from "../support/fill.js";
import { collect, errorOf } from "../support/streams.js";
import { when } from "./support/when.js";
import { demo } from "./support/wires.js";

/** Kibibytes of the whole entry, minified and compressed. */
const limitKiB = 47;

function browserClient(options: ChatterClientOptions) {
  const client = createChatterClient(options);
  onTestFinished(() => client.close());
  return client;
}

test(`the browsers' entry needs nothing of Node's, and is at most ${limitKiB} KiB`, async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [fileURLToPath(new URL("../../src/client/index.ts", import.meta.url))],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser", // an import of Node's is an error
    target: "es2022",
    write: false,
    metafile: true,
  });
  const inputs = Object.keys(metafile.inputs);
  expect(inputs.filter((path) => /connect-node|node_modules\/ws\/|src\/server/.test(path))).toEqual(
    [],
  );
  const sizeKiB = gzipSync(outputFiles[0]!.contents, { level: 9 }).length / 1024;
  console.info(`browser entry: ${sizeKiB.toFixed(1)} KiB minified and gzipped`);
  expect(sizeKiB).toBeLessThan(limitKiB);
});

test("in browsers the tunnel is the default, on the WebSocket that is there", async () => {
  vi.stubGlobal("WebSocket", WebSocket);
  onTestFinished(() => {
    vi.unstubAllGlobals();
  });
  const server = await startChatter();
  const client = browserClient({ url: server.url, auth: demo });
  const subscription = client.subscribe();
  await when(() => subscription.state.status === "live");
  expect((await client.publisher().post("1")).sequence).toBe(1n);
  for await (const { message } of subscription) {
    expect(message).toBe("1");
    break;
  }
});

test.each(["connect", "grpc-web"] as const)(
  "in browsers %s reads by fetch, and says that it cannot send a stream",
  async (transport) => {
    const server = await startChatter();
    await fill(server.log, numbered(3));
    const client = browserClient({ url: server.url, auth: demo, transport });
    const messages = await collect(client.history());
    expect(messages.map(({ message }) => message)).toEqual(numbered(3));

    const subscription = client.subscribe();
    await when(() => subscription.state.status === "live");
    await fill(server.log, ["4"]);
    for await (const { message } of subscription) {
      expect(message).toBe("4");
      break;
    }
    const error = await errorOf(client.publisher().post("5"));
    expect(error.code).toBe(Code.Unimplemented);
    expect(error.rawMessage).toContain(`"ws"`);
    await when(() => server.chatter.openCalls === 0);
  },
);

test.each(["connect", "grpc-web"] as const)(
  "in browsers %s takes an answer that fetch has decompressed",
  async (transport) => {
    const token = "x".repeat(5_000);
    const login = async () => ({ token, expiresAt: Date.now() + 1e6 });
    const verify = () => Promise.reject(new Error("nobody calls"));
    const server = await startChatter({ auth: { login, verify } });
    const { client } = browserClient({ url: server.url, auth: { token: "none" }, transport });
    expect((await client.login(demo)).token).toBe(token);
  },
);

test("what browsers, or nobody, can speak is refused at once", () => {
  const url = "http://localhost";
  const make = (options: object) => () => createChatterClient(options as ChatterClientOptions);
  expect(make({ url, auth: demo, transport: "grpc" })).toThrow(TypeError);
  expect(make({ url, auth: demo, transport: "smoke" })).toThrow(TypeError);
  expect(make({ auth: demo, transport: "ws" })).toThrow(TypeError);
  expect(make({ url: "ftp://localhost", auth: demo })).toThrow(TypeError);
});
