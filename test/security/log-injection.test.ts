import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseSigningKey } from "../../src/server/auth/keys/signing-key.js";
import { createTokens } from "../../src/server/auth/tokens.js";
import { newUser } from "../../src/server/auth/users/users.js";
import { addUser } from "../../src/server/auth/users/users-file.js";
import { secret } from "../auth/forged-token.js";
import { connectHttp2, envelope, post } from "../support/raw-http2.js";
import { startServe } from "../support/serve.js";
import { until } from "../support/streams.js";
import { tempDir } from "../support/temp-dir.js";
import { clientOf } from "../support/wires.js";
import { sendRaw } from "./raw-http.js";

/** Would be a line of its own, in the words of the log. */
const forged = '{"level":30,"msg":"call","user":"admin","code":"ok","method":"forged"}';
const nasty = ["\n", "\r\n", "\u2028", "\u0085", '"}\n', "\\n"].map((end) => `goa${end}${forged}`);

test("the log has one JSON object a line and one line a call, whatever is sent", async () => {
  const dir = tempDir();
  const usersFile = join(dir, "users.json");
  const cost = { logN: 4, r: 8, p: 1 };
  // What a name may have: no control characters, but these.
  const name = `goa\u2028${forged.replaceAll(":", ";")}`;
  const scopes = ["stream:read", "stream:write"] as const;
  await addUser(usersFile, await newUser({ name, password: "rocks", scopes, cost }));
  const server = await startServe(
    ["--users-file", usersFile, "--data-dir", dir, "--log", "memory", "--max-login-attempts", "0"],
    { CHATTER_SIGNING_KEY: secret },
  );
  const { url } = server;
  const tokens = createTokens({ key: await parseSigningKey(secret, "test") });
  const { token } = await tokens.issue({ subject: name, scopes });
  const headers = { authorization: `Bearer ${token}` };
  const client = clientOf({ url, token });
  let calls = 0;

  for (const text of nasty) {
    await client.login({ user: text, password: text }).catch(() => calls++);
    await client
      .history({ after: text })
      [Symbol.asyncIterator]()
      .next()
      .catch(() => calls++);
    const bearer = encodeURIComponent(text).replaceAll("%", "");
    await clientOf({ url, token: bearer })
      .listener((async function* () {})())
      .catch(() => calls++);
    // These are no calls of a method, but must not look like one either.
    for (const path of [`/${encodeURIComponent(text)}`, `/${text.replace(/\s/g, "%0a")}`]) {
      const line = Buffer.from(`POST ${path} HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n`);
      await sendRaw(url, line);
    }
    await sendRaw(url, `${text} / HTTP/1.1\r\nHost: c\r\n\r\n`);
  }

  const session = await connectHttp2(url);
  const extras: readonly Record<string, string>[] = [
    { "x-request-id": forged },
    { "user-agent": forged, "x-forwarded-for": forged, traceparent: forged },
    { "connect-protocol-version": forged },
    { "connect-timeout-ms": forged },
    { "content-encoding": forged },
  ];
  for (const extra of extras) {
    const stream = post(session, "/chatter.v1.ChatterService/History", {
      "content-type": "application/connect+proto",
      ...headers,
      ...extra,
    });
    stream.end(envelope(""));
    stream.resume();
    await once(stream, "close");
  }

  await until(() => linesOf(server.errors()).length >= calls, "all lines are written");
  const stopped = await server.stop();
  expect(stopped).toEqual({ code: 0, signal: null });
  const lines = linesOf(server.errors());
  for (const line of lines) {
    const { method, user, msg } = JSON.parse(line);
    expect(method).not.toBe("forged");
    expect([undefined, name]).toContain(user);
    expect(msg).not.toContain("forged");
  }
  const logins = lines.filter((line) => JSON.parse(line).method?.endsWith("/Login"));
  expect(logins).toHaveLength(nasty.length);
  expect(calls).toBe(3 * nasty.length);
});

/** Lines as tools that read logs know them. */
function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}
