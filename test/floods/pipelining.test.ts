import { expect, test } from "vitest";
import { createMetrics } from "../../src/server/metrics/metrics.js";
import { startChatter } from "../support/chatter-server.js";
import { OtherService } from "../support/ignoring-service.js";
import { openRawConnection } from "../support/raw-connection.js";
import { sleep, until } from "../support/streams.js";

const watch =
  "POST /grpc.health.v1.Health/Watch HTTP/1.1\r\nhost: x\r\n" +
  `content-type: application/connect+proto\r\ncontent-length: 5\r\n\r\n${"\0".repeat(5)}`;
const get = "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";

test("1,000 requests may wait for their turn on HTTP/1.1; a client that sends one more at once is cut", async () => {
  const { chatter, url } = await startChatter();
  const connection = await openRawConnection(url);
  connection.socket.write(watch + get.repeat(1000));
  await until(() => chatter.openCalls === 1, "the first is under way");
  await sleep(200);
  expect(connection.ended).toBe(false);
  const other = await openRawConnection(url);
  other.socket.write(watch + get.repeat(1001));
  await until(() => other.ended && chatter.openCalls === 1, "it is cut");
});

test("a client that sends large requests ahead is not read from until its turn comes, and then has all answers", async () => {
  const metrics = createMetrics();
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { chatter, url, headers } = await startChatter({
    metrics,
    routes(router) {
      router.service(OtherService, {
        async unary() {
          await released;
          return {};
        },
      } as never);
    },
  });
  const connection = await openRawConnection(url);
  const { socket, received } = connection;
  socket.write(
    "POST /other.v1.OtherService/Unary HTTP/1.1\r\nhost: x\r\ncontent-type: application/proto\r\n" +
      `authorization: ${headers.authorization}\r\ncontent-length: 0\r\n\r\n`,
  );
  await until(() => chatter.openCalls === 1, "the first is under way");
  const large = get.replace("\r\n\r\n", `\r\nx: ${"y".repeat(15_000)}\r\n\r\n`);
  const count = 990;
  for (let sent = 0; sent < count; sent++) {
    socket.write(large);
  }
  let unsent = -1;
  await until(async () => {
    const before = unsent;
    unsent = socket.writableLength;
    await sleep(100);
    return unsent > 0 && unsent === before;
  }, "the server takes no more");
  const values = (await metrics.registry.getSingleMetric("chatter_unread_bytes")!.get()).values;
  expect(values[0]!.value).toBeLessThan(128 * 1024);
  expect(connection.ended).toBe(false);
  release();
  await until(() => received().toString().split("ok\n").length === count + 1, "all answers");
});

test("requests sent ahead are answered one after the other", async () => {
  const { url } = await startChatter();
  const { socket, received } = await openRawConnection(url);
  socket.write(get.repeat(500));
  await until(() => received().toString().split("ok\n").length === 501, "all answers");
});
