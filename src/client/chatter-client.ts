import type { DescService } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Client, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { ChatterService, type HistoryResponse } from "../gen/chatter_pb.js";
import { createAuthorizedTransport } from "./authorized-transport.js";
import type { CallSource } from "./call-source.js";
import { type HistoryOptions, readHistory } from "./history.js";
import { type Publisher, type PublisherOptions, ResumingPublisher } from "./publisher.js";
import { ResumingSubscription, type SubscribeOptions, type Subscription } from "./subscription.js";
import { type ClientAuth, createTokenSource, type DatedToken } from "./token-source.js";

/**
 * The wires. "connect", "grpc" and "grpc-web" go over HTTP/2 in Node. "ws" is the WebSocket
 * tunnel, in Node and in browsers. In browsers "connect" and "grpc-web" go by fetch, which
 * can read but not post, and there is no "grpc".
 */
export type TransportName = "connect" | "grpc" | "grpc-web" | "ws";

interface SharedOptions {
  /** Who calls. */
  readonly auth: ClientAuth;
}

interface UrlOptions extends SharedOptions {
  /** Where Chatter is, such as "https://chatter.example". */
  readonly url: string | URL;
  /** Default: "ws" in browsers, "connect" in Node. */
  readonly transport?: TransportName | undefined;
}

interface TransportOptions extends SharedOptions {
  /** Not needed: a transport knows where it goes. */
  readonly url?: string | URL | undefined;
  /** Any transport of Connect's. It stays the caller's: `close` does not close it. */
  readonly transport: Transport;
}

export type ChatterClientOptions = UrlOptions | TransportOptions;

/** A client of Chatter that goes on when the connection does not. */
export interface ChatterClient {
  /**
   * The plain generated client, each of its calls with a token. It does not resume.
   */
  readonly client: Client<typeof ChatterService>;

  /**
   * A client of another service on the same server, each of its calls with a token. It does
   * not resume.
   */
  clientOf<Service extends DescService>(service: Service): Client<Service>;

  /** What is added to the log, from now or after a cursor, until the loop is left. */
  subscribe(options?: SubscribeOptions): Subscription;

  /** Posts messages, each stored once. */
  publisher(options?: PublisherOptions): Publisher;

  /**
   * What is stored, oldest first, up to the head. A page is a `limit`, and the last
   * message's `cursor` is the next page's `after`; backwards it is a `last`, and the first
   * message's `sequence` is the next page's `before`. Goes on through dropped connections.
   * The loop throws a `ConnectError` with a final code, as a subscription's does.
   *
   * Throws a RangeError for a count that is none, a TypeError for `after` with `last`.
   */
  history(options?: HistoryOptions): AsyncIterable<HistoryResponse>;

  /**
   * Ends everything: subscriptions end, posts without an answer fail with `canceled` (close
   * publishers first), and so do histories and the plain client's calls; connections are
   * closed.
   */
  close(): void;
}

/** A transport and its connections. */
export interface OpenTransport {
  readonly transport: Transport;
  /** Closes the connections that there are; later calls make new ones. */
  dropConnections(): void;
}

/** Makes the transports of Node, or of browsers. Throws a TypeError for one it cannot make. */
export type TransportFactory = (name: TransportName | undefined, url: string) => OpenTransport;

/** Makes a client with the transports of a platform. */
export function createClientWith(
  createTransport: TransportFactory,
  options: ChatterClientOptions,
): ChatterClient {
  const { transport, dropConnections } = open(createTransport, options);
  const plain = createClient(ChatterService, transport);
  const tokens = createTokenSource(options.auth, (user, password, signal) =>
    login(plain, user, password, signal),
  );
  const closing = new AbortController();
  const source: CallSource = {
    client: plain,
    tokens,
    closing: closing.signal,
    dropConnection: dropConnections,
  };
  const authorized = createAuthorizedTransport(transport, tokens, closing.signal);
  return {
    client: createClient(ChatterService, authorized),
    clientOf: (service) => createClient(service, authorized),
    subscribe: (options = {}) => new ResumingSubscription(source, options),
    publisher: (options = {}) => new ResumingPublisher(source, options),
    history: (options = {}) => readHistory(source, options),
    close() {
      closing.abort(new ConnectError("the client was closed", Code.Canceled));
      dropConnections();
    },
  };
}

function open(
  createTransport: TransportFactory,
  { transport, url }: ChatterClientOptions,
): OpenTransport {
  if (typeof transport === "object") {
    if (typeof transport?.unary !== "function" || typeof transport.stream !== "function") {
      throw new TypeError(`"transport" is an object, but no transport of Connect's`);
    }
    return { transport, dropConnections: () => {} };
  }
  if (url === undefined) {
    throw new TypeError(`"url" is missing: it says where Chatter is`);
  }
  return createTransport(transport, baseOf(url));
}

/** The URL that the paths of methods are added to. It is in no error: it may have a password. */
function baseOf(url: string | URL): string {
  let base: URL;
  try {
    base = new URL(url);
  } catch {
    throw new TypeError(
      `"url" is no URL: it must be like http://localhost:8080 or https://chatter.example`,
    );
  }
  if (base.protocol !== "http:" && base.protocol !== "https:") {
    throw new TypeError(`"url" begins with ${base.protocol} but must begin with http: or https:`);
  }
  if (base.username + base.password !== "") {
    throw new TypeError(`"url" has a user or a password: these go into "auth"`);
  }
  if (base.search + base.hash !== "") {
    throw new TypeError(`"url" has a query or a fragment: it can have a path at most`);
  }
  return base.href.replace(/\/$/, "");
}

async function login(
  client: Client<typeof ChatterService>,
  user: string,
  password: string,
  signal: AbortSignal,
): Promise<DatedToken> {
  const { token, expiresAt } = await client.login({ user, password }, { signal });
  return { token, expiresAt: expiresAt && timestampMs(expiresAt) };
}
