import { once } from "node:events";
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { describe, expect, test } from "vitest";
import { createAuthority, type IssueOptions, type KeyPair } from "../support/certificates.js";
import { replaceFile } from "../support/replace-file.js";
import { type ServeProcess, startServe } from "../support/serve.js";
import { until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { clientOf } from "../support/wires.js";

const authority = createAuthority();
const { cert: ca } = authority;

const issue = (commonName: string, more: IssueOptions = {}) =>
  authority.issue({ ...more, commonName });

function write(dir: string, { cert, key }: Partial<KeyPair>): void {
  for (const [name, content] of Object.entries({ "tls.crt": cert, "tls.key": key })) {
    if (content !== undefined) {
      writeFileSync(join(dir, name), content);
    }
  }
}

/** A server with the pair in a folder. */
function serve(dir: string): Promise<ServeProcess> {
  const files = ["--tls-cert", join(dir, "tls.crt"), "--tls-key", join(dir, "tls.key")];
  return startServe(["--demo", "--log", "memory", "--data-dir", tempDir(), ...files]);
}

/**
 * The subject of the certificate that a new connection gets; fails if clients would not accept it.
 */
async function shown({ url }: ServeProcess): Promise<string> {
  const socket = connect({ port: Number(new URL(url).port), ca, host: "127.0.0.1" });
  try {
    await once(socket, "secureConnect");
    return String(socket.getPeerCertificate().subject.CN);
  } finally {
    socket.destroy();
  }
}

async function untilShown(server: ServeProcess, name: string): Promise<void> {
  while ((await shown(server)) !== name) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function login(url: string): Promise<string> {
  const client = clientOf({ url, token: "", ca });
  return (await client.login({ user: "goa", password: "rocks" })).token;
}

test("replaced files are taken, and no stream is cut", async () => {
  const dir = tempDir();
  write(dir, issue("first"));
  const server = await serve(dir);
  expect(server.url).toMatch(/^https:/);
  expect(await shown(server)).toBe("first");

  const client = clientOf({ url: server.url, token: await login(server.url), ca });
  const events = client.subscribe({})[Symbol.asyncIterator]();
  const next = issue("second");
  const event = events.next();
  await replaceFile(join(dir, "tls.key"), next.key);
  await replaceFile(join(dir, "tls.crt"), next.cert);
  await untilShown(server, "second");

  await client.listener(
    (async function* () {
      yield { message: "still here" };
    })(),
  );
  expect((await event).value).toMatchObject({ message: "still here" });
  await events.return?.();
});

test("SIGHUP reads them again, and what is wrong then is reported, and changes nothing", async () => {
  const dir = tempDir();
  write(dir, issue("first"));
  const server = await serve(dir);
  server.child.kill("SIGHUP");
  await until(() => server.errors().includes("the certificate was reloaded"), "the log line");

  // The certificate is written, its key is not yet.
  const next = issue("second");
  write(dir, { cert: next.cert });
  server.child.kill("SIGHUP");
  await until(() => server.errors().includes("the certificate was not reloaded"), "the log line");
  expect(server.errors()).toContain("does not have the key of the first certificate");
  expect(server.errors()).not.toContain("stack"); // A file is wrong, not the program.
  expect(server.errors()).not.toContain("PRIVATE KEY");
  expect(await shown(server)).toBe("first");

  write(dir, { key: next.key });
  await untilShown(server, "second");
});

test("a folder that is exchanged by a symbolic link, as Kubernetes does it", async () => {
  const dir = tempDir();
  for (const [name, commonName] of [
    ["..1", "first"],
    ["..2", "second"],
  ] as const) {
    mkdirSync(join(dir, name));
    write(join(dir, name), issue(commonName));
  }
  symlinkSync("..1", join(dir, "..data"));
  symlinkSync("..data/tls.crt", join(dir, "tls.crt"));
  symlinkSync("..data/tls.key", join(dir, "tls.key"));
  const server = await serve(dir);
  expect(await shown(server)).toBe("first");
  symlinkSync("..2", join(dir, "..data_tmp"));
  renameSync(join(dir, "..data_tmp"), join(dir, "..data"));
  await untilShown(server, "second");
});

describe("a certificate out of its time is served, with a warning", () => {
  const dayMs = 86_400_000;

  test.each([
    ["expired", { to: new Date(Date.now() - 1000) }, "the certificate has expired"],
    ["to come", { from: new Date(Date.now() + dayMs / 2) }, "the certificate is not valid yet"],
  ])("%s", async (_, dates, warning) => {
    const dir = tempDir();
    write(dir, issue("first", dates));
    const server = await serve(dir);
    expect(server.errors()).toContain(warning);
    await expect(shown(server)).rejects.toThrow(/certificate/);
  });
});
