import { once } from "node:events";
import { Code, createClient } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { ChatterService } from "../../src/gen/chatter_pb.js";
import { connectHttp2 } from "../support/raw-http2.js";
import { startServe } from "../support/serve.js";
import { errorOf } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { connectWire, transportOf } from "../support/wires.js";

async function* requests(...messages: string[]) {
  for (const message of messages) {
    yield { message };
  }
}

test("chatter serve keeps the limits that flags and variables give it", async () => {
  const { url } = await startServe(
    ["--demo", "--data-dir", tempDir(), "--max-connection-streams", "50", "--max-text-bytes", "4"],
    { CHATTER_MAX_USER_MESSAGES: "2", CHATTER_MAX_LOGIN_ATTEMPTS: "1" },
  );
  const session = await connectHttp2(url);
  const [remote] = await once(session, "remoteSettings");
  expect(remote.maxConcurrentStreams).toBe(50);

  const client = createClient(ChatterService, transportOf(connectWire, url));
  const { token } = await client.login({ user: "goa", password: "rocks" });
  const headers = { authorization: `Bearer ${token}` };
  const tooLong = await errorOf(client.listener(requests("abcde"), { headers }));
  expect(tooLong.rawMessage).toMatch(/1 to 4 bytes/);
  const tooMany = await errorOf(client.listener(requests("a", "b", "c"), { headers }));
  expect(tooMany.code).toBe(Code.ResourceExhausted);

  await errorOf(client.login({ user: "goa", password: "wrong" }));
  const refused = await errorOf(client.login({ user: "goa", password: "rocks" }));
  expect(refused.code).toBe(Code.ResourceExhausted);
});
