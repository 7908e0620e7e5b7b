import { expect, test } from "vitest";
import { startChatter } from "../support/chatter-server.js";
import { openRawConnection } from "../support/raw-connection.js";
import { sleep, until } from "../support/streams.js";

const watch =
  "POST /grpc.health.v1.Health/Watch HTTP/1.1\r\nhost: x\r\n" +
  `content-type: application/connect+proto\r\ncontent-length: 5\r\n\r\n${"\0".repeat(5)}`;
const get = "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";

test("1,000 requests may wait for their turn on HTTP/1.1; a client that sends one more is cut", async () => {
  const { chatter, url } = await startChatter();
  const connection = await openRawConnection(url);
  connection.socket.write(watch + get.repeat(1000));
  await until(() => chatter.openCalls === 1, "the first is under way");
  await sleep(200);
  expect(connection.ended).toBe(false);
  connection.socket.write(get);
  await until(() => connection.ended && chatter.openCalls === 0, "it is cut");
});

test("requests sent ahead are answered one after the other", async () => {
  const { url } = await startChatter();
  const { socket, received } = await openRawConnection(url);
  socket.write(get.repeat(500));
  await until(() => received().toString().split("ok\n").length === 501, "all answers");
});
