/*
 * Chatter inside a Node server of your own: your paths beside Chatter's, your way to know who
 * calls. In a project of your own the import is from "chatter/server".
 */
import { createServer } from "node:http"; // "node:http2" takes gRPC and Echoer too.
import type { AddressInfo } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Auth, createChatter, createMemoryLog } from "../src/server/index.js";

const auth: Auth = {
  async login() {
    throw new ConnectError("there are no passwords here, only keys", Code.Unimplemented);
  },
  async verify(key) {
    if (key !== process.env.API_KEY) {
      throw new ConnectError("invalid token", Code.Unauthenticated);
    }
    const expiresAt = Date.now() + 3_600_000; // Streams end then, and come again.
    return { subject: "robot", scopes: ["stream:write"], tokenId: "robot-1", expiresAt };
  },
};
const log = createMemoryLog(); // To keep messages: await openFileLog({ dir: "./data" })
// No page of a name that points to this machine may use it. `routes` takes more services.
const allowedHosts = ["localhost", "*.localhost", "127.0.0.0/8", "[::1]"];
const chatter = createChatter({ log, auth, allowedHosts });

// Uploads may last longer than the five minutes that Node gives a request.
const server = createServer({ requestTimeout: 0 }, (request, response) =>
  request.url === "/hello" ? response.end("hello\n") : chatter.requestListener(request, response),
);
server.on("upgrade", chatter.upgradeListener);
server.listen(Number(process.env.PORT ?? 8082), "127.0.0.1", () => {
  console.log(`http://localhost:${(server.address() as AddressInfo).port}`);
});
process.once("SIGTERM", async () => {
  server.close();
  await chatter.stop();
  await log.close();
});
