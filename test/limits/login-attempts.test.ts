import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import type { Auth } from "../../src/server/auth/auth.js";
import { startChatter, type TestServer } from "../support/chatter-server.js";
import { retryDelayOf } from "../support/retry-info.js";
import { errorOf } from "../support/streams.js";
import { clientOf } from "../support/wires.js";

/** Accounts for which every password is "right", and "down" a fault; counts what is checked. */
function fakeAuth(): Auth & { checked: number } {
  return {
    checked: 0,
    async login(_user, password) {
      this.checked++;
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (password === "down") {
        throw new ConnectError("the accounts are unavailable", Code.Unavailable);
      }
      if (password !== "right") {
        throw new ConnectError("invalid username and password combination", Code.Unauthenticated);
      }
      return { token: "a token", expiresAt: Date.now() + 1000 };
    },
    verify: () => Promise.reject(new ConnectError("invalid token", Code.Unauthenticated)),
  };
}

async function start(): Promise<{ server: TestServer; auth: Auth & { checked: number } }> {
  const auth = fakeAuth();
  const server = await startChatter({
    auth,
    trustedProxies: ["127.0.0.1"],
    limits: { maxLoginAttempts: 3 },
  });
  return { server, auth };
}

const from = (address: string) => ({ headers: { "x-forwarded-for": address } });

test("after as many failures as the limit even the right password is refused, unchecked", async () => {
  const { server, auth } = await start();
  const client = clientOf(server);
  for (let i = 0; i < 3; i++) {
    const error = await errorOf(client.login({ user: "goa", password: "wrong" }));
    expect(error.code).toBe(Code.Unauthenticated);
  }
  const checked = auth.checked;
  const error = await errorOf(client.login({ user: "goa", password: "right" }));
  expect(error.code).toBe(Code.ResourceExhausted);
  expect(error.metadata.get("retry-after")).toMatch(/^([1-9]|[1-5]\d|60)$/);
  expect(retryDelayOf(error)).toBeGreaterThan(0);
  expect(retryDelayOf(error)).toBeLessThanOrEqual(60_000);
  expect(auth.checked).toBe(checked);
});

test("the same name from elsewhere, and another name from there, are not touched", async () => {
  const { server } = await start();
  const client = clientOf(server);
  for (let i = 0; i < 4; i++) {
    await errorOf(client.login({ user: "goa", password: "wrong" }, from("192.0.2.1")));
  }
  const right = { user: "goa", password: "right" };
  expect((await errorOf(client.login(right, from("192.0.2.1")))).code).toBe(Code.ResourceExhausted);
  expect(await client.login(right, from("192.0.2.2"))).toMatchObject({ token: "a token" });
  expect(await client.login({ ...right, user: "other" }, from("192.0.2.1"))).toMatchObject({
    token: "a token",
  });
});

test("of many attempts at once no more are checked than may fail", async () => {
  const { server, auth } = await start();
  const client = clientOf(server);
  const errors = await Promise.all(
    Array.from({ length: 40 }, () => errorOf(client.login({ user: "goa", password: "wrong" }))),
  );
  expect(errors.filter(({ code }) => code === Code.Unauthenticated)).toHaveLength(3);
  expect(errors.filter(({ code }) => code === Code.ResourceExhausted)).toHaveLength(37);
  expect(auth.checked).toBe(3);
});

test("who knows the password may log in as often as they like, also at once", async () => {
  const { server } = await start();
  const client = clientOf(server);
  for (let i = 0; i < 10; i++) {
    await client.login({ user: "goa", password: "right" });
  }
  await Promise.all(
    Array.from({ length: 40 }, () => client.login({ user: "goa", password: "right" })),
  );
});

test("what fails for another reason does not count", async () => {
  const { server } = await start();
  const client = clientOf(server);
  for (let i = 0; i < 5; i++) {
    const error = await errorOf(client.login({ user: "goa", password: "down" }));
    expect(error.code).toBe(Code.Unavailable);
  }
  await client.login({ user: "goa", password: "right" });
});

test("a name that does not exist is refused after as many failures as one that does", async () => {
  const server = await startChatter({ limits: { maxLoginAttempts: 1 } });
  const client = clientOf(server);
  const errors = [];
  for (const user of ["goa", "nobody"]) {
    errors.push(await errorOf(client.login({ user, password: "wrong" })));
    errors.push(await errorOf(client.login({ user, password: "wrong" })));
  }
  const described = errors.map(({ code, rawMessage }) => ({ code, rawMessage }));
  expect(described.slice(0, 2)).toEqual(described.slice(2));
  expect(described[1]?.code).toBe(Code.ResourceExhausted);
});

test("goa's login and Connect's JSON answer 429 with Retry-After", async () => {
  const { server } = await start();
  const basic = `Basic ${Buffer.from("goa:wrong").toString("base64")}`;
  const login = () =>
    fetch(`${server.url}/login`, { method: "POST", headers: { authorization: basic } });
  for (let i = 0; i < 3; i++) {
    expect((await login()).status).toBe(401);
  }
  const connect = () =>
    fetch(`${server.url}/chatter.v1.ChatterService/Login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ user: "goa", password: "right" }),
    });
  for (const answer of [await login(), await connect()]) {
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  }
});

test("the server's own default is ten failures in a minute", async () => {
  const auth = fakeAuth();
  const server = await startChatter({ auth });
  const client = clientOf(server);
  const codes = [];
  for (let i = 0; i < 11; i++) {
    codes.push((await errorOf(client.login({ user: "goa", password: "wrong" }))).code);
  }
  expect(codes).toEqual([...Array(10).fill(Code.Unauthenticated), Code.ResourceExhausted]);
});
