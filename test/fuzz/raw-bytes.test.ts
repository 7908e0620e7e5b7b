import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type ServerProcess,
  type ServerState,
  startServerProcess,
} from "../support/server-process.js";
import { collect, rounds, sleep, until } from "../support/streams.js";
import { clientOf } from "../support/wires.js";
import { type Conversation, conversations } from "./conversations.js";
import { type Case, mutate } from "./mutations.js";
import { Random } from "./random.js";

/*
 * Broken bytes on every wire. A failure names the seed at which it began: CHATTER_FUZZ_SEED
 * continues from there. A seed that has once found something belongs in `seeds`.
 */

/** Three minutes in CI. */
const fuzzMs = rounds(9_000);
/** How many connections are open at a time. */
const width = 40;
/** After this many cases, the test checks whether the server still serves. */
const stretch = 1000;

/** Seeds that have found something once: each is where a stretch begins. */
const seeds: readonly number[] = [1, 11_001];
const given = process.env.CHATTER_FUZZ_SEED;

let server: ServerProcess;
let client: ReturnType<typeof clientOf>;
let all: readonly Conversation[];

beforeAll(async () => {
  server = await startServerProcess({
    // Ends what Node leaves open: an HTTP/2 connection with a fault is no longer read, and neither
    // is its end.
    pingIntervalMs: 1_000,
    limits: { maxLoginAttempts: 0, requestTimeoutMs: 2_000, firstMessageTimeoutMs: 2_000 },
  });
  client = clientOf(server);
  all = conversations(server.token);
});
afterAll(() => server.stop());

test("what is mutated is valid: each conversation gets its answer", async () => {
  for (const { name, parts, answers } of all) {
    const received = await converse(parts, answers);
    expect(
      answers.filter((text) => !received.includes(text)),
      `${name}: ${received}`,
    ).toEqual([]);
  }
});

test("the same seed makes the same case", () => {
  const [one, two] = [1, 2].map(() => mutate(all, new Random(7)));
  expect(one).toEqual(two);
  expect(mutate(all, new Random(8))).not.toEqual(one);
});

test(
  "mutated conversations crash nothing, hang nothing and leave nothing behind",
  async () => {
    await checkService(0);
    const before = await allGone();
    const end = performance.now() + fuzzMs;
    let cases = 0;
    const starts = given === undefined ? [...seeds] : [Number(given)];
    let next = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
    while (starts.length > 0 || performance.now() < end) {
      const seed = starts.shift() ?? next;
      next = seed + stretch;
      try {
        await playStretch(seed);
        cases += stretch;
        await allGone();
        await checkService(seed);
      } catch (cause) {
        throw new Error(`the server does not serve any more: CHATTER_FUZZ_SEED=${seed}`, { cause });
      }
    }
    const after = await allGone();
    console.info(
      `${cases} cases; left: ${after.connections - before.connections} sockets, ` +
        `${after.openCalls} calls, ${after.timers - before.timers} timers; ` +
        `heap ${before.heapMb} to ${after.heapMb} MB`,
    );
    expect(after.faults).toEqual([]);
    expect(after.heapMb - before.heapMb).toBeLessThan(50);
  },
  fuzzMs * 3 + 240_000,
);

/** Plays the cases of the seeds from this one on. */
async function playStretch(seed: number): Promise<void> {
  let played = 0;
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (played < stretch) {
        await play(mutate(all, new Random(seed + played++)));
      }
    }),
  );
}

async function play({ writes, end }: Case): Promise<void> {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  socket.setNoDelay(true);
  socket.on("error", () => {}); // A reset; the test waits for the close.
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.resume();
  await Promise.race([once(socket, "connect"), closed]);
  for (const bytes of writes) {
    socket.write(bytes);
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (end === "fin") {
    socket.end();
    await Promise.race([closed, sleep(50)]);
  } else if (end === "leave") {
    await Promise.race([closed, sleep(20)]);
  }
  if (end === "reset") {
    socket.resetAndDestroy();
  } else {
    socket.destroy();
  }
  await closed;
}

/**
 * Waits until the one connection of the correct client is the only one: on a busy machine the
 * others may wait long until they are accepted.
 */
async function allGone(): Promise<ServerState> {
  const isBusy = ({ connections, openCalls, timers }: ServerState) =>
    connections > 1 || openCalls > 0 || timers > 0;
  let last = await server.look();
  for (let tries = 0; isBusy(last); tries++) {
    expect(tries, `left behind: ${JSON.stringify(last)}`).toBeLessThan(1200);
    await sleep(100);
    last = await server.look();
  }
  return server.state();
}

/** A correct client is served. */
async function checkService(seed: number): Promise<void> {
  const text = `after ${seed}`;
  await client.summary(
    (async function* () {
      yield { message: text };
    })(),
    { timeoutMs: 20_000 },
  );
  const [last] = await collect(client.history({ last: 1n }, { timeoutMs: 20_000 }));
  expect(last?.message).toBeDefined();
}

/** Plays a conversation unchanged, and resolves to what came back until the answer was complete. */
async function converse(parts: readonly Buffer[], answers: readonly string[]): Promise<string> {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  await once(socket, "connect");
  socket.write(Buffer.concat(parts));
  const received = () => Buffer.concat(chunks).toString("latin1");
  const isWhole = () => answers.every((text) => received().includes(text));
  await until(() => isWhole() || socket.destroyed, "the answers").catch(() => {});
  socket.destroy();
  return received();
}
