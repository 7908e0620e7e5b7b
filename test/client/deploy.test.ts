import { expect, test } from "vitest";
import { startServe } from "../support/serve.js";
import { tempDir } from "../support/temp-dir.js";
import { freePort } from "./support/free-port.js";
import { expectExactlyOnce, progress, startParties } from "./support/party.js";

test("a deploy, where a server ends in order and the next one takes over, is not noticed", {
  timeout: 60_000,
}, async () => {
  const port = `${await freePort()}`;
  const args = ["--demo", "--data-dir", tempDir(), "--port", port, "--log-level", "error"];
  const server = await startServe(args);
  const parties = await startParties(server.url);
  await progress(parties);
  expect((await server.stop("SIGTERM")).code).toBe(0);
  await startServe(args);
  await progress(parties);
  await expectExactlyOnce(parties, 1);
});
