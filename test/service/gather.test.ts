import { expect, it } from "vitest";
import { gather } from "../../src/server/service/gather.js";

const limits = { maxItems: 100, maxBytes: 100 };
const weigh = () => 1;

async function take(source: AsyncIterable<readonly string[]>, signal: AbortSignal) {
  const items: string[] = [];
  try {
    for await (const some of gather(source, weigh, limits, signal)) {
      items.push(...some);
    }
  } catch (error) {
    return { items, error };
  }
  return { items };
}

it("what came in the same turn as the end of the call is given before its reason is thrown", async () => {
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

it("a signal that is aborted already ends it without a piece", async () => {
  async function* source() {
    await new Promise(() => {});
    yield ["never"];
  }
  expect(await take(source(), AbortSignal.abort("gone"))).toEqual({ items: [], error: "gone" });
});
