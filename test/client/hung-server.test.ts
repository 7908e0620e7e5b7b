/*
 * A proxy in front of several servers, one of which hangs: the connection to the proxy is alive,
 * but some calls on it get no answer. The next call may come to the hung server again.
 */

import { expect, test } from "vitest";
import type { TransportName } from "../../src/client/chatter-client.js";
import type { ConnectionState } from "../../src/client/connection-state.js";
import { startChatter } from "../support/chatter-server.js";
import { collect } from "../support/streams.js";
import { clientFor } from "./support/connected.js";
import { startHangingProxy } from "./support/hanging-proxy.js";
import { when } from "./support/when.js";
import { wireNames } from "./support/wires.js";

async function behindProxy(transport: TransportName) {
  const server = await startChatter();
  const proxy = await startHangingProxy(server.url);
  const client = clientFor({ url: proxy.url, auth: { token: server.token }, transport });
  return { server, proxy, client };
}

/** For how many seconds each silence lasted that has ended a call. */
function silences(states: readonly ConnectionState[]): number[] {
  return states.flatMap((state) => {
    const found =
      state.status === "waiting" && /silent for ([\d.]+) s/.exec(state.reason.rawMessage);
    return found ? [Number(found[1])] : [];
  });
}

test("a subscriber waits a little at the hung server, and longer each time", {
  timeout: 30_000,
}, async () => {
  await Promise.all(
    wireNames.map(async (wire) => {
      const { client, proxy, server } = await behindProxy(wire);
      const states: ConnectionState[] = [];
      const subscription = client.subscribe({
        bookmarkSeconds: 1,
        onState: (state) => states.push(state),
      });
      await when(() => subscription.state.status === "live");
      proxy.hang(3);
      await server.log.append([{ text: "meanwhile", sender: "goa", messageId: "" }]);
      expect((await subscription.next()).value?.message).toBe("meanwhile");
      expect(silences(states)).toEqual([3, 0.25, 0.5, 1]);
      // No socket waits for the other side to close it, too: the program could not end.
      await when(() => proxy.open === 1);

      // The server has answered, so silence is allowed as before.
      proxy.hang(0);
      await server.log.append([{ text: "later", sender: "goa", messageId: "" }]);
      expect((await subscription.next()).value?.message).toBe("later");
      expect(silences(states)).toEqual([3, 0.25, 0.5, 1, 3]);
    }),
  );
});

test("a publisher does so, too, and posts once", { timeout: 30_000 }, async () => {
  await Promise.all(
    wireNames.map(async (wire) => {
      const { client, proxy } = await behindProxy(wire);
      const states: ConnectionState[] = [];
      const publisher = client.publisher({
        answerMs: 3000,
        onState: (state) => states.push(state),
      });
      await publisher.post("1");
      proxy.hang(3);
      await publisher.post("2");
      expect(silences(states)).toEqual([3, 0.25, 0.5, 1]);
      await publisher.close();
      const stored = await collect(client.history());
      expect(stored.map(({ message }) => message)).toEqual(["1", "2"]);
    }),
  );
});

test("the other calls on the connection continue, and later ones have another connection", async () => {
  const { client, proxy, server } = await behindProxy("grpc");
  const one = client.subscribe({ bookmarkSeconds: 1 });
  await when(() => one.state.status === "live");
  proxy.hang(0);
  const states: string[] = [];
  const other = client.subscribe({ onState: ({ status }) => states.push(status) });
  await when(() => other.state.status === "live");
  expect(proxy.connections).toBe(1);
  for (const text of ["first", "second"]) {
    await server.log.append([{ text, sender: "goa", messageId: "" }]);
    expect((await one.next()).value?.message).toBe(text);
    expect((await other.next()).value?.message).toBe(text);
  }
  expect(states).toEqual(["connecting", "live"]);
  expect(proxy.connections).toBe(2);
});

test("a client that is closed leaves no connection to the hung server, which would keep the program", async () => {
  await Promise.all(
    wireNames.map(async (wire) => {
      const { client, proxy } = await behindProxy(wire);
      const subscription = client.subscribe();
      await when(() => subscription.state.status === "live");
      proxy.hang(0);
      client.close();
      await when(() => proxy.open === 0);
    }),
  );
});
