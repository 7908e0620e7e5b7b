import { expect, test } from "vitest";
import { sleep } from "../support/streams.js";
import { connected } from "./support/connected.js";
import { wireNames } from "./support/wires.js";

test.each(wireNames)(
  "over %s a subscriber that does not read holds nobody else up, and misses nothing",
  async (wire) => {
    const { client } = await connected(wire);
    const { cursor } = await client.publisher().post("first");
    const stuck = [1, 2, 3].map(() => client.subscribe({ after: cursor }));
    const reader = client.subscribe({ after: cursor });

    // Far more than what fits into any window between the two.
    const text = "x".repeat(60_000);
    const count = 100;
    const publisher = client.publisher();
    const posting = (async () => {
      for (let i = 0; i < count; i++) {
        await publisher.ready();
        void publisher.post(`${i} ${text}`);
      }
      await publisher.close();
    })();
    const expected = Array.from({ length: count }, (_, i) => i);
    const read = async (subscription: typeof reader) => {
      const numbers: number[] = [];
      for await (const { message } of subscription) {
        if (numbers.push(Number.parseInt(message, 10)) === count) {
          break;
        }
      }
      return numbers;
    };
    expect(await read(reader)).toEqual(expected);
    await posting;
    await sleep(100);
    expect(await Promise.all(stuck.map(read))).toEqual([expected, expected, expected]);
  },
);
