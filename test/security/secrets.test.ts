import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { runHere } from "../support/cli-here.js";
import { connectHttp2, envelope, post } from "../support/raw-http2.js";
import { startServe } from "../support/serve.js";
import { tempDir } from "../support/temp-dir.js";
import { openGoa } from "../websocket/goa/client.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What keys and tokens look like. */
const shapes: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*/,
  /"d" ?: ?"[\w-]{20,}"/,
  /\b(AKIA|ASIA)[0-9A-Z]{16}\b/,
  /\bgh[pousr]_\w{36}\b/,
  /\bgithub_pat_\w{22,}/,
  /\bnpm_[A-Za-z0-9]{36}\b/,
  /\bglpat-[\w-]{20}\b/,
  /\bxox[abprs]-[\w-]{10,}/,
  /\bsk-[\w-]{20,}/,
  /\bAIza[\w-]{35}\b/,
  /\bS[UANC][A-Z2-7]{56}\b/, // Seeds of NATS
  // The password in a URL, unless the word for it stands there.
  /:\/\/[^\s/:@"'`$<{[]+:(?!\w*(pass|secret|hunter2))[^\s/:@"'`$<{]{6,}@/i,
  /\$scrypt\$[^$]*\$[^$]{16,}\$[^$]{16,}/,
];

/**
 * Lines of the repository that look like secrets but are none: made for a test, or shown as an
 * example. Each by its file and a part of it.
 */
const known: readonly (readonly [path: string, part: string])[] = [
  ["src/server/auth/users/demo-users.ts", "kAtKrxXc/kPoOAah6"], // goa / rocks, which is public
  ["test/auth/signing-key.test.ts", '"A".repeat(64)'],
  ["test/observability/call-lines.test.ts", "eyJhbGciOiJub25lIn0"],
];

/** What does not belong to the repository, or is not written by people. */
const left = new Set([
  ".git",
  ...[...readFileSync(join(root, ".gitignore"), "utf8").matchAll(/^(\w+)\/$/gm)].map(
    ([, name]) => name,
  ),
]);

/** The repository's files, found without git, which a machine need not have. */
function filesIn(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true })
    .filter(({ name }) => !left.has(name))
    .flatMap((entry) => {
      const path = join(dir, entry.name);
      return entry.isDirectory() ? filesIn(path) : [relative(root, path)];
    });
}

test("no file of the repository has anything that looks like a key or a token", () => {
  const found: string[] = [];
  const used = new Set<number>();
  for (const path of filesIn(root)) {
    for (const [i, line] of readFileSync(join(root, path), "latin1").split("\n").entries()) {
      if (!shapes.some((shape) => shape.test(line))) {
        continue;
      }
      const at = known.findIndex(([file, part]) => file === path && line.includes(part));
      if (at < 0) {
        found.push(`${path}:${i + 1}`);
      }
      used.add(at);
    }
  }
  expect(found).toEqual([]);
  // What is no longer there is no longer excused.
  expect(known.map((_, i) => used.has(i))).not.toContain(false);
});

test("the shapes are those of real ones", async () => {
  const dir = tempDir();
  const file = join(dir, "keys.json");
  const made = await runHere(["key", "new", "--signing-key-file", file]);
  expect(made.status).toBe(0);
  const users = join(dir, "users.json");
  await runHere(["user", "add", "alice", "--users-file", users], { input: "a password" });
  const args = ["--users-file", users, "--signing-key-file", file];
  const token = await runHere(["token", "issue", "alice", ...args.slice(2)]);
  for (const text of [readFileSync(file, "utf8"), readFileSync(users, "utf8"), token.stdout]) {
    expect(shapes.some((shape) => shape.test(text.replace(/\s*\n\s*/g, " ")))).toBe(true);
  }
});

describe("a server that is given secrets", () => {
  const password = "correct-horse-battery";
  const wrong = "wrong-password-of-someone";
  const key = "Zk3rQ1vW8xN5yT7uJ2mB4cD6fG9hL0pS";

  test("tells none of them: not in its output, not in errors, not in the process list", async () => {
    const dir = tempDir();
    const usersFile = join(dir, "users.json");
    await runHere(["user", "add", "alice", "--users-file", usersFile], { input: password });
    const hash = /"\$?scrypt[^"]*"|"password_hash": ?"([^"]*)"/.exec(
      readFileSync(usersFile, "utf8"),
    )![0];
    const args = ["--users-file", usersFile, "--data-dir", dir];
    const environment = { CHATTER_SIGNING_KEY: key };
    const server = await startServe(args, environment);
    const { url } = server;
    const said: string[] = [];
    const answers: string[] = [];
    const ask = async (path: string, init?: RequestInit) => {
      const response = await fetch(url + path, init);
      answers.push(JSON.stringify([...response.headers]), await response.clone().text());
      return response;
    };
    const login = (user: string, secret: string) =>
      ask("/chatter.v1.ChatterService/Login", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ user, password: secret }),
      });
    const { token } = (await (await login("alice", password)).json()) as { token: string };
    answers.length = 0; // This one is to tell the token.
    await login("alice", wrong);
    await login(wrong, password);
    await ask("/login", {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`alice:${wrong}`)}` },
    });
    await ask(`/nothing?token=${token}`);
    const broken = `${token.slice(0, -4)}AAAA`;
    const session = await connectHttp2(url);
    for (const bearer of [token, broken]) {
      for (const method of ["History", "Listener", "NoSuchMethod"]) {
        const stream = post(session, `/chatter.v1.ChatterService/${method}`, {
          "content-type": "application/connect+json",
          authorization: `Bearer ${bearer}`,
        });
        stream.end(envelope('{"message":"hello"}'));
        let body = "";
        for await (const chunk of stream) {
          body += chunk;
        }
        answers.push(body);
      }
      await openGoa({ url, token: bearer }, "/history").catch(({ message }) =>
        answers.push(message),
      );
    }
    for (const path of ["/livez", "/readyz", "/metrics", "/.well-known/jwks.json", "/"]) {
      await ask(path);
    }
    const commands = [];
    for (const [command, options] of [
      [["config", ...args], { env: environment }],
      [["serve", "--help"], { env: environment }],
      [["serve", ...args, "--port", "x"], { env: environment }],
      [["history", "--url", url], { env: { CHATTER_TOKEN: broken } }],
      [["token", "inspect", "-"], { env: environment, input: broken }],
    ] as const) {
      commands.push(await runHere(command, options));
    }
    said.push(...commands.flatMap(({ stdout, stderr }) => [stdout, stderr]));
    const commandLine = `/proc/${server.child.pid}/cmdline`;
    said.push(existsSync(commandLine) ? readFileSync(commandLine, "latin1") : "");
    await server.stop();
    said.push(server.errors());

    const everything = [...said, ...answers].join("\n");
    expect(everything).toContain("chatter.v1.ChatterService/Login");
    for (const secret of [password, wrong, key, token, broken, hash]) {
      const forms = [
        secret,
        Buffer.from(secret).toString("base64"),
        Buffer.from(secret).toString("hex"),
        Buffer.from(`alice:${secret}`).toString("base64"),
        encodeURIComponent(secret),
        token.split(".")[2]!,
      ];
      for (const form of forms) {
        expect(everything.includes(form), `${form.slice(0, 8)}…`).toBe(false);
      }
    }
  });

  test("says nothing of a key file that it cannot use but where it is", async () => {
    const dir = tempDir();
    const keyFile = join(dir, "key");
    const usersFile = join(dir, "users.json");
    writeFileSync(usersFile, '{"users":[]}', { mode: 0o600 });
    for (const content of [key.slice(0, 20), `{"keys":[{"d":"${key}"}]}`, `-----BEGIN ${key}`]) {
      writeFileSync(keyFile, content, { mode: 0o600 });
      const args = ["--users-file", usersFile, "--signing-key-file", keyFile, "--data-dir", dir];
      const { status, stderr } = await runHere(["serve", ...args]);
      expect(status).toBe(1);
      expect(stderr).toContain(keyFile);
      expect(stderr).not.toContain(key.slice(0, 20));
    }
  });
});
