import { setTimeout as sleep } from "node:timers/promises";
import type { ServerProcess } from "./server-process.js";
import { clientOf } from "./wires.js";

/** Maximum duration of a bystander's call, in milliseconds. */
const mostMs = 10_000;

/** How a bystander was served meanwhile: milliseconds from a post to its answer. */
export interface Served {
  readonly calls: number;
  readonly medianMs: number;
  readonly p99Ms: number;
}

/**
 * Does something while a bystander posts again and again over a connection of their own, and
 * returns how these posts fared. Rejects if one of them fails or takes 10 s.
 */
export async function servedDuring(
  what: string,
  server: ServerProcess,
  during: () => Promise<void>,
): Promise<Served> {
  const client = clientOf(server);
  const took: number[] = [];
  let over = false;
  const posting = (async () => {
    while (!over) {
      const begun = performance.now();
      await client.listener(one(), { timeoutMs: mostMs });
      took.push(performance.now() - begun);
      await sleep(2);
    }
  })();
  try {
    await Promise.race([during(), posting]);
  } finally {
    over = true;
  }
  await posting;
  took.sort((a, b) => a - b);
  const at = (share: number) => Math.round(took[Math.floor(took.length * share)]! * 10) / 10;
  const served = { calls: took.length, medianMs: at(0.5), p99Ms: at(0.99) };
  console.info(
    `${what}: ${took.length} posts of others, median ${served.medianMs} ms, p99 ${served.p99Ms} ms`,
  );
  return served;
}

async function* one() {
  yield { message: "a post of somebody else" };
}
