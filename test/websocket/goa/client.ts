import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { onTestFinished } from "vitest";
import { WebSocket } from "ws";
import type { TestServer } from "../../support/chatter-server.js";
import { until } from "../../support/streams.js";
import { RawSocket } from "../../support/websocket-raw.js";
import type { ClientTls } from "../../support/wires.js";

/** What a test needs of a server. */
export type Target = Pick<TestServer, "url" | "token"> & ClientTls;

export interface OpenOptions {
  /** Default: "Bearer TOKEN" of the server's token. Null: none. */
  readonly authorization?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocols?: readonly string[];
  /** The client's own. Default: any. */
  readonly localAddress?: string;
}

/** A WebSocket of goa's dialect and what came by it. */
export class GoaSocket {
  /** The texts as they came, newline and all. */
  readonly texts: string[] = [];
  /** The server's close; undefined before. */
  close: { readonly code: number; readonly reason: string } | undefined;

  constructor(
    readonly ws: WebSocket,
    /** Headers of the 101 response. */
    readonly headers: IncomingHttpHeaders,
    /** Milliseconds from the dial to the end of the handshake. */
    readonly openedAfterMs: number,
  ) {}

  /** The messages so far, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects
  get messages(): any[] {
    return this.texts.map((text) => JSON.parse(text));
  }

  /** Sends values as JSON: strings, `null`. */
  send(...values: unknown[]): this {
    for (const value of values) {
      this.ws.send(JSON.stringify(value));
    }
    return this;
  }

  /** Waits until this many messages are there. */
  async received(count: number): Promise<this> {
    await until(() => this.texts.length >= count || this.close !== undefined, `${count} messages`);
    return this;
  }

  async closed() {
    await until(() => this.close !== undefined, "the close");
    return this.close!;
  }
}

/** Opens a WebSocket, as `ws` does. Rejects if the server refuses. */
export async function openGoa(
  server: Target,
  path: string,
  {
    authorization = `Bearer ${server.token}`,
    headers,
    protocols = [],
    localAddress,
  }: OpenOptions = {},
): Promise<GoaSocket> {
  const start = performance.now();
  const ws = new WebSocket(server.url.replace("http", "ws") + path, [...protocols], {
    headers: { ...headers, ...(authorization === null ? {} : { authorization }) },
    perMessageDeflate: false,
    ...{ ca: server.ca, cert: server.cert, key: server.key },
    localAddress,
  });
  onTestFinished(() => ws.terminate());
  let response: IncomingMessage | undefined;
  ws.once("upgrade", (upgraded) => {
    response = upgraded;
  });
  // Messages may follow at once: the listeners are there before anything is awaited.
  const early: string[] = [];
  const listen = (data: unknown) => early.push(String(data));
  ws.on("message", listen);
  await new Promise<void>((resolve, reject) => {
    ws.once("open", resolve);
    ws.once("error", reject);
  });
  const socket = new GoaSocket(ws, response!.headers, performance.now() - start);
  ws.off("message", listen);
  socket.texts.push(...early);
  ws.on("message", (data) => socket.texts.push(String(data)));
  ws.on("close", (code, reason) => {
    socket.close = { code, reason: String(reason) };
  });
  ws.on("error", () => {}); // "close" follows.
  return socket;
}

/** An answer of HTTP. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Asks for an upgrade that is refused, and gives the answer; rejects if it is not. */
export function refused(
  server: Target,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = "GET",
): Promise<Answer> {
  return answerOf(server, path, method, {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
  });
}

/** A request by HTTP/1.1. */
export function answerOf(
  server: Target,
  path: string,
  method: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(server.url + path, { method, headers, agent: false });
    sent.on("response", (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
    sent.on("upgrade", (_, socket) => {
      socket.destroy();
      reject(new Error("it was upgraded"));
    });
    sent.on("error", reject);
    sent.end();
  });
}

/** A WebSocket frame by frame. */
export function openFrames(server: Target, path: string, authorization = server.token): RawSocket {
  return new RawSocket(Number(new URL(server.url).port), {
    path,
    headers: { Authorization: authorization },
  });
}

/** The texts of everything that is in the log, oldest first. */
export async function storedTexts(server: Target): Promise<string[]> {
  const history = await openGoa(server, "/history?view=tiny");
  await history.closed();
  return history.messages.map(({ message }) => message);
}
