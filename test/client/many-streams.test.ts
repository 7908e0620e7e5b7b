import { expect, onTestFinished, test } from "vitest";
import { fill } from "../support/fill.js";
import { connected } from "./support/connected.js";
import { when } from "./support/when.js";

test("many subscriptions of one client, and on one signal, are no leak to Node", async () => {
  const warnings: string[] = [];
  const onWarning = ({ message }: Error) => warnings.push(message);
  process.on("warning", onWarning);
  onTestFinished(() => {
    process.off("warning", onWarning);
  });
  const { client, server } = await connected();
  const abort = new AbortController();
  const subscriptions = Array.from({ length: 30 }, () =>
    client.subscribe({ signal: abort.signal }),
  );
  const publishers = Array.from({ length: 30 }, () => client.publisher({ signal: abort.signal }));
  await when(() => subscriptions.every(({ state }) => state.status === "live"));
  await Promise.all(publishers.map((publisher) => publisher.post("1")));
  await fill(server.log, ["last"]);
  await Promise.all(
    subscriptions.slice(1).map(async (subscription) => {
      for await (const { message } of subscription) {
        if (message === "last") {
          break;
        }
      }
    }),
  );
  abort.abort();
  expect(subscriptions[0]!.state.status).toBe("closed");
  await when(() => publishers.every(({ state }) => state.status === "closed"));
  await when(() => server.chatter.openCalls === 0);
  expect(warnings).toEqual([]);
});
