import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { NatsFault, natsFaultOf } from "../../src/server/log/nats/faults.js";

const src = fileURLToPath(new URL("../../src", import.meta.url));

test("an error of another kind is no fault of NATS, whatever its code", () => {
  const other = new ConnectError("not NATS", Code.Unavailable);
  expect(other).not.toBeInstanceOf(NatsFault);
  const fault = natsFaultOf(other);
  expect(fault.reason).toBe("no_answer");
  expect(fault.cause).toBe(other);
  expect(natsFaultOf(fault)).toBe(fault);
  expect(fault).toBeInstanceOf(ConnectError);
});

test("classes of such errors extend CallError: instanceof of ConnectError is true for all", () => {
  const stray = readdirSync(src, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && name !== "errors/call-error.ts")
    .filter((name) => /extends ConnectError\b/.test(readFileSync(join(src, name), "utf8")));
  expect(stray).toEqual([]);
});
