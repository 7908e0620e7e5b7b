import { afterEach, describe, expect, test, vi } from "vitest";
import { parseSigningKey } from "../../src/server/auth/keys/signing-key.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { refusalText } from "./connect-errors.js";
import { secret } from "./forged-token.js";

const key = await parseSigningKey(secret, "test");
const goa = { subject: "goa", scopes: ["stream:read", "stream:write"] };

function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString());
}

afterEach(() => {
  vi.useRealTimers();
});

/** Stops only the clock: timers continue. */
function stopClock(): number {
  vi.useFakeTimers({ toFake: ["Date"], now: 1_800_000_000_000 });
  return Date.now();
}

describe("an issued token", () => {
  test("says who, what, since when and until when", async () => {
    const now = stopClock();
    const tokens = createTokens({ key });
    const { token, expiresAt } = await tokens.issue(goa);
    expect(expiresAt).toBe(now + 3_600_000);
    expect(claimsOf(token)).toEqual({
      iss: "chatter",
      aud: "chatter",
      sub: "goa",
      scopes: ["stream:read", "stream:write"],
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      iat: now / 1000,
      nbf: now / 1000 - 5,
      exp: now / 1000 + 3600,
    });
    expect(await tokens.verify(token)).toEqual({
      ...goa,
      tokenId: claimsOf(token).jti,
      expiresAt,
      issuedAt: now,
      login: false,
      keyThumbprint: key.thumbprint,
    });
  });

  test("has an id of its own", async () => {
    const tokens = createTokens({ key });
    const [one, two] = [await tokens.issue(goa), await tokens.issue(goa)];
    expect(claimsOf(one.token).jti).not.toBe(claimsOf(two.token).jti);
  });

  test("is accepted by another server with the same key, until its clock is 5 s behind", async () => {
    const now = stopClock();
    const { token } = await createTokens({ key }).issue(goa);
    vi.setSystemTime(now - 5_000);
    expect(await createTokens({ key }).verify(token)).toMatchObject(goa);
    vi.setSystemTime(now - 6_000);
    expect(await refusalText(() => createTokens({ key }).verify(token))).toBe(
      "Unauthenticated: invalid token",
    );
  });

  test("is accepted under its own issuer and audience only", async () => {
    const inside = createTokens({ key, issuer: "here", audience: "us" });
    const { token } = await inside.issue(goa);
    expect(await inside.verify(token)).toMatchObject(goa);
    for (const other of [{ issuer: "here" }, { audience: "us" }]) {
      expect(await refusalText(() => createTokens({ key, ...other }).verify(token))).toBe(
        "Unauthenticated: invalid token",
      );
    }
  });

  test("is refused for what it cannot have", async () => {
    const tokens = createTokens({ key });
    const issue = (changes: object) => refusalText(() => tokens.issue({ ...goa, ...changes }));
    expect(await issue({ subject: "" })).toMatch(/^InvalidArgument: .*0 bytes/);
    expect(await issue({ subject: "a\u0007" })).toMatch(/^InvalidArgument: .*control/);
    expect(await issue({ scopes: ["stream:all"] })).toMatch(/^InvalidArgument: "stream:all"/);
    for (const lifetimeSeconds of [0, -1, 1.5, Number.NaN, 315_360_001]) {
      expect(await issue({ lifetimeSeconds })).toMatch(/^InvalidArgument: .*lifetime/);
      expect(await refusalText(() => createTokens({ key, lifetimeSeconds }))).toMatch(/lifetime/);
    }
  });
});

describe("the end of a token", () => {
  test.each([false, true])("comes at its second (checked before: %s)", async (before) => {
    const now = stopClock();
    const tokens = createTokens({ key, lifetimeSeconds: 7200 });
    const { token } = await tokens.issue({ ...goa, lifetimeSeconds: 60 });
    if (before) {
      await tokens.verify(token);
    }
    vi.setSystemTime(now + 59_999);
    expect(await tokens.verify(token)).toMatchObject(goa);
    vi.setSystemTime(now + 60_000);
    expect(await refusalText(() => tokens.verify(token))).toBe("Unauthenticated: invalid token");
  });
});

describe("a token that is checked again", () => {
  test("costs no second check of its signature", async () => {
    const verify = vi.spyOn(crypto.subtle, "verify");
    try {
      const tokens = createTokens({ key });
      const { token } = await tokens.issue(goa);
      const first = await tokens.verify(token);
      expect(verify).toHaveBeenCalledTimes(1);
      expect(await tokens.verify(token)).toBe(first);
      expect(verify).toHaveBeenCalledTimes(1);
    } finally {
      verify.mockRestore();
    }
  });

  test("is forgotten when 1,000 others were used since", async () => {
    const verify = vi.spyOn(crypto.subtle, "verify");
    try {
      const tokens = createTokens({ key });
      const issued = await Promise.all(Array.from({ length: 1001 }, () => tokens.issue(goa)));
      const [kept, ...others] = issued.map(({ token }) => token) as [string, ...string[]];
      for (const token of [kept, ...others.slice(0, 999), kept, others[999]!]) {
        await tokens.verify(token);
      }
      verify.mockClear();
      await tokens.verify(kept);
      expect(verify).not.toHaveBeenCalled();
      await tokens.verify(others[0]!);
      expect(verify).toHaveBeenCalledTimes(1);
    } finally {
      verify.mockRestore();
    }
  });

  test("gives callers nothing that they can change for each other", async () => {
    const tokens = createTokens({ key });
    const identity = await tokens.verify((await tokens.issue(goa)).token);
    expect(() => (identity.scopes as string[]).push("stream:write")).toThrow(TypeError);
    expect(() => Object.assign(identity, { subject: "admin" })).toThrow(TypeError);
  });
});
