import { expect, test } from "vitest";
import { loadOrCreateDemoKeys } from "../../src/server/auth/keys/demo-key.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { clientFor } from "../client/support/connected.js";
import { freePort } from "../client/support/free-port.js";
import { demo } from "../client/support/wires.js";
import { type ServeProcess, startServe } from "../support/serve.js";
import { rounds, sleep } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { checkHistory } from "./check.js";
import { deedsOf, doAll } from "./clients.js";
import type { StoredMessage } from "./history.js";
import { Recorder } from "./recorder.js";

/** Twenty seconds; three minutes with twenty rounds. */
const seconds = Math.max(20, rounds(9));
const senders = ["ann", "bob", "cleo"];
const clientsAtOnce = 24;

test(`what clients on all wires see in ${seconds} s of kills and stops of the server is one order`, {
  timeout: seconds * 1_000 + 150_000,
}, async () => {
  const dir = tempDir();
  const port = `${await freePort()}`;
  const [key] = await loadOrCreateDemoKeys(dir);
  const tokens = createTokens({ key: key! });
  const args = ["--demo", "--data-dir", dir, "--port", port, "--log-level", "error"];
  let server = await startServe(args);
  const { url } = server;
  const deeds = (
    await Promise.all(
      senders.map(async (subject) => {
        const scopes = ["stream:read", "stream:write"] as const;
        const { token } = await tokens.issue({ subject, scopes });
        return deedsOf({ url, sender: subject, token });
      }),
    )
  ).flat();

  const recorder = new Recorder();
  const over = new AbortController();
  let isUp = true;
  const clients = doAll(deeds, recorder, clientsAtOnce, over.signal, () => isUp);
  const faults = { kills: 0, stops: 0 };
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) {
    await sleep(500 + Math.random() * 3_000);
    if (faults.stops > 2 * faults.kills) {
      faults.kills++;
      await server.stop("SIGKILL");
      isUp = false;
      server = await startServe(args);
      isUp = true;
    } else {
      faults.stops++;
      await pause(server, Math.random() * 1_500);
    }
  }
  over.abort();
  await clients;

  const stored: StoredMessage[] = [];
  for await (const message of clientFor({ url, auth: demo }).history()) {
    const { sender, message: text } = message;
    stored.push({ sequence: Number(message.sequence), sender, text });
  }
  const { posts, reads } = recorder;
  const answered = posts.filter(({ answeredAt }) => answeredAt !== undefined).length;
  const seen = reads.reduce((sum, { messages }) => sum + messages.length, 0);
  console.info(
    `${stored.length} messages stored; ${posts.length} posts, ${answered} answered; ` +
      `${reads.length} reads of ${seen} messages; ${faults.kills} kills, ${faults.stops} stops`,
  );
  expect(checkHistory(stored, recorder)).toEqual([]);
  expect(faults.kills).toBeGreaterThan(0);
  expect(answered).toBeGreaterThan(20);
  expect(seen).toBeGreaterThan(20);
});

/** Stops a process in the middle of its work, as an overloaded machine does. */
async function pause({ child }: ServeProcess, ms: number): Promise<void> {
  child.kill("SIGSTOP");
  await sleep(ms);
  child.kill("SIGCONT");
}
