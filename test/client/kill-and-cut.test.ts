import { expect, test } from "vitest";
import { startServe } from "../support/serve.js";
import { rounds, sleep } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { freePort } from "./support/free-port.js";
import { expectExactlyOnce, progress, startParties } from "./support/party.js";
import { type Cut, startProxy } from "./support/proxy.js";

const kills = rounds(0.4);

function randomCut(): Cut {
  const bytes = Math.ceil(Math.random() ** 2 * 50_000);
  const direction = Math.random() < 0.5 ? "up" : "down";
  return { direction, bytes, how: Math.random() < 0.5 ? "reset" : "end" };
}

test(`connections cut at any byte, tokens of 2 s and ${kills} killed servers, all at once on all wires, lose, double and reorder no message`, {
  timeout: 120_000 + kills * 60_000,
}, async () => {
  const port = `${await freePort()}`;
  const life = ["--token-lifetime", "2"];
  const args = ["--demo", "--data-dir", tempDir(), "--port", port, "--log-level", "error", ...life];
  let server = await startServe(args);
  let isCutting = true;
  const proxy = await startProxy(server.url, () => (isCutting ? randomCut() : undefined));
  const parties = await startParties(proxy.url, ["connect", "grpc", "grpc-web", "ws"]);
  for (let i = 0; i < kills; i++) {
    await progress(parties);
    await sleep(Math.random() * 2_500); // Tokens expire meanwhile.
    await progress(parties);
    await server.stop("SIGKILL");
    server = await startServe(args);
  }
  await progress(parties);
  isCutting = false;
  proxy.cut();
  const { connections } = proxy;
  expect(connections).toBeGreaterThan(parties.length * 2);
  await expectExactlyOnce(parties, 0);
});
