import { AsyncLocalStorage } from "node:async_hooks";
import { create } from "@bufbuild/protobuf";
import { StringValueSchema } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import {
  type Context,
  type ContextManager,
  context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  trace,
} from "@opentelemetry/api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { OtherService } from "../support/ignoring-service.js";
import { collect, until } from "../support/streams.js";
import { mainWires, transportOf, withToken } from "../support/wires.js";

/** As little of an SDK as is needed to make spans that record themselves. */
class NamedSpan implements Span {
  isOver = false;
  readonly #traceId = Math.random().toString(16).slice(2).padEnd(32, "0");

  constructor(readonly name: string) {}

  spanContext() {
    return { traceId: this.#traceId, spanId: "1".repeat(16), traceFlags: 1 };
  }
  setAttribute(): this {
    return this;
  }
  setAttributes(): this {
    return this;
  }
  addEvent(): this {
    return this;
  }
  addLink(_link: Link): this {
    return this;
  }
  addLinks(): this {
    return this;
  }
  setStatus(): this {
    return this;
  }
  updateName(): this {
    return this;
  }
  end(): void {
    this.isOver = true;
  }
  isRecording(): boolean {
    return !this.isOver;
  }
  recordException(): void {}
}

const storage = new AsyncLocalStorage<Context>();

const contexts: ContextManager = {
  active: () => storage.getStore() ?? ROOT_CONTEXT,
  with: (wanted, run, self, ...args) =>
    storage.run(wanted, () => run.call(self as ThisParameterType<typeof run>, ...args)),
  bind: (_wanted, target) => target,
  enable() {
    return this;
  },
  disable() {
    return this;
  },
};

const spans: NamedSpan[] = [];

beforeAll(() => {
  context.setGlobalContextManager(contexts);
  trace.setGlobalTracerProvider({
    getTracer: () => ({
      startSpan(name: string) {
        const span = new NamedSpan(name);
        spans.push(span);
        return span;
      },
      startActiveSpan() {
        throw new Error("not used");
      },
    }),
  });
});

afterAll(() => {
  trace.disable();
  context.disable();
});

/** The name of the span that a method sees as its own. */
function activeName() {
  return create(StringValueSchema, { value: (trace.getActiveSpan() as NamedSpan)?.name ?? "none" });
}

describe.each(mainWires)("a program with an SDK of its own, over $name", (wire) => {
  test("has the call's span at hand in the methods that it adds", async () => {
    spans.length = 0;
    const server = await startChatter({
      routes: (router) =>
        router.service(OtherService, {
          async unary() {
            await new Promise((resolve) => setImmediate(resolve));
            return activeName();
          },
          async *serverStream() {
            yield activeName();
            await new Promise((resolve) => setImmediate(resolve));
            yield activeName();
          },
        } as never),
    });
    const transport = transportOf(wire, server.url, [withToken(server.token)]);
    const client = createClient(OtherService, transport) as unknown as {
      unary(input: object): Promise<{ value: string }>;
      serverStream(input: object): AsyncIterable<{ value: string }>;
    };
    expect((await client.unary({})).value).toBe("other.v1.OtherService/Unary");
    const streamed = (await collect(client.serverStream({}))).map(({ value }) => value);
    expect(streamed).toEqual(Array(2).fill("other.v1.OtherService/ServerStream"));
    await until(() => spans.every(({ isOver }) => isOver), "all spans have ended");
    expect(spans).toHaveLength(2);
  });
});
