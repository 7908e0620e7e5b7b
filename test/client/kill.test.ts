import { test } from "vitest";
import { startServe } from "../support/serve.js";
import { rounds, sleep } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { freePort } from "./support/free-port.js";
import { expectExactlyOnce, progress, startParties } from "./support/party.js";

const kills = rounds(1.5);

test(`a server that is killed (${kills} times) loses, doubles and reorders no message, on any wire`, {
  timeout: 30_000 + kills * 15_000,
}, async () => {
  const port = `${await freePort()}`;
  const args = ["--demo", "--data-dir", tempDir(), "--port", port, "--log-level", "error"];
  let server = await startServe(args);
  const parties = await startParties(server.url);
  for (let i = 0; i < kills; i++) {
    await progress(parties);
    await sleep(Math.random() * 100);
    await server.stop("SIGKILL");
    server = await startServe(args);
  }
  await expectExactlyOnce(parties, kills);
});
