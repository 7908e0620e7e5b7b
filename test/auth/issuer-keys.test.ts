import { createPublicKey, type JsonWebKey } from "node:crypto";
import { errors, jwtVerify } from "jose";
import { expect, test, vi } from "vitest";
import {
  createIssuerKeys,
  type IssuerKeys,
  type IssuerKeysOptions,
} from "../../src/server/auth/issuer/issuer-keys.js";
import { createIssuerTokens } from "../../src/server/auth/issuer/issuer-tokens.js";
import { sleep, until } from "../support/streams.js";
import { refusalText } from "./connect-errors.js";
import { createKey, startIssuer } from "./fake-issuer.js";

const [one, two] = [await createKey("ES256", "one"), await createKey("ES256", "two")];

async function start(options: Partial<IssuerKeysOptions> = {}, issuer?: Issuer) {
  const from = issuer ?? (await startIssuer(one, two));
  from.published = [one];
  const logged: string[] = [];
  const keys = createIssuerKeys({
    url: from.url,
    onError: (error) => logged.push((error as { rawMessage: string }).rawMessage),
    ...options,
  });
  const tokens = createIssuerTokens({ issuer: from.name, audience: "chatter", keys });
  const outcome = (token: string) =>
    tokens.verify(token).then(
      () => "accepted",
      (error) => refusalText(() => Promise.reject(error)),
    );
  return { issuer: from, keys, tokens, outcome, logged };
}

type Issuer = Awaited<ReturnType<typeof startIssuer>>;

const invalid = "Unauthenticated: invalid token";
/** Callers do not learn where the keys are, and why they cannot be fetched. */
const unknown =
  "Unavailable: the keys of the tokens' issuer cannot be fetched now: try again later";

test("keys are fetched once, for many tokens", async () => {
  const { issuer, outcome } = await start();
  const tokens = await Promise.all(Array.from({ length: 50 }, () => issuer.sign()));
  expect(new Set(await Promise.all(tokens.map(outcome)))).toEqual(new Set(["accepted"]));
  expect(issuer.fetches).toBe(1);
});

test("a key that is new at the issuer is found", async () => {
  const { issuer, outcome } = await start({ cooldownMs: 0 });
  expect(await outcome(await issuer.sign())).toBe("accepted");
  issuer.published = [one, two];
  expect(await outcome(await issuer.sign({}, two))).toBe("accepted");
  expect(issuer.fetches).toBe(2);
});

test("a flood of tokens with keys that nobody knows does not reach the issuer", async () => {
  const { issuer, outcome } = await start({ cooldownMs: 600 });
  expect(await outcome(await issuer.sign())).toBe("accepted");
  const flood = await Promise.all(
    Array.from({ length: 200 }, (_, i) => issuer.sign({}, { ...two, kid: `key-${i}` })),
  );
  const from = performance.now();
  const fetched = issuer.fetches;
  for (let i = 0; i < flood.length; i += 20) {
    const outcomes = await Promise.all(flood.slice(i, i + 20).map(outcome));
    expect(new Set(outcomes)).toEqual(new Set([invalid]));
  }
  const mayBe = 1 + Math.floor((performance.now() - from) / 600);
  expect(issuer.fetches - fetched).toBeLessThanOrEqual(mayBe);
  await sleep(600);
  expect(await outcome(flood[0]!)).toBe(invalid);
  expect(issuer.fetches).toBeGreaterThan(1);
});

test("keys are good while the issuer is away, however old, and new ones come when it is back", async () => {
  const { issuer, keys, outcome, logged } = await start({ refreshMs: 20, cooldownMs: 20 });
  expect(await outcome(await issuer.sign())).toBe("accepted");
  await issuer.stop();
  await sleep(40);
  for (let i = 0; i < 3; i++) {
    expect(await outcome(await issuer.sign({ jti: `away ${i}` }))).toBe("accepted");
    await sleep(30);
  }
  await until(() => logged.length > 0, "the fault is logged");
  expect(logged[0]).toMatch(/^127.0.0.1:\d+: ECONNREFUSED$/);
  // It may be valid: its bearer should try again.
  expect(await outcome(await issuer.sign({}, two))).toBe(unknown);
  issuer.published = [two];
  await issuer.start();
  await sleep(30);
  expect(await outcome(await issuer.sign({}, two))).toBe("accepted");
  // The previous key is gone, and with it what was cached about its tokens.
  expect(await outcome(await issuer.sign())).toBe(invalid);
  keys.freshen();
});

test("a token that was verified is verified again when its key was taken away", async () => {
  const { issuer, outcome } = await start({ refreshMs: 20, cooldownMs: 0 });
  const token = await issuer.sign();
  expect(await outcome(token)).toBe("accepted");
  issuer.published = [two];
  await until(async () => (await outcome(token)) === invalid, "it is refused");
});

test("a token that is being verified while its key is taken away is not remembered", async () => {
  const issuer = await startIssuer(one);
  let changed = () => {};
  const find = vi.fn(async () => {
    changed(); // The keys change while the signature is checked.
    return createPublicKey({ key: one.publicJwk as JsonWebKey, format: "jwk" });
  });
  const keys: IssuerKeys = {
    find,
    freshen() {},
    onChange(listener) {
      changed = listener;
    },
  };
  const tokens = createIssuerTokens({ issuer: issuer.name, audience: "chatter", keys });
  const token = await issuer.sign();
  await tokens.verify(token);
  await tokens.verify(token);
  expect(find).toHaveBeenCalledTimes(2);
});

test("an issuer that does not answer delays no token whose key is known", async () => {
  const { issuer, outcome, logged } = await start({
    refreshMs: 10,
    cooldownMs: 10,
    timeoutMs: 1000,
  });
  expect(await outcome(await issuer.sign())).toBe("accepted");
  issuer.answer = () => {}; // Never.
  await sleep(20);
  const before = performance.now();
  const waiting = outcome(await issuer.sign({}, two));
  await until(() => issuer.fetches === 2, "the keys are asked for again");
  const order: string[] = [];
  void waiting.then(() => order.push("waiting"));
  for (let i = 0; i < 20; i++) {
    expect(await outcome(await issuer.sign({ jti: String(i) }))).toBe("accepted");
  }
  expect(order).toEqual([]);
  expect(await waiting).toBe(unknown);
  expect(logged).toEqual([expect.stringMatching(/^127.0.0.1:\d+: request timed out$/)]);
  expect(performance.now() - before).toBeGreaterThan(900);
});

test("a server may start before its issuer", async () => {
  const issuer = await startIssuer(one, two);
  await issuer.stop();
  const { outcome, logged } = await start({ cooldownMs: 20 }, issuer);
  expect(await outcome(await issuer.sign())).toBe(unknown);
  expect(logged).not.toEqual([]);
  await issuer.start();
  await sleep(30);
  expect(await outcome(await issuer.sign())).toBe("accepted");
});

test.each([
  ["an error", (response) => response.writeHead(500).end("secret of the issuer")],
  ["no JSON", (response) => response.end("<html>")],
  ["no key set", (response) => response.end('{"keys": 7}')],
  ["another place", (response) => response.writeHead(302, { location: "/other" }).end()],
  [
    "without end",
    (response) => {
      const more = () => response.write(Buffer.alloc(65_536, " "));
      response.on("drain", more);
      while (more()) {}
    },
  ],
] as [string, NonNullable<Issuer["answer"]>][])(
  "keys are not taken from %s",
  async (what, answer) => {
    const issuer = await startIssuer(one, two);
    issuer.answer = answer;
    const { outcome, logged } = await start({ timeoutMs: 3000 }, issuer);
    expect(await outcome(await issuer.sign())).toBe(unknown);
    expect(logged.join()).not.toContain("secret");
    expect(logged.join()).toContain(what === "without end" ? "more than 524288 bytes" : "");
  },
);

test("the keys are for tokens of any library", async () => {
  const { issuer, keys } = await start();
  const { payload } = await jwtVerify(await issuer.sign(), keys.find);
  expect(payload.sub).toBe("goa");
  await expect(jwtVerify(await issuer.sign({}, two), keys.find)).rejects.toThrow(
    errors.JWKSNoMatchingKey,
  );
});
