import type { DescService } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import {
  ChatterService,
  type HistoryResponse,
  type PostResponse,
  type ReadResponse,
  type RoomsResponse,
} from "../gen/chatter_pb.js";
import { keepByteOrderMarks } from "../protocol/text-encoding.js";
import { unixPathOf, unixUrlOf, unixUrlRule } from "../protocol/unix-url.js";
import type { CallSource } from "./call-source.js";
import {
  clientClosed,
  invalidUnixUrl,
  invalidUrl,
  missingUrl,
  notATransport,
  urlWithCredentials,
  urlWithQuery,
  wrongUrlScheme,
} from "./errors.js";
import { type HistoryOptions, readHistory } from "./history.js";
import { type PostOptions, post } from "./posting/post.js";
import { type Publisher, type PublisherOptions, ResumingPublisher } from "./posting/publisher.js";
import { type ReadOptions, read } from "./read.js";
import { listRooms, type RoomsOptions } from "./rooms.js";
import { ResumingSubscription, type SubscribeOptions, type Subscription } from "./subscription.js";
import { type ClientAuth, createTokenSource, type DatedToken } from "./token-source.js";
import { createAuthorizedTransport } from "./transport/authorized.js";
import { withErrorCodes } from "./transport/error-codes.js";
import { withJsonResults } from "./transport/json-results.js";

/**
 * The wires. "connect", "grpc" and "grpc-web" use HTTP/2 in Node. "ws" is the WebSocket tunnel, in
 * Node and in browsers. In browsers, "connect" and "grpc-web" use fetch, which can read but not
 * send a stream, and "grpc" is not available.
 */
export type TransportName = "connect" | "grpc" | "grpc-web" | "ws";

interface SharedOptions {
  /** The credentials of the calls. */
  readonly auth: ClientAuth;
}

interface UrlOptions extends SharedOptions {
  /**
   * Where Chatter is, such as "https://chatter.example"; in Node also the Unix socket of
   * "unix:/run/chatter/chatter.sock".
   */
  readonly url: string | URL;
  /** Default: "ws" in browsers, "connect" in Node. */
  readonly transport?: TransportName | undefined;
}

interface TransportOptions extends SharedOptions {
  /** Not needed: a transport knows its address. */
  readonly url?: string | URL | undefined;
  /** Any transport of Connect's. It stays the caller's: `close` does not close it. */
  readonly transport: Transport;
}

export type ChatterClientOptions = UrlOptions | TransportOptions;

/** A client of Chatter that survives dropped connections. */
export interface ChatterClient {
  /** The plain generated client, with a token on each of its calls. It does not resume. */
  readonly client: Client<typeof ChatterService>;

  /**
   * A client of another service on the same server, each of its calls with a token. It does
   * not resume: if the connection breaks in the middle of a call, the call fails with
   * `unavailable`.
   */
  clientOf<Service extends DescService>(service: Service): Client<Service>;

  /** Messages that are added to the rooms, from now on or after a cursor, until the loop ends. */
  subscribe(options?: SubscribeOptions): Subscription;

  /** Posts many messages over one stream, in order, each stored once. */
  publisher(options?: PublisherOptions): Publisher;

  /**
   * Posts a text, 1 to 65,536 bytes of UTF-8, with one unary call, and resolves when it is durable.
   * As in a publisher, it is sent again until it is answered, and is stored once.
   *
   * Rejects with a `ConnectError`: `invalid_argument` if the text or the room is not valid;
   * `deadline_exceeded` if it was sent and not answered for `resendMs`, so that it is unknown
   * whether it is stored; with another final code; and with the signal's reason.
   */
  post(text: string, options?: PostOptions): Promise<PostResponse>;

  /**
   * Reads messages after a cursor with one unary call, which can wait for the first one: at most
   * `limit`, and at most 1 MiB. Pass the `cursor` of the result as `after` to the next call, even
   * if there were no messages. Tries again when the connection drops.
   *
   * Rejects with a RangeError or TypeError for invalid options, with a `ConnectError` with a
   * final code, and with the signal's reason.
   */
  read(options?: ReadOptions): Promise<ReadResponse>;

  /**
   * The rooms that the token may read, in the order of their names, with the number of messages
   * they keep, and the sequence and time of the last one. The room "main" has this name here.
   * Continues after dropped connections.
   *
   * Throws a RangeError for an invalid count; the loop throws a `ConnectError` with a final code.
   */
  rooms(options?: RoomsOptions): AsyncIterable<RoomsResponse>;

  /**
   * The stored messages, oldest first, up to the head. To read page by page, pass a `limit`, and
   * the last message's `cursor` as the next page's `after`; backwards, pass a `last`, and the first
   * message's `sequence` as the next page's `before`. Continues after dropped connections. The loop
   * throws a `ConnectError` with a final code, as a subscription's does.
   *
   * Throws a RangeError for an invalid count, a TypeError for `after` with `last`.
   */
  history(options?: HistoryOptions): AsyncIterable<HistoryResponse>;

  /**
   * Ends everything: subscriptions end, posts without an answer fail with `canceled` (close
   * publishers first), and so do histories and the plain client's calls; connections are closed.
   */
  close(): void;
}

/** A transport and its connections. */
export interface OpenTransport {
  readonly transport: Transport;
  /** Closes the present connections; later calls make new ones. */
  dropConnections(): void;
}

/** Makes the transports of Node, or of browsers. Throws a TypeError for one that it cannot make. */
export type TransportFactory = (name: TransportName | undefined, url: string) => OpenTransport;

/** Makes a client with the transports of a platform. */
export function createClientWith(
  createTransport: TransportFactory,
  options: ChatterClientOptions,
): ChatterClient {
  keepByteOrderMarks();
  const { transport: bare, dropConnections } = open(createTransport, options);
  const transport = withJsonResults(withErrorCodes(bare));
  const plain = createClient(ChatterService, transport);
  const tokens = createTokenSource(options.auth, (user, password, signal) =>
    login(plain, user, password, signal),
  );
  const closing = new AbortController();
  const source: CallSource = {
    client: plain,
    tokens,
    closing: closing.signal,
  };
  const authorized = createAuthorizedTransport(transport, tokens, closing.signal);
  return {
    client: createClient(ChatterService, authorized),
    clientOf: (service) => createClient(service, authorized),
    subscribe: (options = {}) => new ResumingSubscription(source, options),
    publisher: (options = {}) => new ResumingPublisher(source, options),
    post: (text, options = {}) => post(source, text, options),
    read: (options = {}) => read(source, options),
    rooms: (options = {}) => listRooms(source, options),
    history: (options = {}) => readHistory(source, options),
    close() {
      closing.abort(clientClosed());
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
      throw notATransport();
    }
    return { transport, dropConnections: () => {} };
  }
  if (url === undefined) {
    throw missingUrl();
  }
  return createTransport(transport, baseOf(url));
}

/**
 * The URL to which the paths of methods are added. It is in no error, because it may contain a
 * password.
 */
function baseOf(url: string | URL): string {
  let base: URL;
  try {
    base = new URL(url);
  } catch {
    throw invalidUrl();
  }
  if (base.protocol === "unix:") {
    const path = unixPathOf(base);
    if (path === undefined) {
      throw invalidUnixUrl({ rule: unixUrlRule });
    }
    return unixUrlOf(path);
  }
  if (base.protocol !== "http:" && base.protocol !== "https:") {
    throw wrongUrlScheme({ scheme: base.protocol });
  }
  if (base.username + base.password !== "") {
    throw urlWithCredentials();
  }
  if (base.search + base.hash !== "") {
    throw urlWithQuery();
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
