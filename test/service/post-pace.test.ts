import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextValues, createHandlerContext } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { ChatterService, ListenerRequestSchema } from "../../src/gen/chatter_pb.js";
import { defaultLimits } from "../../src/server/limits/limits.js";
import { createUploadTimeouts } from "../../src/server/limits/upload-timeouts.js";
import { createMemoryLog } from "../../src/server/log/memory-log.js";
import { RoomSelection } from "../../src/server/rooms/room-selection.js";
import { identityKey } from "../../src/server/service/call/context.js";
import { PostPace } from "../../src/server/service/posting/post-pace.js";
import { createPosting, Progress, store } from "../../src/server/service/posting/posting.js";
import { HeadNotifier, type RoomListener } from "../../src/server/service/reading/head-notifier.js";
import { startChatter } from "../support/chatter-server.js";
import { post } from "../support/log-messages.js";
import { Outbox, until } from "../support/streams.js";
import { clientOf } from "../support/wires.js";

const flood = (count: number) => Array.from({ length: count }, (_, i) => post(`flood ${i}`));

/** One who follows, and stands where the test says. */
function reader(user: string): RoomListener & { after: number } {
  const rooms = RoomSelection.main;
  return { rooms, isWaiting: false, after: 0, user, lateUntil: 0, wake() {}, fail() {} };
}

test("what is posted as fast as possible while another user reads is stored and read, all of it", async () => {
  const server = await startChatter();
  const { token } = await server.tokens.issue({
    subject: "mallory",
    scopes: ["stream:read", "stream:write"],
  });
  const events = clientOf(server).subscribe({})[Symbol.asyncIterator]();
  const first = events.next();
  await until(() => server.chatter.openCalls === 1, "somebody reads");
  const boxes = Array.from({ length: 4 }, () => new Outbox<{ message: string }>());
  const mallory = clientOf({ ...server, token });
  const answers = boxes.map((box) => mallory.listener(box));
  const count = 500;
  for (const box of boxes) {
    box.send(...Array.from({ length: count }, () => ({ message: "x".repeat(100) })));
    box.end();
  }
  let event = await first;
  for (let seen = 1; seen < boxes.length * count; seen++) {
    expect(event.value!.sequence).toBe(BigInt(seen));
    event = await events.next();
  }
  for (const { stored } of await Promise.all(answers)) {
    expect(stored).toBe(BigInt(count));
  }
  await events.return?.();
});

test("a flood waits for others who read live and come on, and for nobody else", async () => {
  const log = createMemoryLog();
  const notifier = new HeadNotifier(log);
  const pace = new PostPace(log, notifier);
  const messages = flood(5_000);

  // Nobody reads, or the same user alone: all goes at once.
  expect(pace.untilRead("goa", 5_000)).toBeUndefined();
  expect(pace.enter("goa", messages, 0)).toBe(5_000);
  pace.leave("goa", 5_000);
  notifier.join(reader("goa"));
  expect(pace.enter("goa", messages, 0)).toBe(5_000);
  pace.leave("goa", 5_000);

  const bob = reader("bob");
  notifier.join(bob);
  const taken = pace.enter("goa", messages, 0);
  expect(taken).toBeLessThan(500);
  pace.leave("goa", taken);
  await log.append(messages.slice(0, 2_000));
  // A few messages wait for nobody, a flood waits until bob has come.
  expect(pace.untilRead("goa", 10)).toBeUndefined();
  let isRead = false;
  const waiting = pace.untilRead("goa", 5_000)!.then(() => {
    isRead = true;
  });
  bob.after = 1_000;
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(isRead).toBe(false);
  bob.after = 1_990;
  await waiting;

  // One who does not come on is given up, and not waited for any more.
  await log.append(messages.slice(0, 2_000));
  await pace.untilRead("goa", 5_000);
  expect(bob.lateUntil).toBe(Number.POSITIVE_INFINITY);
  expect(pace.untilRead("goa", 5_000)).toBeUndefined();

  notifier.leave(bob);
  notifier.leave(bob);
  expect(notifier.hasOthers("goa")).toBe(false);
  await log.close();
});

test("a flood whose client leaves does not run away from those who read live", async () => {
  const log = createMemoryLog();
  const notifier = new HeadNotifier(log);
  const posting = createPosting(
    log,
    defaultLimits,
    createUploadTimeouts(defaultLimits),
    new PostPace(log, notifier),
  );
  const bob = reader("bob");
  notifier.join(bob);
  const leaving = new AbortController();
  const context = createHandlerContext({
    service: ChatterService,
    method: ChatterService.method.listener,
    protocolName: "grpc",
    requestMethod: "POST",
    url: "http://localhost/",
    requestSignal: leaving.signal,
    contextValues: createContextValues().set(identityKey, {
      subject: "mallory",
      scopes: ["stream:write"],
      tokenId: "1",
      expiresAt: 0,
    }),
  });
  const posts = Array.from({ length: 4_000 }, (_, i) =>
    create(ListenerRequestSchema, { message: `flood ${i}` }),
  );
  const progress = new Progress();
  const storing = store(
    posting,
    (async function* () {
      yield posts;
    })(),
    context,
    progress,
  );
  await until(() => log.head > 0, "some are stored");
  leaving.abort(new ConnectError("the client has left", Code.Canceled));
  await expect(storing).rejects.toMatchObject({ code: Code.Canceled });
  expect(progress.stored).toBe(log.head);
  expect(log.head).toBeLessThan(1_000);
  notifier.leave(bob);
  await log.close();
});
