import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import type { Auth } from "../../src/server/auth/auth.js";
import { createAuth } from "../../src/server/auth/create-auth.js";
import { parseSigningKey } from "../../src/server/auth/keys/signing-key.js";
import { createLoginQueue } from "../../src/server/auth/login-queue.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { createUsers, newUser } from "../../src/server/auth/users/users.js";
import type { Limits } from "../../src/server/limits/limits.js";
import { createMetrics } from "../../src/server/metrics/metrics.js";
import { startChatter } from "../support/chatter-server.js";
import { errorOf } from "../support/streams.js";
import { clientOf } from "../support/wires.js";

const from = (address: string, signal?: AbortSignal) => ({
  headers: { "x-forwarded-for": address },
  ...(signal && { signal }),
});

const never = () => new AbortController().signal;

describe("the queue", () => {
  /** Starts tasks of these addresses together; resolves to the order in which they ran. */
  async function orderOf(addresses: readonly string[], queue = createLoginQueue()) {
    const order: string[] = [];
    const outcomes = await Promise.allSettled(
      addresses.map((address) =>
        queue.run(
          async () => {
            await new Promise((resolve) => setImmediate(resolve));
            order.push(address);
          },
          never(),
          address,
        ),
      ),
    );
    const refused = addresses.filter((_address, i) => outcomes[i]?.status === "rejected");
    return { order: order.join(""), refused: refused.join("") };
  }

  test("takes one of each address in turn", async () => {
    expect(await orderOf([..."aaaaabbbc"])).toEqual({ order: "aabcababa", refused: "" });
  });

  test("refuses what is too much for one address, and no other", async () => {
    const queue = createLoginQueue({ maxWaitingOfAddress: 2 });
    expect(await orderOf([..."aaaaabb"], queue)).toEqual({ order: "aabab", refused: "aa" });
  });

  test("when it is full, whoever has most waiting gives one up", async () => {
    const queue = createLoginQueue({ maxWaiting: 4 });
    expect(await orderOf([..."aaaaabcd"], queue)).toEqual({ order: "aabcd", refused: "aaa" });
    expect(await orderOf([..."abcdef"], queue)).toEqual({ order: "abcde", refused: "f" });
  });

  test("forgets an address whose last one has left", async () => {
    const queue = createLoginQueue({ maxWaitingOfAddress: 1 });
    let end = () => {};
    const first = queue.run(() => new Promise<void>((resolve) => (end = resolve)), never(), "a");
    const leaver = new AbortController();
    const left = queue.run(async () => {}, leaver.signal, "a");
    leaver.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    const other = queue.run(async () => "b", never(), "b");
    const again = queue.run(async () => "a", never(), "a");
    end();
    expect(await Promise.all([first, other, again])).toEqual([undefined, "b", "a"]);
  });
});

test("an address that logs in with wrong passwords all the time keeps no other out", async () => {
  const tokens = createTokens({ key: await parseSigningKey("k".repeat(32), "test") });
  const bob = await newUser({
    name: "bob",
    password: "right",
    scopes: [],
    cost: { logN: 13, r: 8, p: 1 },
  });
  const server = await startChatter({
    auth: createAuth({ users: createUsers([bob]), tokens }),
    trustedProxies: ["127.0.0.1"],
    limits: { maxAddressLoginAttempts: 0 },
  });
  const client = clientOf(server);
  const stop = new AbortController();
  let refused = () => {};
  const isFull = new Promise<void>((resolve) => (refused = resolve));
  const attackers = Array.from({ length: 100 }, async (_, i) => {
    for (let n = 0; !stop.signal.aborted; n++) {
      const login = client.login({ user: `${i}-${n}`, password: "x" }, from("192.0.2.1"));
      if ((await errorOf(login)).code === Code.ResourceExhausted) {
        refused();
      }
    }
  });
  await isFull;
  try {
    for (let n = 0; n < 5; n++) {
      const login = client.login({ user: "bob", password: "right" }, from("192.0.2.2"));
      expect(await login).toHaveProperty("token");
    }
  } finally {
    stop.abort();
    await Promise.all(attackers);
  }
});

describe("failures of an address over all names", () => {
  /** Accounts for which every password is "right", all checked at once; counts what is checked. */
  async function start(limits: Partial<Limits>) {
    let checked = 0;
    const auth: Auth = {
      async login(_user, password) {
        checked++;
        await new Promise((resolve) => setImmediate(resolve));
        if (password !== "right") {
          throw new ConnectError("invalid username and password combination", Code.Unauthenticated);
        }
        return { token: "a token", expiresAt: Date.now() + 1000 };
      },
      verify: () => Promise.reject(new ConnectError("invalid token", Code.Unauthenticated)),
    };
    const metrics = createMetrics();
    const server = await startChatter({ auth, metrics, trustedProxies: ["127.0.0.1"], limits });
    const client = clientOf(server);
    const login = (user: string, password: string, address: string) =>
      client.login({ user, password }, from(address));
    return { login, metrics, checked: () => checked };
  }

  test("are refused beyond the limit, unchecked, and no other address is", async () => {
    const { login, metrics, checked } = await start({ maxAddressLoginAttempts: 5 });
    for (let n = 0; n < 5; n++) {
      const error = await errorOf(login(`user${n}`, "wrong", `2001:db8:0:1::${n + 1}`));
      expect(error.code).toBe(Code.Unauthenticated);
    }
    const error = await errorOf(login("goa", "right", "2001:db8:0:1:ffff::1"));
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(error.rawMessage).toBe(
      "5 logins from this address have failed in a minute: try again later",
    );
    expect(Number(error.metadata.get("retry-after"))).toBeGreaterThan(0);
    expect(checked()).toBe(5);
    expect(await login("goa", "right", "2001:db8:0:2::1")).toHaveProperty("token");
    expect(await metrics.registry.metrics()).toContain(
      'chatter_refused_total{limit="address_login_attempts"} 1',
    );
  });

  test("are no more when many try at once", async () => {
    const { login } = await start({ maxAddressLoginAttempts: 5 });
    const errors = await Promise.all(
      Array.from({ length: 40 }, (_, n) => errorOf(login(`user${n}`, "wrong", "192.0.2.1"))),
    );
    const failed = errors.filter(({ code }) => code === Code.Unauthenticated);
    expect(failed).toHaveLength(5);
  });

  test("do not count those who come in: many people are behind one address", async () => {
    const { login, checked } = await start({ maxAddressLoginAttempts: 5 });
    for (let n = 0; n < 20; n++) {
      await login(`user${n}`, "right", "192.0.2.1");
    }
    await errorOf(login("goa", "wrong", "192.0.2.1"));
    expect(await login("goa", "right", "192.0.2.1")).toHaveProperty("token");
    expect(checked()).toBe(22);
  });

  test("are a hundred in a minute by default, and without a limit if that is 0", async () => {
    const failing = async (limits: Partial<Limits>) => {
      const { login } = await start(limits);
      let failed = 0;
      for (; failed < 120; failed++) {
        const { code } = await errorOf(login(`user${failed}`, "wrong", "192.0.2.1"));
        if (code !== Code.Unauthenticated) {
          break;
        }
      }
      return failed;
    };
    expect(await failing({})).toBe(100);
    expect(await failing({ maxAddressLoginAttempts: 0 })).toBe(120);
  });
});
