import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const server = fileURLToPath(new URL("../../src/server", import.meta.url));

test("one file alone ends HTTP/2 sessions: from inside their callbacks it would hang the process", () => {
  const offenders = readdirSync(server, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && file !== join("http", "http2", "session-end.ts"))
    .filter((file) => !file.startsWith(join("log", "/"))) // Its sessions are those of NATS.
    .filter((file) =>
      /\bsession\??\.(destroy|close|goaway)\(/.test(readFileSync(join(server, file), "utf8")),
    );
  expect(offenders).toEqual([]);
});
