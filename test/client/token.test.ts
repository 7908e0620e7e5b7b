import { Code, ConnectError } from "@connectrpc/connect";
import { expect, onTestFinished, test, vi } from "vitest";
import type { Auth } from "../../src/server/auth/auth.js";
import { createAuth } from "../../src/server/auth/create-auth.js";
import { parseSigningKey } from "../../src/server/auth/keys/signing-key.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { demoUsers } from "../../src/server/auth/users/demo-users.js";
import { startChatter } from "../support/chatter-server.js";
import { collect, errorOf, Outbox, sleep } from "../support/streams.js";
import { clientFor } from "./support/connected.js";
import { when } from "./support/when.js";
import { demo } from "./support/wires.js";

/** A server that counts logins and refused tokens, takes tokens back, and fails logins. */
async function countingServer(lifetimeSeconds = 3600) {
  const key = await parseSigningKey("k".repeat(32), "test");
  const tokens = createTokens({ key, lifetimeSeconds });
  const inner = createAuth({ users: demoUsers(), tokens });
  const counts = { logins: 0, refusals: 0 };
  const revoked = new Set<string>();
  const failing = { logins: false };
  const auth: Auth = {
    async login(user, password, signal) {
      counts.logins++;
      if (failing.logins) {
        throw new ConnectError("too many attempts", Code.ResourceExhausted);
      }
      return inner.login(user, password, signal);
    },
    async verify(token) {
      try {
        if (revoked.has(token)) {
          throw new ConnectError("invalid token", Code.Unauthenticated);
        }
        return await inner.verify(token);
      } catch (error) {
        counts.refusals++;
        throw error;
      }
    },
  };
  return { server: await startChatter({ auth }), counts, revoked, failing };
}

test("calls that need a token at the same time share one login", async () => {
  const { server, counts } = await countingServer();
  const client = clientFor({ url: server.url, auth: demo });
  await Promise.all([
    collect(client.history()),
    collect(client.history()),
    client.publisher().post("1"),
    collect(client.client.history({})),
  ]);
  await collect(client.history());
  expect(counts).toEqual({ logins: 1, refusals: 0 });
});

test("a token is renewed ahead of its expiry; if that fails, the old one lives on", async () => {
  const { server, counts, failing } = await countingServer(1000);
  const client = clientFor({ url: server.url, auth: demo });
  await collect(client.history());
  const start = Date.now();
  vi.useFakeTimers({ toFake: ["Date"], now: start + 890_000 });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  await collect(client.history());
  expect(counts).toEqual({ logins: 1, refusals: 0 });

  failing.logins = true;
  vi.setSystemTime(start + 910_000);
  await collect(client.history());
  expect(counts).toEqual({ logins: 2, refusals: 0 });

  failing.logins = false;
  await collect(client.history());
  expect(counts).toEqual({ logins: 3, refusals: 0 });
});

test("streams outlive their tokens: everything comes once, in order", async () => {
  const { server, counts } = await countingServer(1);
  const client = clientFor({ url: server.url, auth: demo });
  const subscription = client.subscribe();
  await when(() => subscription.state.status === "live");
  const publisher = client.publisher();
  const posted = Array.from({ length: 35 }, (_, i) => `${i}`);
  const posting = (async () => {
    for (const text of posted) {
      await publisher.post(text);
      await sleep(100);
    }
  })();
  const received: string[] = [];
  for await (const { message } of subscription) {
    if (received.push(message) === posted.length) {
      break;
    }
  }
  await posting;
  expect(received).toEqual(posted);
  expect(counts.logins).toBeGreaterThan(2);
});

test("a refused token is renewed once, and another time after it was good", async () => {
  const { server, counts, revoked } = await countingServer();
  const given: string[] = [];
  const auth = async () => {
    const { token } = await server.tokens.issue({
      subject: "goa",
      scopes: ["stream:read"],
    });
    given.push(token);
    return token;
  };
  const client = clientFor({ url: server.url, auth });
  for (let round = 1; round <= 2; round++) {
    await collect(client.history());
    revoked.add(given.at(-1)!);
    const subscription = client.subscribe();
    await when(() => subscription.state.status === "live");
    await subscription.return();
    expect(given).toHaveLength(1 + round);
    expect(counts.refusals).toBe(round);
  }
});

test("a renewed token that is refused too is final", async () => {
  const { server, counts } = await countingServer();
  let given = 0;
  const auth = () => `bad${++given}`;
  const client = clientFor({ url: server.url, auth });
  const error = await errorOf(client.subscribe());
  expect([error.code, error.rawMessage]).toEqual([Code.Unauthenticated, "invalid token"]);
  expect(given).toBe(2);
  expect(counts.refusals).toBe(2);
  expect((await errorOf(client.publisher().post("1"))).code).toBe(Code.Unauthenticated);
  expect((await errorOf(client.history())).code).toBe(Code.Unauthenticated);
});

test("a token whose time is over when the call arrives is renewed as often as it takes", async () => {
  const key = await parseSigningKey("k".repeat(32), "test");
  const tokens = createTokens({ key, lifetimeSeconds: 1 });
  const inner = createAuth({ users: demoUsers(), tokens });
  let late = 0;
  const auth: Auth = {
    ...inner,
    async verify(token) {
      if (++late <= 3) {
        await sleep(1_100);
      }
      return inner.verify(token);
    },
  };
  const server = await startChatter({ auth });
  const client = clientFor({ url: server.url, auth: demo });
  let wasLive = false;
  const subscription = client.subscribe({
    onState: ({ status }) => {
      wasLive ||= status === "live";
    },
  });
  await when(() => wasLive || subscription.state.status === "closed");
  expect(wasLive).toBe(true);
  expect(late).toBeGreaterThan(3);
  await subscription.return();
});

test("a fixed token and a wrong password are tried once", async () => {
  const { server, counts } = await countingServer();
  const fixed = clientFor({ url: server.url, auth: { token: "bad" } });
  expect((await errorOf(fixed.subscribe())).code).toBe(Code.Unauthenticated);
  expect(counts).toEqual({ logins: 0, refusals: 1 });

  const auth = { user: "goa", password: "rolls" };
  const wrong = clientFor({ url: server.url, auth });
  const error = await errorOf(wrong.subscribe());
  expect(error.rawMessage).toBe("invalid username and password combination");
  expect(counts).toEqual({ logins: 1, refusals: 1 });
});

test("a function that fails is asked again, unless it says that this is final", async () => {
  const { server } = await countingServer();
  let asked = 0;
  const flaky = clientFor({
    url: server.url,
    auth: () => {
      if (++asked < 3) {
        throw new TypeError("fetch failed");
      }
      return server.token;
    },
  });
  await collect(flaky.history());
  expect(asked).toBe(3);

  const sure = clientFor({
    url: server.url,
    auth: () => {
      asked++;
      throw new ConnectError("who are you?", Code.Unauthenticated);
    },
  });
  expect((await errorOf(sure.history())).rawMessage).toBe("who are you?");
  expect(asked).toBe(4);
});

test("who no longer waits for a token ends; when nobody does, it is not fetched", async () => {
  let fetching: AbortSignal | undefined;
  const client = clientFor({
    url: "http://127.0.0.1:1",
    auth: (signal) => {
      fetching = signal;
      return new Promise(() => {});
    },
  });
  const first = new AbortController();
  const second = new AbortController();
  const received = collect(client.subscribe({ signal: first.signal }));
  const history = collect(client.history({ signal: second.signal })).catch(() => "ended");
  await when(() => fetching !== undefined);
  first.abort();
  expect(await received).toEqual([]);
  expect(fetching?.aborted).toBe(false);
  second.abort();
  expect(await history).toBe("ended");
  expect(fetching?.aborted).toBe(true);
});

test("a call's deadline and its signal hold while its token is fetched, too", async () => {
  const server = await startChatter();
  const { client } = clientFor({ url: server.url, auth: () => new Promise<never>(() => {}) });
  const late = { timeoutMs: 50 };
  expect((await errorOf(client.history({}, late))).code).toBe(Code.DeadlineExceeded);
  await expect(client.listener(new Outbox(), late)).rejects.toMatchObject({
    code: Code.DeadlineExceeded,
  });
  const left = new AbortController();
  const call = errorOf(client.history({}, { signal: left.signal }));
  left.abort();
  expect((await call).code).toBe(Code.Canceled);
});
