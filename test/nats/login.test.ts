import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { nkeys } from "@nats-io/transport-node";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/errors/usage-error.js";
import { checkSettings } from "../../src/server/settings/settings.js";
import { createAuthority } from "../support/certificates.js";
import { post, texts } from "../support/log-messages.js";
import { hasNats, startNats } from "../support/nats-server.js";
import { runServe } from "../support/run-serve.js";
import { startServe } from "../support/serve.js";
import { tempDir } from "../support/temp-dir.js";
import { openLog } from "./support/open-log.js";
import { createJwtUser } from "./support/operator.js";

function file(content: string): string {
  const path = join(tempDir(), "secret");
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

async function expectWorks(address: string, more: object): Promise<void> {
  const log = await openLog(address, { address: { servers: [address], ...more } });
  await log.append([post("in")]);
  expect(await texts(log)).toEqual(["in"]);
}

describe.skipIf(!hasNats)("NATS lets in", () => {
  test("a user whose password is in the URL; it is shown to nobody", async () => {
    const nats = await startNats('authorization { user: ann, password: "pa:ss@word" }');
    const args = ["--demo", "--data-dir", tempDir()];
    const url = (password: string) => `nats://ann:${password}@${nats.address}`;
    const server = await startServe(args, { CHATTER_LOG: url("pa%3Ass%40word") });
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    await nats.kill();
    await expect.poll(server.errors).toContain("lost");
    await server.stop();
    expect(server.errors()).not.toMatch(/pa:ss|pa%3A/);
    await nats.start();
    const refused = await runServe(args, { CHATTER_LOG: url("wrong-word") });
    expect(refused.status).toBe(1);
    expect(refused.errors).toContain(`NATS at ${nats.address} refuses this server`);
    expect(refused.errors).not.toContain("wrong-word");
  });

  test("a user who may do no more than it takes", async () => {
    const nats = await startNats(`authorization { users: [ {
      user: ann, password: word
      permissions: {
        publish: [
          "chatter.>", "$JS.API.STREAM.INFO.chatter", "$JS.API.STREAM.CREATE.chatter"
          "$JS.API.DIRECT.GET.chatter"
          "$JS.API.STREAM.MSG.GET.chatter", "$JS.API.CONSUMER.CREATE.chatter.>"
          "$JS.API.CONSUMER.DELETE.chatter.>", "$JS.API.CONSUMER.MSG.NEXT.chatter.>"
          "$JS.FC.chatter.>", "$JS.API.STREAM.CREATE.chatter-probe"
        ]
        subscribe: ["_INBOX.>"]
      } } ] }`);
    const login = { user: "ann", password: "word" };
    await expectWorks(nats.address, login);
    const again = await openLog(nats.address, { address: { servers: [nats.address], ...login } });
    expect(await texts(again)).toEqual(["in"]);
    expect(nats.log()).not.toContain("Permissions Violation");
  });

  test("nobody who may not make the stream that shows the quorum: what is missing is said", async () => {
    const nats = await startNats(`authorization { users: [ {
      user: ann, password: word
      permissions: { publish: { deny: "$JS.API.STREAM.CREATE.chatter-probe" } } } ] }`);
    const address = { servers: [nats.address], user: "ann", password: "word" };
    await expect(openLog(nats.address, { address })).rejects.toThrow(
      "must be allowed to publish to $JS.API.STREAM.CREATE.chatter-probe",
    );
  });

  test.each([
    ["$JS.API.DIRECT.GET.chatter", "$JS.API.DIRECT.GET.chatter"],
    ["chatter.*.*.>", "chatter.[\\w-]{8}.>"],
  ])("nobody who may not publish to %s: what is missing for rooms is said", async (deny, named) => {
    const nats = await startNats(`authorization { users: [ {
      user: ann, password: word, permissions: { publish: { deny: "${deny}" } } } ] }`);
    const address = { servers: [nats.address], user: "ann", password: "word" };
    await expect(openLog(nats.address, { address })).rejects.toThrow(
      new RegExp(`rooms: the user must be allowed to publish to ${named.replaceAll("$", "\\$")}`),
    );
  });

  test("who has the token", async () => {
    const nats = await startNats("authorization { token: s3cret }");
    await expectWorks(nats.address, { token: "s3cret" });
  });

  test("who has the seed of an NKey", async () => {
    const key = nkeys.createUser();
    const nats = await startNats(`authorization { users: [ { nkey: ${key.getPublicKey()} } ] }`);
    await expectWorks(nats.address, {
      nkeyFile: file(`${new TextDecoder().decode(key.getSeed())}\n`),
    });
  });

  test("who has a credentials file", async () => {
    const user = createJwtUser();
    const nats = await startNats(user.config);
    await expectWorks(nats.address, { credentialsFile: file(user.credentials) });
  });

  test("who shows a certificate, over TLS", async () => {
    const authority = createAuthority();
    const [server, client] = [authority.issue(), authority.issue()];
    const caFile = file(authority.cert);
    const nats = await startNats(
      `tls { cert_file: "${file(server.cert)}", key_file: "${file(server.key)}"
             ca_file: "${caFile}", verify: true }`,
    );
    const tls = { caFile, certFile: file(client.cert), keyFile: file(client.key) };
    await expectWorks(nats.address, { tls });
    const stranger = openLog(nats.address, {
      address: { servers: [nats.address], tls: {} },
      timeoutMs: 1000,
    });
    await expect(stranger).rejects.toThrow(/cannot be reached.*certificate/);
  });

  test("nobody with a file that cannot be read, or has something else: refused at once, without what is in it", async () => {
    const opening = (more: object) =>
      openLog("127.0.0.1:1", { address: { servers: ["127.0.0.1:1"], ...more } });
    await expect(opening({ nkeyFile: "/nowhere" })).rejects.toThrow(/cannot be used.*\/nowhere/);
    for (const name of ["nkeyFile", "credentialsFile"]) {
      const error = await opening({ [name]: file("s3cret") }).catch((error: Error) => error);
      expect(String(error)).toContain("cannot be used");
      expect(String(error)).not.toContain("s3cret");
    }
  });
});

test.each([
  ["nats://", "an address of NATS that cannot be read"],
  ["nats://a:pass-word@h/path", "an address of NATS that cannot be read"],
  ["nats://a:pass-word@h,b:pass-word@i", "an address of NATS that cannot be read"],
  ["nats://a:pass-word@h:1x", "an address of NATS that cannot be read"],
  ["nats://:pass-word@h", "an address of NATS that cannot be read"],
  ["nats://a:pass-word%zz@h", "an address of NATS that cannot be read"],
  ["http://a:pass-word@h", "file, memory or nats://host:port"],
])("--log %s is refused, and its password not shown", (log, text) => {
  const check = () => checkSettings({ demo: true, log });
  expect(check).toThrow(UsageError);
  expect(check).toThrow(text);
  expect(check).not.toThrow("pass-word");
});

test.each([
  [{ natsStream: "a.b" }, "--nats-stream"],
  [{ natsReplicas: "7" }, "--nats-replicas"],
  [{ natsStorage: "tape" }, "file or memory"],
  [{ natsTimeout: "0" }, "--nats-timeout"],
  [{ natsTimeout: "60", dedupeWindow: "60" }, "--dedupe-window must be longer than --nats-timeout"],
  [{ retainSeconds: "60" }, "--retain-seconds must not be less than --dedupe-window"],
  [{ natsTlsCert: "c" }, "belong together"],
  [{ natsNkeyFile: "a", natsCredentialsFile: "b" }, "one way to log in"],
])("%j is refused", (given, text) => {
  const check = () => checkSettings({ demo: true, log: "nats://h", ...given });
  expect(check).toThrow(UsageError);
  expect(check).toThrow(text);
});

test("an address says where, who, and whether by TLS", () => {
  const addressOf = (log: string) => checkSettings({ demo: true, log }).log.nats?.address;
  expect(addressOf("nats://h")).toMatchObject({ servers: ["h:4222"], tls: undefined });
  expect(addressOf("nats://a:b%40@h:1,nats://[::1]:2")).toMatchObject({
    servers: ["h:1", "[::1]:2"],
    user: "a",
    password: "b@",
  });
  expect(addressOf("tls://t@h")).toMatchObject({ servers: ["h:4222"], token: "t", tls: {} });
});
