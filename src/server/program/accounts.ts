import { ConnectError } from "@connectrpc/connect";
import type { Auth } from "../auth/auth.js";
import { createAuth } from "../auth/create-auth.js";
import { createIssuerKeys } from "../auth/issuer/issuer-keys.js";
import { createIssuerTokens, type IssuerTokens } from "../auth/issuer/issuer-tokens.js";
import { watchDemoKeys } from "../auth/keys/demo-key.js";
import { parseSigningKeys } from "../auth/keys/signing-key.js";
import { type SigningKeys, watchSigningKeys } from "../auth/keys/signing-keys.js";
import { watchRevocationsFile } from "../auth/revocations/watched-revocations.js";
import { createTokens } from "../auth/tokens.js";
import { demoUsers } from "../auth/users/demo-users.js";
import { createUsers, type Users } from "../auth/users/users.js";
import { watchUsersFile } from "../auth/users/watched-users.js";
import type { AccountSettings } from "../settings/account-settings.js";
import type { Logger } from "../util/logger.js";
import { onReloadSignal } from "../util/reload-signal.js";

/** The accounts, keys and revocations of a server. */
export interface Accounts {
  readonly auth: Auth;
  /** Stops watching files. */
  close(): void;
}

/**
 * Reads the files that the settings name, and again when they change and at SIGHUP. Rejects with a
 * reason for people if one is invalid at the start; later that is logged, and the previous content
 * stays.
 */
export async function openAccounts(
  settings: AccountSettings,
  dataDir: string,
  logger: Logger,
): Promise<Accounts> {
  const files: Watched[] = [];
  function watched<T extends Watched>(file: T, name: string): T {
    files.push(file);
    file.onChange(() => logger.info({}, `the ${name} was reloaded`));
    return file;
  }
  const onError = (error: unknown) =>
    logger.error(
      { error: ConnectError.from(error).rawMessage },
      "a file cannot be read: what was read before stays in force",
    );

  const { demo, usersFile, revocationsFile, signingKeyFile, signingKey } = settings;
  async function keys(): Promise<SigningKeys> {
    if (signingKey !== undefined) {
      return { list: await parseSigningKeys(signingKey, "CHATTER_SIGNING_KEY") };
    }
    if (signingKeyFile !== undefined) {
      return watched(await watchSigningKeys(signingKeyFile, onError), "signing key file");
    }
    return demo ? watched(await watchDemoKeys(dataDir, onError), "signing key file") : { list: [] };
  }
  async function users(): Promise<Users> {
    if (usersFile !== undefined) {
      return watched(await watchUsersFile(usersFile, onError), "users file");
    }
    return demo ? demoUsers() : createUsers([]);
  }
  const auth = createAuth({
    users: await users(),
    tokens: createTokens({
      key: await keys(),
      issuer: settings.tokenIssuer,
      audience: settings.audience,
      lifetimeSeconds: settings.tokenLifetimeMs / 1000,
    }),
    issuer: issuerTokensOf(settings, logger),
    revocations:
      revocationsFile === undefined
        ? undefined
        : watched(await watchRevocationsFile(revocationsFile, onError), "revocations file"),
  });
  const ignoreSignal = onReloadSignal(() => {
    for (const file of files) {
      void file.reload();
    }
  });
  return {
    auth,
    close() {
      ignoreSignal();
      for (const file of files) {
        file.close();
      }
    },
  };
}

function issuerTokensOf(
  { issuer: settings, audience }: AccountSettings,
  logger: Logger,
): IssuerTokens | undefined {
  if (settings === undefined) {
    return undefined;
  }
  const { issuer, jwksUrl, scopeClaim, scopeMap } = settings;
  const keys = createIssuerKeys({
    url: jwksUrl,
    onError: (error) =>
      logger.error(
        { error: ConnectError.from(error).rawMessage },
        "the keys of the tokens' issuer cannot be fetched: those fetched before stay in force",
      ),
  });
  return createIssuerTokens({ issuer, audience, keys, scopeClaim, scopeMap });
}

interface Watched {
  onChange(listener: () => void): () => void;
  reload(): Promise<void>;
  close(): void;
}
