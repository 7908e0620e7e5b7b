import { readFileSync } from "node:fs";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { createChatterClient } from "../../src/client/node.js";
import { demo } from "../client/support/wires.js";
import { createAuthority } from "../support/certificates.js";
import { rounds } from "../support/log-messages.js";
import { freePorts, hasNats, startNats } from "../support/nats-server.js";
import { caddy, nginx, startableProxies } from "../support/proxies.js";
import { type ServeProcess, startServe } from "../support/serve.js";
import { sleep } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";

const certificate = createAuthority().issue();

// The library takes the authorities that Node has: this one is none of them.
const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
afterAll(() => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
});

test.each([nginx, caddy])("docs/proxies.md has two servers behind $name", ({ twoServersFile }) => {
  const docs = readFileSync(new URL("../../docs/proxies.md", import.meta.url), "utf8");
  expect(docs).toContain(readFileSync(twoServersFile, "utf8"));
});

describe.skipIf(!hasNats).each(startableProxies())("two servers behind $name", (proxy) => {
  test.each([
    ["is stopped", "SIGTERM"],
    ...(rounds(1) > 1
      ? [
          ["is killed", "SIGKILL"] as const,
          // What silence is allowed is 45 s otherwise: here it is 3.
          ["hangs", "SIGSTOP"] as const,
        ]
      : []),
  ] as const)(
    "one of which %s: clients go to the other, and no message is lost",
    {
      timeout: 200_000,
    },
    async (_, signal) => {
      const nats = await startNats();
      const ports = await freePorts(2);
      const shared = ["--demo", "--data-dir", tempDir(), "--log-level", "error"];
      const start = (port: number): Promise<ServeProcess> =>
        startServe([
          ...shared,
          ...["--log", `nats://${nats.address}`, "--port", `${port}`],
          ...["--trusted-proxies", "127.0.0.1", "--allowed-hosts", "localhost,127.0.0.1"],
        ]);
      const servers = [await start(ports[0]!), await start(ports[1]!)];
      const [url, secondUrl] = servers.map((server) => server.url) as [string, string];
      const { url: proxied } = await proxy.start({ url, secondUrl, certificate });
      const clients = Array.from({ length: 4 }, () =>
        createChatterClient({
          url: proxied,
          auth: demo,
          transport: "grpc",
        }),
      );
      onTestFinished(() => {
        for (const client of clients) {
          client.close();
        }
      });
      const received = clients.map((client) => {
        const texts: string[] = [];
        void (async () => {
          for await (const { message } of client.subscribe({ bookmarkSeconds: 1 })) {
            texts.push(message);
          }
        })().catch(() => {});
        return texts;
      });
      const publishers = clients.map((client) => client.publisher({ answerMs: 3000 }));
      let posted = 0;
      let isOver = false;
      let longest = 0;
      const posting = publishers.map(async (publisher, i) => {
        for (let n = 0; !isOver; n++) {
          const begun = performance.now();
          await publisher.post(`${i}-${n}`);
          longest = Math.max(longest, performance.now() - begun);
          posted++;
          await sleep(20);
        }
      });
      const goesOn = async () => {
        const before = posted;
        await expect.poll(() => posted, { timeout: 60_000 }).toBeGreaterThan(before + 40);
      };
      await goesOn();
      const begun = received.map((texts) => texts.length);
      expect(begun.every((count) => count > 0)).toBe(true);
      if (signal === "SIGSTOP") {
        servers[0]!.child.kill(signal);
      } else {
        await servers[0]!.stop(signal);
      }
      await goesOn();
      await sleep(1000);
      await goesOn();
      isOver = true;
      await Promise.all(posting);
      process.stderr.write(
        `${proxy.name}, one ${_}: at most ${Math.round(longest)} ms without an answer\n`,
      );
      await Promise.all(publishers.map((publisher) => publisher.close()));
      // Each from where it was live: all that came after that, once and in order.
      const history: string[] = [];
      const direct = createChatterClient({ url: secondUrl, auth: demo, transport: "grpc" });
      onTestFinished(() => direct.close());
      for await (const { message } of direct.history()) {
        history.push(message);
      }
      expect(new Set(history).size).toBe(posted);
      for (const texts of received) {
        await expect.poll(() => texts.at(-1), { timeout: 60_000 }).toBe(history.at(-1));
        expect(texts).toEqual(history.slice(-texts.length));
      }
    },
  );
});
