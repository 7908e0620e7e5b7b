import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import { compiled } from "../support/compiled.js";
import { cleanEnvironment, startServe } from "../support/serve.js";
import { collect } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { connectWire, transportOf } from "../support/wires.js";

const program = compiled("src/program/main");

function clientFor(url: string) {
  return createClient(ChatterService, transportOf(connectWire, url));
}

test("chatter serve --demo ignores the port that Kubernetes puts into the environment", async () => {
  const server = await startServe(["--demo", "--log", "memory", "--data-dir", tempDir()], {
    CHATTER_PORT: "tcp://10.0.0.1:8080",
  });
  expect(server.errors()).toMatch(/^chatter: CHATTER_PORT is "tcp:.*ignored$/m);
  const { token } = await clientFor(server.url).login({ user: "goa", password: "rocks" });
  expect(JSON.parse(atob(token.split(".")[0]!))).toMatchObject({ alg: "HS256" });
  expect(await server.stop("SIGINT")).toEqual({ code: 0, signal: null });
});

test("chatter serve takes accounts and an Ed25519 key", async () => {
  const folder = tempDir();
  const usersFile = join(folder, "users.json");
  const keyFile = join(folder, "key.pem");
  const { privateKey } = generateKeyPairSync("ed25519");
  await writeFile(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  execFileSync(process.execPath, [program, "user", "add", "ann", "--users-file", usersFile], {
    input: "a long password\n",
    env: cleanEnvironment(),
  });
  const server = await startServe([
    ...["--users-file", usersFile, "--signing-key-file", keyFile],
    ...["--log", "memory", "--data-dir", join(folder, "data"), "--token-lifetime", "60"],
  ]);
  const client = clientFor(server.url);
  const { token, expiresAt } = await client.login({ user: "ann", password: "a long password" });
  expect(JSON.parse(atob(token.split(".")[0]!))).toMatchObject({ alg: "EdDSA" });
  expect(Math.abs(Number(expiresAt!.seconds) - Date.now() / 1000 - 60)).toBeLessThan(10);
  const headers = { authorization: `Bearer ${token}` };
  expect(await collect(client.history({}, { headers }))).toEqual([]);
});
