import type { Http2Session, ServerHttp2Stream } from "node:http2";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { CallAdmission } from "../../src/server/http/admission/call-admission.js";
import { createStreamAdmission } from "../../src/server/http/admission/stream-admission.js";
import { becomeKnown } from "../../src/server/limits/authenticated-connections.js";
import { collectGarbage } from "../support/memory.js";

/** More than these delay others. */
const most = 16;

function createStarts(serve: (stream: ServerHttp2Stream) => void) {
  const admission = new CallAdmission({ isTrustedProxy: () => false, addressOf: () => "" });
  return createStreamAdmission(admission, serve);
}

/** Of a connection that has shown a valid token. */
function open(session = {} as Http2Session): ServerHttp2Stream {
  becomeKnown(session);
  return { session, closed: false, on() {} } as unknown as ServerHttp2Stream;
}

test("of streams that come at once, from however many connections, a few are begun a turn", async () => {
  let begun = 0;
  const serve = createStarts(() => begun++);
  for (let i = 0; i < 100; i++) {
    serve(open(), {});
  }
  expect(begun).toBe(most);
  while (begun < 100) {
    const before = begun;
    await turn();
    expect(begun - before).toBeGreaterThan(0);
    expect(begun - before).toBeLessThanOrEqual(most);
  }
});

test("a connection with one stream does not wait for all those of another", async () => {
  const begun = new Set<ServerHttp2Stream>();
  const serve = createStarts((stream) => begun.add(stream));
  const busy = {} as Http2Session;
  for (let i = 0; i < 200; i++) {
    serve(open(busy), {});
  }
  const other = open();
  serve(other, {});
  await turn();
  expect(begun.has(other)).toBe(true);
  expect(begun.size).toBeLessThan(200);
});

test("a stream that was begun is released, though there are always some that wait", async () => {
  const serve = createStarts(() => {});
  const session = {} as Http2Session;
  const seen: WeakRef<ServerHttp2Stream>[] = [];
  const add = (count: number) => {
    for (let i = 0; i < count; i++) {
      const stream = open(session);
      seen.push(new WeakRef(stream));
      serve(stream, {});
    }
  };
  add(64);
  for (let i = 0; i < 100; i++) {
    add(most); // The minimum that begins: the others never get fewer.
    await turn();
  }
  collectGarbage();
  await turn();
  collectGarbage();
  expect(seen.filter((stream) => stream.deref()).length).toBeLessThan(200);
});
