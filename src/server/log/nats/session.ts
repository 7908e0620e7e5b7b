import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Authenticator,
  connect,
  credsAuthenticator,
  errors,
  type NatsConnection,
  nkeyAuthenticator,
} from "@nats-io/transport-node";
import { writersError } from "../../util/guarded-file.js";
import type { Logger } from "../../util/logger.js";
import { natsRefused, natsUnreachable, unusableNatsFile } from "./errors.js";
import { isNatsRecent, oldNatsError } from "./version.js";

/** How to connect to NATS. Secrets are used here and never shown. */
export interface NatsAddress {
  /** Such as "localhost:4222", at least one; more are learned from the cluster. */
  readonly servers: readonly string[];
  /** Default: none. */
  readonly user?: string;
  readonly password?: string;
  /** Default: none. */
  readonly token?: string;
  /** File with a user's JWT and its NKey seed; read at each connection. Default: none. */
  readonly credentialsFile?: string;
  /** File with the seed of an NKey; read at each connection. Default: none. */
  readonly nkeyFile?: string;
  /** Whether to insist on TLS; the given files are read at each connection. */
  readonly tls?: {
    readonly caFile?: string;
    readonly certFile?: string;
    readonly keyFile?: string;
  };
}

/*
 * How long a peer may be silent before it is considered gone: a silent disconnection must not cost
 * more time than the loss of a node.
 */
const pingIntervalMs = 1500;
const maxPingOut = 2;

/** Time limit for one attempt to connect, in milliseconds. */
const handshakeMs = 3000;
const pauseMs = 250;

/** How many subjects are remembered as ones that may not be published to. */
const maxForbidden = 100;

/**
 * Connects to NATS and stays connected: tries for `timeoutMs` at first, and without limit later.
 *
 * Rejects with `failed_precondition` and one line if NATS cannot be reached in that time, or
 * at once if it refuses this server.
 */
export async function openSession(
  address: NatsAddress,
  timeoutMs: number,
  logger?: Logger,
): Promise<NatsSession> {
  const end = performance.now() + timeoutMs;
  checkNatsFiles(address);
  const authenticator = authenticatorsOf(address);
  for (;;) {
    try {
      const connection = await connect({
        servers: [...address.servers],
        name: "chatter",
        authenticator,
        tls: address.tls,
        maxReconnectAttempts: -1,
        ignoreAuthErrorAbort: true,
        reconnectTimeWait: pauseMs,
        timeout: handshakeMs,
        pingInterval: pingIntervalMs,
        maxPingOut,
        noAsyncTraces: true,
      });
      return new NatsSession(connection, logger);
    } catch (error) {
      const refused = error instanceof errors.AuthorizationError;
      if (refused || performance.now() + pauseMs > end) {
        const where = address.servers.join(", ");
        const reason = (error as Error).message;
        throw (refused ? natsRefused : natsUnreachable)({ where, reason, cause: error });
      }
      await sleep(pauseMs);
    }
  }
}

function authenticatorsOf(address: NatsAddress): Authenticator[] {
  const { user, password, token, credentialsFile, nkeyFile } = address;
  const authenticators: Authenticator[] = [];
  if (user !== undefined) {
    authenticators.push(() => ({ user, pass: password }));
  }
  if (token !== undefined) {
    authenticators.push(() => ({ auth_token: token }));
  }
  if (credentialsFile !== undefined) {
    authenticators.push((nonce) => credsAuthenticator(readFileSync(credentialsFile))(nonce));
  }
  if (nkeyFile !== undefined) {
    authenticators.push((nonce) =>
      nkeyAuthenticator(new TextEncoder().encode(readFileSync(nkeyFile, "latin1").trim()))(nonce),
    );
  }
  return authenticators;
}

/** Throws `failed_precondition` for an unusable file: at once, not when NATS does not answer. */
export function checkNatsFiles(address: NatsAddress): void {
  const { credentialsFile, nkeyFile, tls } = address;
  try {
    for (const authenticator of authenticatorsOf(address)) {
      authenticator("");
    }
    for (const file of [credentialsFile, nkeyFile, tls?.caFile, tls?.certFile, tls?.keyFile]) {
      if (file !== undefined) {
        checkFile(file);
      }
    }
  } catch (error) {
    throw unusableNatsFile({ reason: (error as Error).message, cause: error });
  }
}

function checkFile(path: string): void {
  accessSync(path, constants.R_OK);
  const error = writersError(JSON.stringify(path), statSync(path).mode);
  if (error !== undefined) {
    throw new Error(error.rawMessage);
  }
}

/** The connection of a server to NATS, and whether it is up. */
export class NatsSession {
  readonly connection: NatsConnection;
  readonly #logger: Logger | undefined;
  #isConnected = true;
  #connected: Promise<void> = Promise.resolve();
  #resolveConnected = () => {};
  /** Pending requests, which are rejected when no answer comes. */
  readonly #pending = new Set<(error: Error) => void>();
  #onChange = (_isUp: boolean) => {};
  #reconnects = 0;
  #refusal: Error | undefined;
  #forbidden = new Map<string, Error>();

  constructor(connection: NatsConnection, logger?: Logger) {
    this.connection = connection;
    this.#logger = logger;
    void this.#follow();
  }

  /** How often the connection was restored. */
  get reconnects(): number {
    return this.#reconnects;
  }

  /** Why NATS no longer admits this server; undefined if it does. */
  get refusal(): Error | undefined {
    return this.#refusal;
  }

  /** Why this connection may not publish to a subject, if NATS has said so. */
  forbidden(subject: string): Error | undefined {
    return this.#forbidden.get(subject);
  }

  /** Sets the only listener, which is called whenever the connection is lost or restored. */
  onChange(listener: (isConnected: boolean) => void): void {
    this.#onChange = listener;
  }

  /** Whether the connection is up. */
  get isConnected(): boolean {
    return this.#isConnected && !this.connection.isClosed();
  }

  /** Resolves when the connection is up, or closed for good. */
  get connected(): Promise<void> {
    return this.#connected;
  }

  /**
   * The answer of NATS to a request. Rejects at once while the connection is down, because the
   * request would be sent late, when nobody waits for it; and when the connection is lost
   * meanwhile, because no answer will come.
   */
  request<T>(question: () => Promise<T>): Promise<T> {
    if (!this.isConnected) {
      return Promise.reject(lostError());
    }
    return new Promise((resolve, reject) => {
      this.#pending.add(reject);
      question()
        .then(resolve, reject)
        .finally(() => this.#pending.delete(reject));
    });
  }

  /** Leaves this NATS server for another one. */
  async renew(): Promise<void> {
    if (this.isConnected) {
      await this.connection.reconnect();
    }
  }

  async close(): Promise<void> {
    await this.connection.close();
    this.#resolveConnected();
  }

  /** NATS repeats this at each attempt: it is logged once. */
  #onError(error: Error): void {
    if (error instanceof errors.AuthorizationError) {
      if (this.#refusal === undefined) {
        this.#logger?.error({ err: error }, "NATS no longer admits this server");
      }
      this.#refusal = error;
      return;
    }
    if (error instanceof errors.PermissionViolationError) {
      const isKnown = this.#forbidden.has(error.subject);
      if (error.operation === "publish" && this.#forbidden.size < maxForbidden) {
        this.#forbidden.set(error.subject, error);
      }
      if (isKnown) {
        return;
      }
    }
    this.#logger?.error({ err: error }, "NATS reports an error");
  }

  /** A node of the cluster may be older than the one that answered at the start. */
  #checkVersion(): void {
    const { version } = this.connection.info ?? {};
    if (!isNatsRecent(version)) {
      this.#logger?.error(
        { server: this.connection.getServer() },
        oldNatsError(version).rawMessage,
      );
    }
  }

  async #follow(): Promise<void> {
    for await (const status of this.connection.status()) {
      switch (status.type) {
        case "disconnect":
          if (this.#isConnected) {
            this.#isConnected = false;
            this.#connected = new Promise((resolve) => {
              this.#resolveConnected = resolve;
            });
            this.#logger?.warn({ server: status.server }, "the connection to NATS is lost");
            this.#onChange(false);
            for (const reject of this.#pending) {
              reject(lostError());
            }
          }
          break;
        case "reconnect":
          this.#isConnected = true;
          this.#reconnects++;
          this.#refusal = undefined;
          this.#forbidden.clear();
          this.#onChange(true);
          this.#resolveConnected();
          this.#logger?.info({ server: status.server }, "connected to NATS again");
          this.#checkVersion();
          break;
        case "error":
          this.#onError(status.error);
          break;
      }
    }
  }
}

function lostError(): Error {
  return new Error("the connection to NATS is lost");
}
