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
import type { AccountSettings } from "./settings/account-settings.js";
import type { LogSettings } from "./settings/log-settings.js";
import type { ServeSettings } from "./settings/settings.js";
import { stopSignal } from "./stop-signal.js";

/**
 * The program: opens the log, serves until the process is told to stop (SIGTERM, SIGINT),
 * drains and resolves. Says on one line of standard output where it listens. Rejects with
 * a reason for people if it cannot start.
 */
export async function serve(settings: ServeSettings): Promise<void> {
  const logger = pino(
    { level: settings.report.logLevel, base: undefined },
    pino.destination({ dest: 2, sync: true }),
  );
  const { accounts } = settings;
  const auth = createAuth({
    users: await usersOf(accounts),
    tokens: createTokens({
      key: await keyOf(accounts, settings.log.dataDir),
      issuer: accounts.tokenIssuer,
      audience: accounts.audience,
      lifetimeSeconds: accounts.tokenLifetimeMs / 1000,
    }),
  });
  const log = await openLog(settings.log, logger);
  try {
    const chatter = createChatter({
      log,
      auth,
      logger,
      webSocket: { origins: settings.listen.allowedOrigins },
      trustedProxies: settings.listen.trustedProxies,
    });
    const server = await listen(chatter, settings.listen);
    const told = stopSignal();
    process.stdout.write(`chatter is listening on ${server.url}\n`);
    await told;
    logger.info({ openCalls: chatter.openCalls }, "the server is stopping");
    await server.close(settings.listen.shutdownGraceMs);
  } finally {
    await log.close();
  }
  logger.info({}, "the server has stopped");
}

async function usersOf({ usersFile }: AccountSettings): Promise<Users> {
  return usersFile === undefined ? demoUsers() : createUsers(await readUsersFile(usersFile));
}

function keyOf(accounts: AccountSettings, dataDir: string): Promise<SigningKey> {
  const { signingKeyFile, signingKey } = accounts;
  if (signingKeyFile !== undefined) {
    return readSigningKey(signingKeyFile);
  }
  if (signingKey !== undefined) {
    return parseSigningKey(signingKey, "CHATTER_SIGNING_KEY");
  }
  return loadOrCreateDemoKey(dataDir);
}

async function openLog(settings: LogSettings, logger: Logger): Promise<MessageLog> {
  const { dataDir, engine, dedupe, retention } = settings;
  return engine === "memory"
    ? createMemoryLog({ dedupe, retention })
    : openLevelLog({ dir: dataDir, dedupe, retention, logger });
}
