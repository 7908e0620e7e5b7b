import { createClient } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { createChatterClient as createBrowserClient } from "../../src/client/index.js";
import { createChatterClient } from "../../src/client/node.js";
import { createWebSocketTransport } from "../../src/client/tunnel/transport.js";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import { startServe } from "../support/serve.js";
import { collect } from "../support/streams.js";
import { demo } from "./support/wires.js";

const texts = ["\ufeffhello", "\ufeff", "\ufeff\ufefftwo", "hel\ufefflo"];

// The server is another process: in its own, it has set protobuf to keep the marks.
test("a byte order mark at the start of a text is read as it was stored, by every reader", async () => {
  const { url } = await startServe(["--demo", "--log", "memory"]);
  const transports = ["connect", "grpc", "grpc-web", "ws"] as const;
  const clients = [
    ...transports.map((transport) => createChatterClient({ url, auth: demo, transport })),
    createBrowserClient({ url, auth: demo, transport: "connect" }),
    createBrowserClient({ url, auth: demo, transport: "grpc-web" }),
  ];
  onTestFinished(() => {
    for (const client of clients) {
      client.close();
    }
  });
  const [poster] = clients;
  const { summaries } = await poster!.client.summary(
    (async function* () {
      for (const message of texts) {
        yield { message };
      }
    })(),
  );
  expect(summaries.map(({ message }) => message)).toEqual(texts);
  const { cursor } = await poster!.publisher().post("last");
  expect(cursor).toHaveLength(16);
  for (const client of clients) {
    const history = await collect(client.history());
    expect(history.map(({ message }) => message)).toEqual([...texts, "last"]);
    expect(history[0]?.length).toBe(8);
  }
  const subscription = poster!.subscribe({ after: await first(poster!) });
  const received: string[] = [];
  for await (const { message } of subscription) {
    if (received.push(message) === texts.length) {
      break;
    }
  }
  expect(received).toEqual([...texts.slice(1), "last"]);

  // The generated client on the tunnel alone.
  const transport = createWebSocketTransport({ baseUrl: url, webSocket: WebSocket });
  const { token } = await poster!.client.login(demo);
  const headers = { authorization: `Bearer ${token}` };
  const history = await collect(createClient(ChatterService, transport).history({}, { headers }));
  expect(history.map(({ message }) => message)).toEqual([...texts, "last"]);
});

async function first(client: ReturnType<typeof createChatterClient>): Promise<string> {
  const [message] = await collect(client.history({ limit: 1 }));
  return message!.cursor;
}
