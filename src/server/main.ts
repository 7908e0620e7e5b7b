import pino, { type Logger } from "pino";
import { createAuth } from "./auth/create-auth.js";
import { loadOrCreateDemoKey } from "./auth/demo-key.js";
import { demoUsers } from "./auth/demo-users.js";
import { parseSigningKey, readSigningKey, type SigningKey } from "./auth/signing-key.js";
import { createTokens } from "./auth/tokens.js";
import { createUsers, type Users } from "./auth/users.js";
import { readUsersFile } from "./auth/users-file.js";
import { createChatter } from "./chatter.js";
import { listen } from "./http/server.js";
import { openLevelLog } from "./log/level-log.js";
import { createMemoryLog } from "./log/memory-log.js";
import type { MessageLog } from "./log/message-log.js";
import type { ServeSettings } from "./settings.js";
import { stopSignal } from "./stop-signal.js";

/**
 * The program: opens the log, serves until the process is told to stop (SIGTERM, SIGINT),
 * drains and resolves. Says on one line of standard output where it listens. Rejects with
 * a reason for people if it cannot start.
 */
export async function serve(settings: ServeSettings): Promise<void> {
  const logger = pino(
    { level: settings.logLevel, base: undefined },
    pino.destination({ dest: 2, sync: true }),
  );
  const auth = createAuth({
    users: await usersOf(settings),
    tokens: createTokens({
      key: await keyOf(settings),
      issuer: settings.issuer,
      audience: settings.audience,
      lifetimeSeconds: settings.tokenLifetimeMs / 1000,
    }),
  });
  const log = await openLog(settings, logger);
  try {
    const chatter = createChatter({
      log,
      auth,
      logger,
      webSocket: { origins: settings.allowedOrigins },
    });
    const server = await listen(chatter, settings);
    const told = stopSignal();
    process.stdout.write(`chatter is listening on ${server.url}\n`);
    await told;
    logger.info({ openCalls: chatter.openCalls }, "the server is stopping");
    await server.close(settings.shutdownGraceMs);
  } finally {
    await log.close();
  }
  logger.info({}, "the server has stopped");
}

async function usersOf(settings: ServeSettings): Promise<Users> {
  return settings.usersFile === undefined
    ? demoUsers()
    : createUsers(await readUsersFile(settings.usersFile));
}

function keyOf(settings: ServeSettings): Promise<SigningKey> {
  if (settings.signingKeyFile !== undefined) {
    return readSigningKey(settings.signingKeyFile);
  }
  if (settings.signingKey !== undefined) {
    return parseSigningKey(settings.signingKey, "CHATTER_SIGNING_KEY");
  }
  return loadOrCreateDemoKey(settings.dataDir);
}

async function openLog(settings: ServeSettings, logger: Logger): Promise<MessageLog> {
  const { dedupe, retention } = settings;
  return settings.log === "memory"
    ? createMemoryLog({ dedupe, retention })
    : openLevelLog({ dir: settings.dataDir, dedupe, retention, logger });
}
