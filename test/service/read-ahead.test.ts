import { expect, test } from "vitest";
import { readAhead } from "../../src/server/service/posting/read-ahead.js";

const limits = { maxItems: 100, maxBytes: 100 };
const sizeOf = () => 1;

async function take(source: AsyncIterable<readonly string[]>, signal: AbortSignal) {
  const items: string[] = [];
  try {
    for await (const some of readAhead(source, sizeOf, limits, signal)) {
      items.push(...some);
    }
  } catch (error) {
    return { items, error };
  }
  return { items };
}

test("what came in the same turn as the end of the call is given before its reason is thrown", async () => {
  const call = new AbortController();
  async function* source() {
    yield ["before"];
    await new Promise((resolve) => setImmediate(resolve));
    // As when one packet has a message and the end of the connection.
    queueMicrotask(() => call.abort("gone"));
    yield ["with it"];
    await new Promise(() => {});
  }
  expect(await take(source(), call.signal)).toEqual({
    items: ["before", "with it"],
    error: "gone",
  });
});

test("a signal that is aborted already ends it without a batch", async () => {
  async function* source() {
    await new Promise(() => {});
    yield ["never"];
  }
  expect(await take(source(), AbortSignal.abort("gone"))).toEqual({ items: [], error: "gone" });
});
