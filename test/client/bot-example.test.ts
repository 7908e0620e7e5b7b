import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { createChatterClient } from "../../src/client/node.js";
import { startChatter } from "../support/chatter-server.js";
import { cleanEnvironment } from "../support/serve.js";
import { until } from "../support/streams.js";

test("the bot of the examples answers in the room where it is asked, and ends when it is asked to", async () => {
  const { url, log, token } = await startChatter();
  const bot = spawn(process.execPath, ["--import", "tsx", "examples/bot.ts"], {
    env: cleanEnvironment({ CHATTER_URL: url }),
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => {
    bot.kill("SIGKILL");
  });
  let output = "";
  bot.stdout.on("data", (chunk) => {
    output += chunk;
  });
  await until(() => output.includes("live"), "the bot is live");
  for (const [room, text] of [
    ["team/alpha", "hello"],
    ["team/alpha", "!time"],
    ["", "!time"],
  ] as const) {
    await log.append([{ room, text, sender: "ann", messageId: "" }]);
  }
  await until(() => log.head === 5, "both are answered");
  const chatter = createChatterClient({ url, auth: { token } });
  onTestFinished(() => chatter.close());
  const rooms: string[] = [];
  for await (const { room, message } of chatter.history({ rooms: ["*"] })) {
    if (message.startsWith("ann: it is ")) {
      rooms.push(room);
    }
  }
  expect(rooms.sort()).toEqual(["", "team/alpha"]);
  const ended = once(bot, "exit");
  bot.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
});
