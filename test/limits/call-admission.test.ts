import { setImmediate as nextTurn } from "node:timers/promises";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { CallAdmission } from "../../src/server/http/admission/call-admission.js";
import { becomeKnown } from "../../src/server/limits/authenticated-connections.js";

const proxy = "192.0.2.1";

/** The CPU time that the process has used, in milliseconds. */
let usedMs = 0;

beforeEach(() => {
  const usage = vi
    .spyOn(process, "cpuUsage")
    .mockImplementation(() => ({ user: 1000 * usedMs, system: 0 }));
  const clock = vi.spyOn(performance, "now").mockImplementation(() => usedMs);
  return () => {
    usage.mockRestore();
    clock.mockRestore();
  };
});

/** @param costMs CPU time of a call. Default: much */
function createAdmission(costMs = 2) {
  const begun: string[] = [];
  const admission = new CallAdmission({
    isTrustedProxy: (address) => address === proxy,
    addressOf: (connection, forwardedFor) => String(forwardedFor ?? connection),
  });
  const start = (
    name: string,
    connection: object,
    more: { proxied?: string; token?: string; address?: string } = {},
  ) => ({
    connection,
    remoteAddress: more.proxied ? proxy : (more.address ?? "203.0.113.9"),
    headers: {
      ...(more.proxied && { "x-forwarded-for": more.proxied }),
      ...(more.token && { authorization: more.token }),
    },
    begin() {
      begun.push(name);
      void Promise.resolve().then(() => {
        usedMs += costMs;
      });
      return true;
    },
  });
  return { begun, admission, start };
}

test("what has shown no valid token has a few places a turn, and calls with one do not wait for it", async () => {
  const { begun, admission, start } = createAdmission();
  const unknown = {};
  for (let i = 0; i < 100; i++) {
    admission.call(start(`unknown ${i}`, unknown, { token: "any" }));
  }
  expect(begun).toHaveLength(4);
  const known = {};
  becomeKnown(known);
  expect(admission.call(start("known", known))).toBe(true);
  const before = begun.length;
  await nextTurn();
  expect(begun.length - before).toBe(4);
});

test("of calls that cost little more begin in a turn, though none has shown a valid token", async () => {
  const { begun, admission, start } = createAdmission(0.25);
  for (let i = 0; i < 100; i++) {
    admission.call(start(`unknown ${i}`, {}));
  }
  expect(begun).toHaveLength(4);
  await nextTurn();
  expect(begun).toHaveLength(4 + 8);
});

test("connections without a token have their turns one after the other, upgrades their own", async () => {
  const { begun, admission, start } = createAdmission();
  const busy = {};
  for (let i = 0; i < 100; i++) {
    admission.call(start(`busy ${i}`, busy));
    admission.upgrade(start(`upgrade ${i}`, {}));
  }
  admission.call(start("other", {}));
  expect(begun).not.toContain("other");
  await nextTurn();
  expect(begun).toContain("other");
});

test("behind a trusted proxy each client has its turn, and calls with a token stand apart", async () => {
  const { begun, admission, start } = createAdmission();
  const shared = {};
  becomeKnown(shared); // By somebody: it is everybody's.
  for (let i = 0; i < 100; i++) {
    admission.call(start(`busy ${i}`, shared, { proxied: "198.51.100.1" }));
  }
  expect(begun).toHaveLength(4);
  admission.call(start("other", shared, { proxied: "198.51.100.2" }));
  expect(
    admission.call(start("with a token", shared, { proxied: "198.51.100.3", token: "t" })),
  ).toBe(true);
  await nextTurn();
  expect(begun).toContain("other");
});

describe.each(["calls without a token", "calls with a token", "upgrades"] as const)(
  "%s",
  (kind) => {
    test("of a hundred connections of one address let one of another address in between", async () => {
      const { begun, admission, start } = createAdmission();
      const begin = (name: string, address: string) => {
        const connection = {};
        if (kind === "calls with a token") {
          becomeKnown(connection);
        }
        const one = start(name, connection, { address });
        return kind === "upgrades" ? admission.upgrade(one) : admission.call(one);
      };
      for (let i = 0; i < 100; i++) {
        begin(`busy ${i}`, `2001:db8::${i + 1}`);
      }
      begin("other", "2001:db8:0:1::1");
      expect(begun).not.toContain("other");
      await nextTurn();
      expect(begun).toContain("other");
      expect(begun.length).toBeLessThan(50);
    });
  },
);
