import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Authenticator,
  connect,
  credsAuthenticator,
  errors,
  type NatsConnection,
  nkeyAuthenticator,
} from "@nats-io/transport-node";
import { openError } from "./log-errors.js";
import type { LogLogger } from "./log-logger.js";

/** Where NATS is, and how to get in. Secrets are used here and told to nobody. */
export interface NatsAddress {
  /** Such as "localhost:4222", at least one; more are learnt from the cluster. */
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
  /** Whether to insist on TLS; files that are given are read at each connection. */
  readonly tls?: {
    readonly caFile?: string;
    readonly certFile?: string;
    readonly keyFile?: string;
  };
}

/*
 * A peer that says nothing for so long is taken for gone: a cut that no packet tells of must
 * not cost more time than the loss of a node.
 */
const pingIntervalMs = 1500;
const maxPingOut = 2;

/** Time for one attempt to connect, in milliseconds. */
const handshakeMs = 3000;
const pauseMs = 250;

/**
 * Connects to NATS and stays connected: tries again for `timeoutMs` at first, for ever later.
 *
 * Rejects with `failed_precondition` and one line if NATS cannot be reached in that time, or
 * at once if it does not let us in.
 */
export async function openLink(
  address: NatsAddress,
  timeoutMs: number,
  logger?: LogLogger,
): Promise<NatsLink> {
  const end = Date.now() + timeoutMs;
  const authenticator = authenticatorsOf(address);
  checkFiles(address, authenticator);
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
      return new NatsLink(connection, logger);
    } catch (error) {
      const refused = error instanceof errors.AuthorizationError;
      if (refused || Date.now() + pauseMs > end) {
        const where = address.servers.join(", ");
        const { message } = error as Error;
        throw openError(
          refused
            ? `NATS at ${where} does not let us in: ${message}`
            : `NATS cannot be reached at ${where}: ${message}`,
          error,
        );
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

/** A file that cannot be used is told at once, not when NATS has no answer. */
function checkFiles({ tls }: NatsAddress, authenticators: readonly Authenticator[]): void {
  try {
    for (const authenticator of authenticators) {
      authenticator("");
    }
    for (const file of [tls?.caFile, tls?.certFile, tls?.keyFile]) {
      if (file !== undefined) {
        readFileSync(file);
      }
    }
  } catch (error) {
    throw openError(`a file for NATS cannot be used: ${(error as Error).message}`, error);
  }
}

/** The connection of a server to NATS, and whether it stands. */
export class NatsLink {
  readonly connection: NatsConnection;
  readonly #logger: LogLogger | undefined;
  #isUp = true;
  #up: Promise<void> = Promise.resolve();
  #tellUp = () => {};
  /** Those who wait for an answer, to be told that none comes. */
  readonly #asking = new Set<(error: Error) => void>();

  constructor(connection: NatsConnection, logger?: LogLogger) {
    this.connection = connection;
    this.#logger = logger;
    void this.#watch();
  }

  /** Whether the connection stands. */
  get isUp(): boolean {
    return this.#isUp && !this.connection.isClosed();
  }

  /** Resolves when the connection stands, also when it is closed for good. */
  get up(): Promise<void> {
    return this.#up;
  }

  /**
   * What NATS answers to a question. Rejects at once while the connection is lost, as it would
   * be asked late, for nobody; and when the connection is lost meanwhile, as no answer comes.
   */
  ask<T>(question: () => Promise<T>): Promise<T> {
    if (!this.isUp) {
      return Promise.reject(lostError());
    }
    return new Promise((resolve, reject) => {
      this.#asking.add(reject);
      question()
        .then(resolve, reject)
        .finally(() => this.#asking.delete(reject));
    });
  }

  /** Leaves this NATS server for another one. */
  async renew(): Promise<void> {
    if (this.isUp) {
      await this.connection.reconnect();
    }
  }

  async close(): Promise<void> {
    await this.connection.close();
    this.#tellUp();
  }

  async #watch(): Promise<void> {
    for await (const status of this.connection.status()) {
      switch (status.type) {
        case "disconnect":
          if (this.#isUp) {
            this.#isUp = false;
            this.#up = new Promise((resolve) => {
              this.#tellUp = resolve;
            });
            this.#logger?.warn({ server: status.server }, "the connection to NATS is lost");
            for (const reject of this.#asking) {
              reject(lostError());
            }
          }
          break;
        case "reconnect":
          this.#isUp = true;
          this.#tellUp();
          this.#logger?.info({ server: status.server }, "connected to NATS again");
          break;
        case "error":
          this.#logger?.error({ err: status.error }, "NATS reports an error");
          break;
      }
    }
  }
}

function lostError(): Error {
  return new Error("the connection to NATS is lost");
}
