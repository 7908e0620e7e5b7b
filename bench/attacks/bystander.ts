/*
 * The process of a bystander, who uses the client library: posts ten times a second, reads the
 * posts with a subscription, and requests /livez on new connections. When asked, it sends how long
 * each took, and how often something failed.
 */
import { get } from "node:http";
import { createChatterClient } from "../../src/client/node.js";
import { Health } from "../../src/gen/health/v1/health_pb.js";

/** What the bystander has seen since it was last asked. */
export interface Seen {
  /** Milliseconds from the sending of each post to its answer, and to its event. */
  readonly posts: readonly number[];
  readonly events: readonly number[];
  /** Milliseconds of each request on a connection of its own. */
  readonly probes: readonly number[];
  readonly failures: readonly string[];
  /** How long the oldest unanswered post has been waiting, in milliseconds. */
  readonly waitingMs: number;
}

const [url, token] = process.argv.slice(2);
const client = createChatterClient({ url: url!, auth: { token: token! }, transport: "grpc" });
const publisher = client.publisher();
const subscription = client.subscribe({});

/** How many calls make the server warm, and how many of them are in flight. */
const warmUpCalls = 10_000;
const warmUpInFlight = 16;

/*
 * A server that has just started compiles its code and enlarges its young generation with the first
 * calls, whoever makes them: that is not to be counted as the effect of an attack.
 */
const health = client.clientOf(Health);
await Promise.all(
  Array.from({ length: warmUpInFlight }, async () => {
    for (let call = 0; call < warmUpCalls / warmUpInFlight; call++) {
      await health.check({});
    }
  }),
);
process.send?.("warm");

let seen = {
  posts: [] as number[],
  events: [] as number[],
  probes: [] as number[],
  failures: [] as string[],
};
const posted = new Map<string, number>();
const unanswered = new Set<number>();
let count = 0;

setInterval(() => {
  const text = `bystander ${count++}`;
  const at = performance.now();
  posted.set(text, at);
  unanswered.add(at);
  publisher
    .post(text)
    .then(() => seen.posts.push(performance.now() - at), fail)
    .finally(() => unanswered.delete(at));
  if (count % 3 === 0) {
    probe();
  }
}, 100);

function probe(): void {
  const at = performance.now();
  const request = get(`${url}/livez`, { agent: false, timeout: 10_000 }, (response) => {
    response.resume().on("end", () => seen.probes.push(performance.now() - at));
  });
  request.on("timeout", () => request.destroy(new Error("/livez took 10 seconds")));
  request.on("error", fail);
}

function fail(error: Error): void {
  seen.failures.push(error.message);
}

process.on("message", () => {
  const waitingMs = unanswered.size > 0 ? performance.now() - Math.min(...unanswered) : 0;
  process.send?.({ ...seen, waitingMs } satisfies Seen);
  seen = { posts: [], events: [], probes: [], failures: [] };
});
process.on("disconnect", () => process.exit());

for await (const { message } of subscription) {
  const at = posted.get(message);
  if (at !== undefined) {
    posted.delete(message);
    seen.events.push(performance.now() - at);
  }
}
