import { expect, test } from "vitest";
import { createAuth } from "../../src/server/auth/create-auth.js";
import { parseSigningKey } from "../../src/server/auth/keys/signing-key.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { demoUsers } from "../../src/server/auth/users/demo-users.js";
import { startChatter } from "../support/chatter-server.js";
import { openRawConnection } from "../support/raw-connection.js";
import { until } from "../support/streams.js";

/** A call over HTTP/1.1 whose headers were verified, and the rest of whose body comes later. */
async function begunPost() {
  const tokens = createTokens({ key: await parseSigningKey("k".repeat(32), "test") });
  const auth = createAuth({ users: demoUsers(), tokens });
  const changes = { isRevoked: false, isExpired: false };
  let verified = 0;
  const server = await startChatter({
    auth: {
      ...auth,
      isRevoked: () => changes.isRevoked,
      async verify(token) {
        const identity = await auth.verify(token);
        verified++;
        return Object.defineProperty({ ...identity }, "expiresAt", {
          get: () => (changes.isExpired ? Date.now() - 1 : identity.expiresAt),
        });
      },
    },
  });
  const { socket, received } = await openRawConnection(server.url);
  const body = '{"message": "hi"}';
  const head = [
    "POST /chatter.v1.ChatterService/Post HTTP/1.1",
    "Host: localhost",
    "Content-Type: application/json",
    `Authorization: ${server.headers.authorization}`,
    `Content-Length: ${body.length}`,
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n${body.slice(0, 5)}`);
  await until(() => verified > 0, "its token is verified");
  const finish = async () => {
    socket.write(body.slice(5));
    await until(() => String(received()).includes("}"), "the answer");
    socket.destroy();
    return String(received());
  };
  return { server, changes, finish };
}

test("what comes after its token was revoked is not posted", async () => {
  const { server, changes, finish } = await begunPost();
  changes.isRevoked = true;
  expect(await finish()).toMatch(/^HTTP\/1\.1 401 .*the token was revoked/s);
  expect(server.log.head).toBe(0);
});

test("what comes after its token has expired is not posted", async () => {
  const { server, changes, finish } = await begunPost();
  changes.isExpired = true;
  expect(await finish()).toMatch(/^HTTP\/1\.1 401 .*expired/s);
  expect(server.log.head).toBe(0);
});
