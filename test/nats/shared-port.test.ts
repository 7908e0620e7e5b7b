import { expect, test } from "vitest";
import { createChatterClient } from "../../src/client/node.js";
import { demo } from "../client/support/wires.js";
import { freePorts, hasNats, startNats } from "../support/nats-server.js";
import { startServe } from "../support/serve.js";
import { sharesPorts } from "../support/shares-ports.js";
import { tempDir } from "../support/temp-dir.js";

test.skipIf(!hasNats || !sharesPorts)(
  "servers on one port share its connections; when one stops, its clients go to the others",
  async () => {
    const nats = await startNats();
    const [port] = await freePorts(1);
    const dataDir = tempDir();
    const start = () =>
      startServe([
        ...["--demo", "--data-dir", dataDir, "--log", `nats://${nats.address}`],
        ...["--port", `${port}`, "--reuse-port"],
      ]);
    const [first, second] = [await start(), await start()];
    expect(first.url).toBe(second.url);
    const clients = Array.from({ length: 30 }, () =>
      createChatterClient({ url: first.url, auth: demo, transport: "grpc" }),
    );
    const { cursor: after } = await clients[0]!.post("first");
    const loops = clients.map((client) => client.subscribe({ after })[Symbol.asyncIterator]());
    const next = async () =>
      Promise.all(loops.map(async (loop) => (await loop.next()).value?.message));
    await clients[0]!.post("before");
    expect(await next()).toEqual(clients.map(() => "before"));
    await first.stop();
    await clients[1]!.post("after");
    expect(await next()).toEqual(clients.map(() => "after"));
    for (const client of clients) {
      client.close();
    }
    // Both have served some: a call has a line when it ends.
    const subscriptions = () => first.errors().split("/Subscribe").length - 1;
    expect(subscriptions()).toBeGreaterThan(0);
    expect(subscriptions()).toBeLessThan(clients.length);
  },
);
