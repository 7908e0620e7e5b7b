/*
 * Three NATS nodes, two Chatter servers, and a failover: the node that leads the log is killed
 * while one client posts and another one reads. In a project of your own, import from "chatter".
 */
import { setTimeout as sleep } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { createChatterClient } from "../../src/client/node.js";
import { createNatsNodes, endAll, startChatter } from "./processes.js";

process.once("exit", endAll);
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => process.exit());
}
const startedAt = Date.now();

const nodes = await createNatsNodes(3);
for (const node of nodes) {
  node.start();
}
const addresses = nodes.map(({ address }) => address);
const log = addresses.map((address) => `nats://${address}`).join(",");
const urls = [await startChatter(log), await startChatter(log)];
say(`NATS listens on ${addresses.join(", ")}`);
say(`Chatter listens on ${urls.join(" and ")} (account goa / rocks)`);

const auth = { user: "goa", password: "rocks" };
const [poster, reader] = urls.map((url) => createChatterClient({ url, auth }));

const received: string[] = [];
const subscription = reader!.subscribe();
const reading = (async () => {
  for await (const { message } of subscription) {
    received.push(message);
    if (message === "the end") {
      return;
    }
  }
})();
await until(() => subscription.state.status === "live");

const publisher = poster!.publisher();
const posted: string[] = [];
let answered = 0;
let isOver = false;
const posting = (async () => {
  while (!isOver) {
    post(`message ${posted.length + 1}`);
    await sleep(20);
  }
  post("the end");
  await publisher.close(); // Rejects if a post was not answered.
})();

function post(message: string): void {
  posted.push(message);
  publisher.post(message).then(
    () => answered++,
    (error) => console.error("not posted:", message, error.message),
  );
}

say("posting 50 messages a second to the first server, reading at the second one");
await sleep(2000);
say(`posted ${posted.length}, answered ${answered}, read ${received.length}`);

const leader = await findLeader();
await leader.kill();
const [killedAt, next, nextRead] = [Date.now(), posted.length, received.length];
say(`${leader.name} led the log: killed`);
await until(() => answered > next);
say(`posts are answered again, ${Date.now() - killedAt} ms after that`);
await until(() => received.length > Math.max(next, nextRead));
say(`the reader has them, ${Date.now() - killedAt} ms after that`);
leader.start();
say(`${leader.name} is started again, ${(await findLeader()).name} leads now`);
await sleep(2000);

isOver = true;
await Promise.all([posting, reading]);
const isSame = (texts: readonly string[]) => JSON.stringify(texts) === JSON.stringify(posted);
const histories = [];
for (const client of [poster!, reader!]) {
  const texts: string[] = [];
  for await (const { message } of client.history()) {
    texts.push(message);
  }
  histories.push(texts);
}
poster!.close();
reader!.close();
say(`posted ${posted.length}, answered ${answered}, read ${received.length}`);
if (answered !== posted.length || ![received, ...histories].every(isSame)) {
  say("something was lost, doubled or out of order: this must not be");
  process.exit(1);
}
say("nothing was lost, nothing came twice, the order was kept; both servers have the same log");
say("all of it runs on, until Ctrl+C");

/** The node that leads the stream: the others are asked too, if it has just gone. */
async function findLeader() {
  const connection = await connect({ servers: addresses });
  try {
    const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 1000 });
    for (;;) {
      const info = await manager.streams.info("chatter").catch(() => undefined);
      const found = nodes.find(({ name }) => name === info?.cluster?.leader);
      if (found !== undefined) {
        return found;
      }
      await sleep(100);
    }
  } finally {
    await connection.close();
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) {
    await sleep(5);
  }
}

function say(text: string): void {
  console.log(`${((Date.now() - startedAt) / 1000).toFixed(1).padStart(5)} s  ${text}`);
}
