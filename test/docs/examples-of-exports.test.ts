import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { transformSync } from "esbuild";
import { expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { compiledModule } from "../support/compiled.js";
import { fill, numbered } from "../support/fill.js";
import { tempDir } from "../support/temp-dir.js";

/** The main exports of the package, where each is defined, and what its example prints. */
const exported: readonly (readonly [name: string, file: string, output: RegExp])[] = [
  ["createChatterClient", "client/node.ts", /^2n\n$/],
  ["createWebSocketTransport", "client/tunnel/transport.ts", /^m1\n$/],
  ["createChatter", "server/chatter.ts", /^$/],
  ["listen", "server/http/server.ts", /^http:\/\/127\.0\.0\.1:\d+\n$/],
  ["openFileLog", "server/log/file/file-log.ts", /^1 1\n$/],
  ["createMemoryLog", "server/log/memory-log.ts", /^1 1 1\n$/],
  ["createAuth", "server/auth/create-auth.ts", /^ann\n$/],
  ["createTokens", "server/auth/tokens.ts", /^\d{4}-\S+Z \[ 'stream:read' \]\n$/],
  ["createMetrics", "server/metrics/metrics.ts", /^# HELP [\s\S]*chatter_/],
  ["createWebSocketBridge", "server/websocket/bridge.ts", /^$/],
];

function exampleOf(name: string, file: string): string {
  const source = readFileSync(new URL(`../../src/${file}`, import.meta.url), "utf8");
  const [before = ""] = source.split(new RegExp(`export (?:async )?function ${name}\\b`));
  const comment = before.slice(before.lastIndexOf("/**"));
  const [, code = ""] = /\* @example\n \* ```ts\n([\s\S]*?)\n \* ```/.exec(comment) ?? [];
  return code.replace(/^ \* ?/gm, "");
}

test.each(exported)("the example of %s runs", async (name, file, output) => {
  const server = await startChatter();
  await fill(server.log, numbered(1));
  const example = exampleOf(name, file);
  expect(example).toContain(`${name}(`);
  const module = (path: string) => JSON.stringify(compiledModule(path));
  const script = join(tempDir(), "example.mjs");
  const { code } = transformSync(
    [
      `import http from "node:http";`,
      `import http2 from "node:http2";`,
      `import { createClient, createConnectRouter } from "${import.meta.resolve("@connectrpc/connect")}";`,
      `import { WebSocket as webSocket } from "${import.meta.resolve("ws")}";`,
      `import { ChatterService } from ${module("gen/chatter_pb")};`,
      `import { Health } from ${module("gen/health/v1/health_pb")};`,
      `import { createChatterClient, createWebSocketTransport } from ${module("client/node")};`,
      `import * as all from ${module("server/index")};`,
      "const { createAuth, createChatter, createMemoryLog, createMetrics, createTokens } = all;",
      "const { createUsers, createWebSocketBridge, listen, newUser, openFileLog } = all;",
      "const { parseSigningKey } = all;",
      name === "createTokens" ? "" : `const token = ${JSON.stringify(server.token)};`,
      name === "createAuth" ? "" : "const auth = { login() {}, verify() {} } as never;",
      example
        .replaceAll("http://localhost:8080", server.url)
        .replaceAll(/\b8080\b/g, "0")
        .replaceAll('"./data"', JSON.stringify(tempDir())),
    ].join("\n"),
    { loader: "ts" },
  );
  writeFileSync(script, code);
  const child = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "pipe"] });
  const [printed, errors] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ]);
  expect(errors).toBe("");
  expect(printed).toMatch(output);
});
