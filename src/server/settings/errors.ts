import { defineUsageError } from "../../errors/define.js";

/*
 * A setting is wrong, by flag or by variable: the server does not start, and the command ends with
 * the exit status 2.
 */

/**
 * A setting has an invalid value. URLs are quoted without their passwords.
 *
 * Remedy: Correct the flag, or the variable, as the text says.
 */
export const wrongValue = defineUsageError("<flag> (<variable>) is <value>: it must be <right>");

/**
 * Only one of the two files of a certificate was given.
 *
 * Remedy: Give both, or none.
 */
export const halfACertificate = defineUsageError(
  "--tls-cert and --tls-key belong together: give both for TLS, or none for cleartext",
);

/**
 * Clients can show certificates over TLS alone.
 *
 * Remedy: Give the server a certificate of its own, or remove `--tls-client-ca`.
 */
export const authorityWithoutTls = defineUsageError(
  "--tls-client-ca needs TLS: give --tls-cert and --tls-key, too",
);

/**
 * `--tls-client-required` was given, and it is unknown whose certificates are meant.
 *
 * Remedy: Give `--tls-client-ca`.
 */
export const requiredWithoutAuthority = defineUsageError(
  "--tls-client-required needs --tls-client-ca, the authorities of client certificates",
);

/**
 * `--listen` was given with settings of a port.
 *
 * Remedy: Remove one of the two; an empty variable counts as none.
 */
export const socketAndPort = defineUsageError(
  "--listen is a Unix socket, so it excludes <flag> (<variable>): give one of them",
);

/**
 * `--listen-mode` was given without `--listen`.
 *
 * Remedy: Give `--listen`, or remove it.
 */
export const modeWithoutSocket = defineUsageError(
  "--listen-mode is for the Unix socket of --listen: give that, too",
);

/**
 * `--reuse-port` was given to a Node.js that cannot share a port.
 *
 * Remedy: Run the server with a newer Node.js, or put a proxy in front of several ports.
 */
export const reusePortNeedsNode = defineUsageError(
  "--reuse-port needs Node.js 22.12 or newer, and this is <node>",
);

/**
 * `--reuse-port` was given with a log that only one server can have: each connection would meet
 * another log.
 *
 * Remedy: Use NATS, see [scaling.md](scaling.md), or remove `--reuse-port`.
 */
export const reusePortNeedsNats = defineUsageError(
  "--reuse-port is for servers that share their log: give --log nats://host:port, too",
);

/**
 * Nobody could log in: the server was given no accounts.
 *
 * Remedy: Do one of the three, see [accounts.md](accounts.md).
 */
export const noAccounts = defineUsageError(
  'no accounts: give --users-file (made with "chatter user add NAME"), or --issuer and --jwks-url of the service that has the users, or --demo to try it out',
);

/**
 * There are accounts, but no key to sign their tokens with.
 *
 * Remedy: Do one of the two, see [accounts.md](accounts.md).
 */
export const noSigningKey = defineUsageError(
  'no signing key: give --signing-key-file (made with "chatter key new") or CHATTER_SIGNING_KEY',
);

/**
 * Signing keys were given in two ways.
 *
 * Remedy: Remove one of them.
 */
export const twoSigningKeys = defineUsageError(
  "give either --signing-key-file or CHATTER_SIGNING_KEY, not both",
);

/**
 * `--demo` was given with accounts or keys.
 *
 * Remedy: Remove `--demo`, or the others.
 */
export const demoAndAccounts = defineUsageError(
  "--demo has its own account and key: give either --demo, or --users-file and a signing key",
);

/**
 * `--demo` was given with a `--host` that other machines can reach.
 *
 * Remedy: Do one of the two.
 */
export const demoBeyondLoopback = defineUsageError(
  "--demo has a public password, so it refuses --host <host>: use 127.0.0.1, ::1 or localhost, or give --users-file and --signing-key-file instead of --demo",
);

/**
 * Tokens of the server and of the outside issuer would name the same issuer.
 *
 * Remedy: Choose another `--token-issuer`.
 */
export const sameIssuer = defineUsageError(
  "--issuer and --token-issuer must differ: tokens are distinguished by their issuer",
);

/**
 * Only one of the two settings of an outside issuer was given.
 *
 * Remedy: Give both, or `--token-issuer` alone.
 */
export const halfAnIssuer = defineUsageError(
  "--issuer and --jwks-url belong together: they name an outside issuer and its keys. The issuer of the server's own tokens is --token-issuer",
);

/**
 * Settings for the tokens of an outside issuer were given, but no issuer.
 *
 * Remedy: Give `--issuer` and `--jwks-url`, or remove the two settings.
 */
export const scopesWithoutIssuer = defineUsageError(
  "--scope-claim and --scope-map are about an outside issuer's tokens: give --issuer and --jwks-url",
);

/**
 * `--jwks-url` has a user or a password. It is never quoted.
 *
 * Remedy: Use a URL without them: the keys of an issuer are public.
 */
export const credentialsInJwksUrl = defineUsageError(
  "--jwks-url (CHATTER_JWKS_URL) must have no user and no password",
);

/**
 * The address of NATS in `--log` cannot be read. It is never quoted, because it may have a
 * password.
 *
 * Remedy: Correct `--log` as the text says.
 */
export const invalidNatsAddress = defineUsageError(
  "--log (CHATTER_LOG) has an address of NATS that cannot be read: it must be nats://[user:password@]host[:port], more of them with commas between; tls:// insists on TLS",
);

/**
 * Only one of the two files of a client certificate for NATS was given.
 *
 * Remedy: Give both, or none.
 */
export const halfANatsCertificate = defineUsageError(
  "--nats-tls-cert and --nats-tls-key belong together: give both",
);

/**
 * Credentials for NATS were given in several ways.
 *
 * Remedy: Keep one of them.
 */
export const twoNatsLogins = defineUsageError(
  "give one way to log in to NATS: a user in --log, --nats-credentials-file or --nats-nkey-file",
);

/**
 * A post that is published again would be stored as another message.
 *
 * Remedy: Raise `--dedupe-window`, or lower `--nats-timeout`.
 */
export const shortDedupeWindow = defineUsageError(
  "--dedupe-window must be longer than --nats-timeout",
);

/**
 * JetStream would remove messages whose ids must still be remembered.
 *
 * Remedy: Raise `--retain-seconds`, or lower `--dedupe-window`.
 */
export const shortRetention = defineUsageError(
  "--retain-seconds must not be less than --dedupe-window on NATS",
);
