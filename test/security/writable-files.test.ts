import { generateKeyPairSync } from "node:crypto";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ConnectError } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test } from "vitest";
import { readSigningKeys } from "../../src/server/auth/keys/signing-key.js";
import { revokeToken } from "../../src/server/auth/revocations/revocations-file.js";
import { watchRevocationsFile } from "../../src/server/auth/revocations/watched-revocations.js";
import { newUser } from "../../src/server/auth/users/users.js";
import { addUser, readUsersFile } from "../../src/server/auth/users/users-file.js";
import { watchUsersFile } from "../../src/server/auth/users/watched-users.js";
import { readCertificate } from "../../src/server/http/tls/certificate.js";
import { openSession } from "../../src/server/log/nats/session.js";
import { createAuthority } from "../support/certificates.js";
import { runServe } from "../support/run-serve.js";
import { tempDir } from "../support/temp-dir.js";

const user = await newUser({
  name: "goa",
  password: "rocks",
  scopes: [],
  cost: { logN: 4, r: 8, p: 1 },
});

async function usersFile(): Promise<string> {
  const path = join(tempDir(), "users.json");
  await addUser(path, user);
  return path;
}

function keyFile(): string {
  const path = join(tempDir(), "key");
  const { privateKey } = generateKeyPairSync("ed25519");
  writeFileSync(path, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  return path;
}

const said = (kind: string, path: string, mode: string, who: string) =>
  `${kind} ${JSON.stringify(path)} has mode ${mode}, so that ${who} may write it: ` +
  "take that away (chmod go-w)";

async function faultOf(reading: Promise<unknown>): Promise<string> {
  const error = await reading.then(
    () => undefined,
    (error: unknown) => error,
  );
  return ConnectError.from(error).rawMessage;
}

describe.skipIf(process.platform === "win32")("a file that others may write is refused", () => {
  test.each([
    ["0620", "its group"],
    ["0666", "everybody"],
    ["0602", "everybody"],
  ])("with mode %s, which %s may write", async (octal, who) => {
    const mode = Number.parseInt(octal, 8);
    const users = await usersFile();
    chmodSync(users, mode);
    expect(await faultOf(readUsersFile(users))).toBe(said("users file", users, octal, who));

    const key = keyFile();
    chmodSync(key, mode);
    expect(await faultOf(readSigningKeys(key))).toBe(said("signing key file", key, octal, who));

    const revocations = join(tempDir(), "revocations.json");
    await revokeToken(revocations, { id: "a", expiresAt: undefined });
    chmodSync(revocations, mode);
    expect(await faultOf(watchRevocationsFile(revocations, () => {}))).toBe(
      said("revocations file", revocations, octal, who),
    );
  });

  test("a certificate's key, too, and what is for NATS", async () => {
    const folder = tempDir();
    const { cert, key } = createAuthority().issue();
    const files = { certFile: join(folder, "cert.pem"), keyFile: join(folder, "key.pem") };
    writeFileSync(files.certFile, cert, { mode: 0o644 });
    writeFileSync(files.keyFile, key, { mode: 0o600 });
    chmodSync(files.keyFile, 0o660);
    const fault = said("the key file", files.keyFile, "0660", "its group");
    expect(await faultOf(readCertificate(files))).toBe(fault);
    const nats = { servers: ["127.0.0.1:1"], tls: { caFile: files.keyFile } };
    expect(await faultOf(openSession(nats, 0))).toBe(
      `a file for NATS cannot be used: ${fault.replace("the key file ", "")}`,
    );
  });

  test("after symbolic links, wherever they lie", async () => {
    const users = await usersFile();
    const open = join(tempDir(), "open");
    mkdirSync(open);
    chmodSync(open, 0o777);
    const link = join(open, "users.json");
    symlinkSync(users, link);
    expect(await readUsersFile(link)).toHaveLength(1);
    chmodSync(users, 0o664);
    expect(await faultOf(readUsersFile(link))).toBe(said("users file", link, "0664", "its group"));
  });

  test("when it is read again, too: what it had before stays, and that is logged", async () => {
    const path = await usersFile();
    const errors: string[] = [];
    const users = await watchUsersFile(path, (error) =>
      errors.push(ConnectError.from(error).rawMessage),
    );
    onTestFinished(() => users.close());
    await addUser(path, { ...user, name: "mallory" });
    chmodSync(path, 0o646);
    await users.reload();
    expect(errors.at(-1)).toBe(said("users file", path, "0646", "everybody"));
    expect(users.find("goa")).toBeDefined();
    expect(users.find("mallory")).toBeUndefined();
    chmodSync(path, 0o644);
    await users.reload();
    expect(users.find("mallory")).toBeDefined();
  });

  test("by the server, which does not start", async () => {
    const path = await usersFile();
    chmodSync(path, 0o664);
    const { status, errors } = await runServe(["--users-file", path, "--log", "memory"], {
      CHATTER_SIGNING_KEY: "k".repeat(32),
    });
    expect(status).toBe(1);
    expect(errors).toBe(
      `chatter: failed_precondition: ${said("users file", path, "0664", "its group")}\n`,
    );
  });
});
