import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkSettings } from "../../src/server/settings/settings.js";
import { createAuthority } from "../support/certificates.js";
import { runServe } from "../support/run-serve.js";
import { startServe } from "../support/serve.js";
import { collect, errorOf, until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { clientOf } from "../support/wires.js";

const authority = createAuthority();
const { cert: ca } = authority;

/** The files of a server, and the flags that name them. */
function prepare(clientCa: string) {
  const dir = tempDir();
  const file = (name: string, text: string) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const { cert, key } = authority.issue();
  const clientCaFile = file("client-ca.pem", clientCa);
  const flags = [
    ...["--demo", "--log", "memory", "--data-dir", dir, "--tls-cert", file("tls.crt", cert)],
    ...["--tls-key", file("tls.key", key), "--tls-client-ca", clientCaFile],
  ];
  return { clientCaFile, flags };
}

test("chatter serve asks for certificates, says whom it refuses, and reloads the authorities", async () => {
  const [first, second] = [createAuthority("first"), createAuthority("second")];
  const { clientCaFile, flags } = prepare(first.cert);
  const server = await startServe([...flags, "--tls-client-required"]);
  const login = (certificate: object) =>
    clientOf({ url: server.url, token: "", ca, ...certificate }).login({
      user: "goa",
      password: "rocks",
    });

  const { token } = await login(first.issue({ commonName: "alice" }));
  expect(token).not.toBe("");
  const callLine = () => server.errors().includes(`"certificate":"alice"`);
  await until(callLine, "the call's line has the name");

  await errorOf(login({}));
  const line = /"peer":"127\.0\.0\.1","reason":"NO_CERTIFICATE","msg":"a client was refused/;
  await until(() => line.test(server.errors()), "the line of the refusal");

  const pin = second.issue({ commonName: "bob" });
  await errorOf(login(pin));
  // Both: a bundle has any number of them, and words between them.
  writeFileSync(clientCaFile, `${first.cert}\nthe next one\n${second.cert}`);
  server.child.kill("SIGHUP");
  await until(() => server.errors().includes("the certificate was reloaded"), "the log line");
  expect((await login(pin)).token).not.toBe("");
  expect((await login(first.issue())).token).not.toBe("");

  writeFileSync(clientCaFile, "nothing");
  server.child.kill("SIGHUP");
  await until(() => server.errors().includes("the certificate was not reloaded"), "the log line");
  expect(server.errors()).toContain("does not begin with a certificate in PEM");
  expect((await login(pin)).token).not.toBe("");
});

test("without --tls-client-required a token alone is enough", async () => {
  const { flags } = prepare(createAuthority("of clients").cert);
  const { url } = await startServe(flags);
  const { token } = await clientOf({ url, token: "", ca }).login({
    user: "goa",
    password: "rocks",
  });
  expect(await collect(clientOf({ url, token, ca }).history({}))).toEqual([]);
});

describe("chatter serve does not start", () => {
  test.each([
    ["nothing", "", /does not begin with a certificate/],
    ["a key", createAuthority().issue().key, /does not begin with a certificate/],
    ["half a certificate", `${ca}${ca.slice(0, 100)}-----END CERTIFICATE-----`, /certificate/],
  ])("if the file of the authorities has %s", async (_, content, reason) => {
    const { clientCaFile, flags } = prepare(content);
    const { status, errors } = await runServe(flags);
    expect(errors.trimEnd().split("\n")).toHaveLength(1);
    expect(errors).toMatch(reason);
    expect(errors).toContain(`the client authority file "${clientCaFile}"`);
    expect(status).toBe(1);
  });

  test.each([
    ["authorities without TLS", { tlsClientCa: "a" }, /--tls-client-ca needs TLS/],
    [
      "required certificates of nobody",
      { tlsCert: "a", tlsKey: "b", tlsClientRequired: true },
      /--tls-client-required needs --tls-client-ca/,
    ],
  ])("with %s", (_, given, reason) => {
    expect(() => checkSettings({ demo: true, ...given })).toThrow(reason);
  });
});
