import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { createChatterClient } from "../../src/client/node.js";
import { certificateNameOf } from "../../src/server/index.js";
import { createAuthority } from "../support/certificates.js";
import { startChatter } from "../support/chatter-server.js";
import { collect } from "../support/streams.js";
import { clientFor } from "./support/connected.js";
import { wireNames } from "./support/wires.js";

const authority = createAuthority("of servers");
const ofClients = createAuthority("of clients");
const { cert: ca } = authority;
const alice = ofClients.issue({ commonName: "alice" });

async function start() {
  const names: unknown[] = [];
  const tls = { ...authority.issue(), clientCa: ofClients.cert, clientRequired: true };
  const server = await startChatter(
    {
      interceptors: [
        (next) => (request) => {
          names.push(certificateNameOf({ values: request.contextValues }));
          return next(request);
        },
      ],
    },
    { tls },
  );
  return { ...server, names };
}

test.each(wireNames)("over %s the server gets the certificate", async (transport) => {
  const { url, names } = await start();
  const auth = { user: "goa", password: "rocks" };
  const client = clientFor({ url, auth, transport, tls: { ca, ...alice } });
  await client.post("hello");
  expect((await collect(client.history())).map(({ message }) => message)).toEqual(["hello"]);
  expect(new Set(names)).toEqual(new Set(["alice"]));
});

test.each(wireNames)(
  "over %s a call without one fails, and is no final error",
  async (transport) => {
    const { url, token } = await start();
    const client = clientFor({ url, auth: { token }, transport, tls: { ca } });
    const failure = await collect(client.client.history({})).catch((error) => error);
    expect([Code.Unavailable, Code.Aborted, Code.Internal]).toContain(failure.code);
    expect(String(failure)).toMatch(/certificate required|ECONNRESET|socket|clos/i);
  },
);

test.each<[string, { url?: string; tls: object }, RegExp]>([
  ["a URL without TLS", { url: "http://localhost:8080", tls: alice }, /begins with https:/],
  ["a Unix socket", { url: "unix:/run/chatter.sock", tls: alice }, /begins with https:/],
  ["a certificate without a key", { tls: { cert: alice.cert } }, /cert and key belong together/],
  [
    "a key of another",
    { tls: { ...alice, key: ofClients.issue().key } },
    /"tls" cannot be used: .*key/,
  ],
  ["no certificate", { tls: { cert: "x", key: alice.key } }, /"tls" cannot be used: /],
])("%s is refused at once", (_, { url = "https://localhost:8443", tls }, reason) => {
  const create = () => createChatterClient({ url, auth: { token: "x" }, tls });
  expect(create).toThrow(TypeError);
  expect(create).toThrow(reason);
});
