import { expect, onTestFinished, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { errorOf, until } from "../support/streams.js";
import { clientOf, wires } from "../support/wires.js";

test("many calls at once give no warning of leaked listeners", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on("warning", onWarning);
  onTestFinished(() => void process.off("warning", onWarning));
  const server = await startChatter();
  for (const wire of wires) {
    const client = clientOf(server, wire);
    // Each with a signal of its own: a shared one would itself be warned of.
    const leaving = Array.from({ length: 15 }, () => new AbortController());
    const ended = leaving.map(({ signal }) => errorOf(client.subscribe({}, { signal })));
    await until(() => server.chatter.openCalls === 15, "all are under way");
    for (const leave of leaving) {
      leave.abort();
    }
    await Promise.all(ended);
    await until(() => server.chatter.openCalls === 0, "all have ended");
  }
  expect(warnings).toEqual([]);
});
