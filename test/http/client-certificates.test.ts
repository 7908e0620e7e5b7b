import { once } from "node:events";
import { connect as connectHttp2, createSecureServer } from "node:http2";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { Code, type Interceptor } from "@connectrpc/connect";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import { describe, expect, onTestFinished, test } from "vitest";
import type { RefusedCertificate } from "../../src/server/http/tls/client-certificate.js";
import { certificateNameOf, type TlsOptions } from "../../src/server/index.js";
import { identityKey } from "../../src/server/service/call/context.js";
import { createAuthority, type IssueOptions } from "../support/certificates.js";
import { startChatter } from "../support/chatter-server.js";
import { collect, errorOf, until } from "../support/streams.js";
import { clientOf, mainWires, tunnelClientOf } from "../support/wires.js";
import { openGoa } from "../websocket/goa/client.js";

const ofServers = createAuthority("of servers");
const ofClients = createAuthority("of clients");
const { cert: ca } = ofServers;
const pair = ofServers.issue();
const alice = ofClients.issue({ commonName: "alice" });
const foreign = createAuthority("of nobody").issue({ commonName: "eve" });
const expired = ofClients.issue({ commonName: "old", to: new Date(Date.now() - 60_000) });
const early = ofClients.issue({ commonName: "new", from: new Date(Date.now() + 60_000) });

const forServers = ofClients.issue({ usage: "servers" });

/** A server that asks for certificates, and what it notices of them. */
async function start(tls: Partial<TlsOptions> = {}) {
  const refused: RefusedCertificate[] = [];
  const limits: string[] = [];
  /** Of each call, by the identity, and by the connection. */
  const names: [string | undefined, string | undefined][] = [];
  const note: Interceptor = (next) => (request) => {
    const { contextValues: values } = request;
    names.push([values.get(identityKey)?.certificateName, certificateNameOf({ values })]);
    return next(request);
  };
  const server = await startChatter(
    { interceptors: [note], limits: { onRefused: (limit) => limits.push(limit) } },
    {
      tls: { ...pair, clientCa: ofClients.cert, ...tls },
      onRefusedCertificate: (one) => refused.push(one),
    },
  );
  return { ...server, ca, port: Number(new URL(server.url).port), refused, limits, names };
}

/** Connects, and asks for /livez over HTTP/1.1; resolves to what came, or the error's code. */
async function ask(port: number, options: ConnectionOptions = {}): Promise<string> {
  const socket = connect({ port, ca, servername: "localhost", ...options });
  onTestFinished(() => void socket.destroy());
  socket.write("GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
  return receivedBy(socket);
}

function receivedBy(socket: TLSSocket): Promise<string> {
  let received = "";
  socket.on("data", (chunk) => {
    received += chunk;
  });
  return new Promise((resolve) => {
    socket.once("error", ({ code }: NodeJS.ErrnoException) => resolve(String(code)));
    socket.once("close", () => resolve(received));
  });
}

describe("the name in a verified certificate", () => {
  test("reaches calls of every protocol, with a token and without", async () => {
    const server = { ...(await start({ clientRequired: true })), ...alice };
    for (const wire of mainWires) {
      const client = clientOf(server, wire);
      await client.listener(createAsyncIterable([{ message: wire.name }]));
      await client.post({ message: wire.name });
      await client.login({ user: "goa", password: "rocks" });
    }
    const withToken = ["alice", "alice"];
    const withoutToken = [undefined, "alice"];
    expect(server.names).toEqual(mainWires.flatMap(() => [withToken, withToken, withoutToken]));

    server.names.length = 0;
    await collect(tunnelClientOf(server).history({}));
    await (await openGoa(server, "/history")).closed();
    expect(server.names).toEqual([withToken, withToken]);
  });

  test.each<[string, IssueOptions, string | undefined]>([
    ["the common name", { commonName: "alice", names: ["spiffe://a/b"] }, "alice"],
    [
      "else the first URI",
      { commonName: "", names: ["a.example", "spiffe://a/b"] },
      "spiffe://a/b",
    ],
    ["else the first DNS name", { commonName: "", names: ["a@b.c", "a.example"] }, "a.example"],
    ["else the first email address", { commonName: "", names: ["192.0.2.1", "a@b.c"] }, "a@b.c"],
    ["else none", { commonName: "", names: ["192.0.2.1"] }, undefined],
    ["none where one looks like several", { commonName: "", names: ["x, DNS:root"] }, undefined],
  ])("is %s", async (_, issued, name) => {
    const server = await start();
    await collect(clientOf({ ...server, ...ofClients.issue(issued) }).history({}));
    expect(server.names).toEqual([[name, name]]);
  });

  test("does not stand for a token", async () => {
    const server = { ...(await start({ clientRequired: true })), ...alice };
    for (const wire of mainWires) {
      const error = await errorOf(clientOf(server, wire, "none").history({}));
      expect([error.code, error.rawMessage]).toEqual([Code.Unauthenticated, "invalid token"]);
    }
  });

  test("is there for servers of one's own, too", async () => {
    const server = await start();
    const options = { ...pair, ca: ofClients.cert, requestCert: true, rejectUnauthorized: false };
    const https = createHttps(options, server.chatter.requestListener);
    const http2 = createSecureServer(options).on("stream", server.chatter.streamListener);
    for (const [own, httpVersion] of [
      [https, "1.1"],
      [http2, "2"],
    ] as const) {
      await new Promise<void>((resolve) => own.listen(0, "127.0.0.1", resolve));
      onTestFinished(() => void own.close());
      const url = `https://127.0.0.1:${(own.address() as AddressInfo).port}`;
      const wire = mainWires.find(({ http }) => http === httpVersion)!;
      for (const certificate of [alice, foreign, {}]) {
        await collect(clientOf({ url, ca, token: server.token, ...certificate }, wire).history({}));
      }
    }
    const [verified, none] = [
      ["alice", "alice"],
      [undefined, undefined],
    ];
    expect(server.names).toEqual([verified, none, none, verified, none, none]);
  });
});

describe.each(["TLSv1.2", "TLSv1.3"] as const)("over %s", (version) => {
  const over = { minVersion: version, maxVersion: version };

  test("who has no certificate where one is required gets an alert that says so", async () => {
    const server = await start({ clientRequired: true });
    // TLS 1.2 has no alert of its own for it.
    const alert = version === "TLSv1.3" ? /CERTIFICATE_REQUIRED$/ : /^EPROTO$|HANDSHAKE_FAILURE$/;
    expect(await ask(server.port, over)).toMatch(alert);
    await until(() => server.refused.length > 0, "the refusal");
    expect(server.refused).toEqual([{ address: "127.0.0.1", reason: "NO_CERTIFICATE" }]);
    expect(server.limits).toEqual(["client_certificate"]);
    expect(await ask(server.port, { ...over, ...alice })).toContain("200 OK");
  });

  test("who has none where it is not required is served, without a name", async () => {
    const server = await start();
    expect(await ask(server.port, over)).toContain("200 OK");
    await collect(clientOf(server).history({}));
    expect(server.names).toEqual([[undefined, undefined]]);
    expect(server.refused).toEqual([]);
  });

  describe.each([true, false])("whether or not one is required: %s", (clientRequired) => {
    test.each([
      ["of another authority", foreign, /^UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_VERIFY/],
      ["that has expired", expired, /^CERT_HAS_EXPIRED$/],
      ["that is not valid yet", early, /^CERT_NOT_YET_VALID$/],
      ["that is for servers alone", forServers, /^INVALID_PURPOSE$/],
      ["that is the server's own", pair, /^SELF_SIGNED_CERT_IN_CHAIN$/],
    ])("a certificate %s is refused", async (_, certificate, reason) => {
      const server = await start({ clientRequired });
      expect(await ask(server.port, { ...over, ...certificate })).not.toContain("200");
      await until(() => server.refused.length > 0, "the refusal");
      expect(server.refused).toEqual([
        { address: "127.0.0.1", reason: expect.stringMatching(reason) },
      ]);
      expect(server.limits).toEqual(["client_certificate"]);
      expect(await ask(server.port, { ...over, ...alice })).toContain("200 OK");
    });
  });

  test("no session is resumed: it would keep what was found at the first handshake", async () => {
    const server = await start();
    const sessions: Buffer[] = [];
    const first = connect({ port: server.port, ca, ...alice, ...over, servername: "localhost" });
    first.on("session", (session) => sessions.push(session));
    first.write("GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    expect(await receivedBy(first)).toContain("200 OK");
    for (const session of sessions) {
      const again = connect({ port: server.port, ca, ...over, session, servername: "localhost" });
      onTestFinished(() => void again.destroy());
      await once(again, "secureConnect");
      expect(again.isSessionReused()).toBe(false);
    }
  });
});

describe("renewal", () => {
  test("of the authorities counts for new connections, and those that are open continue", async () => {
    const server = await start({ clientRequired: true });
    const open = connectHttp2(server.url, { ca, ...alice });
    onTestFinished(() => open.destroy());
    await once(open, "connect");
    const next = createAuthority("of new clients");
    server.server.renewCertificate({ ...pair, clientCa: next.cert });
    expect(await ask(server.port, alice)).not.toContain("200");
    expect(await ask(server.port, next.issue())).toContain("200 OK");
    const [headers] = await once(open.request({ ":path": "/livez" }), "response");
    expect(headers[":status"]).toBe(200);

    server.server.renewCertificate(ofServers.issue()); // The authorities stay.
    expect(await ask(server.port, alice)).not.toContain("200");
    expect(await ask(server.port)).toMatch(/^ERR_SSL/);
    expect(await ask(server.port, next.issue())).toContain("200 OK");
  });

  test("cannot begin to ask for certificates", async () => {
    const { server } = await startChatter({}, { tls: pair });
    const renewed = { ...pair, clientCa: ofClients.cert };
    expect(() => server.renewCertificate(renewed)).toThrow(/from the start: give tls\.clientCa/);
  });
});

test("nobody can be required to have a certificate of no authority", async () => {
  const tls = { ...pair, clientRequired: true };
  await expect(startChatter({}, { tls })).rejects.toThrow(/give tls\.clientCa/);
});
