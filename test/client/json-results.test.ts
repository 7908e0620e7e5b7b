import { timestampDate } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { fill } from "../support/fill.js";
import { collect } from "../support/streams.js";
import { connected } from "./support/connected.js";
import { when } from "./support/when.js";
import { wireNames } from "./support/wires.js";

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
const cursor = expect.stringMatching(/^.{16}$/);

/** As a program would keep or send it. */
function throughJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

test.each(wireNames)("over %s every result can be given to JSON.stringify", async (wire) => {
  const { client, server } = await connected(wire);
  const subscription = client.subscribe();
  await when(() => subscription.state.status === "live");
  const posted = await client.publisher().post("hello");
  expect(throughJson(posted)).toEqual({ sequence: "1", cursor });
  expect(posted).toEqual({ sequence: 1n, cursor, room: "" });

  const event = (await subscription.next()).value!;
  const eventJson = { message: "hello", action: "added", sequence: "1", sender: "goa", cursor };
  expect(throughJson(event)).toEqual({ ...eventJson, addedAt: time });

  const stored = { message: "hello", length: 5, sequence: "1", sender: "goa", cursor };
  for (const [message] of [
    await collect(client.history()),
    await collect(client.client.history({})),
  ]) {
    expect(throughJson({ kept: message })).toEqual({ kept: { ...stored, sentAt: time } });
    expect(throughJson([message!.sentAt])).toEqual([time]);
    // The types are the schema's, and no field is added.
    expect(message!.sequence).toBe(1n);
    expect(timestampDate(message!.sentAt!).getTime()).toBeGreaterThan(1.6e12);
    expect(Object.keys(message!)).not.toContain("toJSON");
  }

  await fill(server.log, ["more"]);
  const posts = () =>
    (async function* () {
      yield { message: "one" };
    })();
  expect(throughJson(await client.client.listener(posts()))).toEqual({
    stored: "1",
    lastSequence: "3",
  });
  const { summaries } = await client.client.summary(posts());
  expect(throughJson(summaries)).toEqual([
    { message: "one", length: 3, sentAt: time, sequence: "4" },
  ]);
  await subscription.return();
});
