// A program of its own: it mounts Chatter, and calls it with the client library and with a client
// that it has generated itself.
import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { createChatterClient, ConnectError as PackageError } from "chatter";
import { ChatterService as PackageService } from "chatter/gen";
import { type Auth, createChatter, createMemoryLog, listen } from "chatter/server";
import { ChatterService, ListenerRequestSchema } from "./gen/chatter_pb.js";

const calls: string[] = [];
const interceptor: Interceptor = (next) => (request) => {
  calls.push(request.method.name);
  return next(request);
};
const auth: Auth = {
  async login() {
    throw new ConnectError("there are no passwords here", Code.Unimplemented);
  },
  async verify(token) {
    if (token !== "token") {
      throw new ConnectError("invalid token", Code.Unauthenticated);
    }
    const expiresAt = Date.now() + 60_000;
    return { subject: "robot", scopes: ["stream:write"], tokenId: "1", expiresAt };
  },
};
const log = createMemoryLog();
const chatter = createChatter({ log, auth, interceptors: [interceptor] });
const server = await listen(chatter, { port: 0 });

const client = createChatterClient({ url: server.url, auth: { token: "token" } });
let onLive: (() => void) | undefined;
const live = new Promise<void>((resolve) => {
  onLive = resolve;
});
const subscription = client.subscribe({
  onState: ({ status }) => status === "live" && onLive?.(),
});
const event = subscription.next();
await live;
await client.publisher().post("by the library");
assert.equal((await event).value?.message, "by the library");

const own = client.clientOf(ChatterService);
async function* posts() {
  yield create(ListenerRequestSchema, { message: "by a client of its own" });
}
assert.equal((await own.listener(posts())).stored, 1n);
const texts: string[] = [];
for await (const { message } of client.clientOf(PackageService).history({})) {
  texts.push(message);
}
assert.deepEqual(texts, ["by the library", "by a client of its own"]);
assert.ok(calls.includes("Listener"));

const stranger = createClient(ChatterService, createGrpcTransport({ baseUrl: server.url }));
const refused = await stranger.listener(posts()).catch((error: unknown) => error);
assert.ok(refused instanceof ConnectError && refused instanceof PackageError);
assert.equal(refused.code, Code.Unauthenticated);

client.close();
await server.close(1000);
await log.close();
