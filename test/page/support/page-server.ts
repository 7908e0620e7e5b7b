import { onTestFinished } from "vitest";
import { createAuth } from "../../../src/server/auth/create-auth.js";
import { parseSigningKey } from "../../../src/server/auth/keys/signing-key.js";
import { createTokens } from "../../../src/server/auth/tokens.js";
import { createUsers, newUser } from "../../../src/server/auth/users/users.js";
import { createChatter } from "../../../src/server/chatter.js";
import { type ChatterServer, listen } from "../../../src/server/http/server.js";
import { createMemoryLog } from "../../../src/server/log/memory-log.js";
import type { MessageLog } from "../../../src/server/log/message-log.js";

export interface PageServerOptions {
  /** The scopes of each user, by name; the password is the name and "-pw". */
  readonly users?: Readonly<Record<string, readonly string[]>>;
  /** Default: an hour. */
  readonly tokenSeconds?: number;
}

/** A server that can be stopped and started again, with users of its own; it ends with the test. */
export async function startPageServer({ users = {}, tokenSeconds }: PageServerOptions = {}) {
  const log = createMemoryLog();
  const auth = createAuth({
    users: createUsers([
      await newUser({ name: "goa", password: "rocks", scopes: ["stream:read", "stream:write"] }),
      ...(await Promise.all(
        Object.entries(users).map(([name, scopes]) =>
          newUser({ name, password: `${name}-pw`, scopes: scopes as never }),
        ),
      )),
    ]),
    tokens: createTokens({
      key: await parseSigningKey("k".repeat(32), "test"),
      ...(tokenSeconds === undefined ? {} : { lifetimeSeconds: tokenSeconds }),
    }),
  });
  let server: ChatterServer | undefined = await listen(createChatter({ log, auth }), { port: 0 });
  const { url } = server;
  async function stop() {
    await server?.close(0);
    server = undefined;
  }
  onTestFinished(async () => {
    await stop();
    await log.close();
  });
  return {
    url,
    log,
    stop,
    async restart(other: MessageLog = log) {
      const port = Number(new URL(url).port);
      server = await listen(createChatter({ log: other, auth }), { port });
    },
  };
}

/** Stores texts in a room, by its title, one after the other. */
export async function say(
  log: MessageLog,
  room: string,
  texts: readonly string[],
  sender = "carla",
): Promise<void> {
  const name = room === "main" ? "" : room;
  const { error } = await log.append(
    texts.map((text) => ({ room: name, text, sender, messageId: "" })),
  );
  if (error) {
    throw error;
  }
}
