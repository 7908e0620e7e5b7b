import { type IncomingMessage, validateHeaderValue } from "node:http";
import type { Duplex } from "node:stream";
import { Code, ConnectError } from "@connectrpc/connect";
import type { WebSocket, WebSocketServer } from "ws";
import { closeCodes } from "../../protocol/close-codes.js";
import { connectionOf } from "../http/http2/websocket-stream.js";
import { becomeKnown } from "../limits/authenticated-connections.js";
import { type Unread, uncounted } from "../limits/unread-bytes.js";
import { callCancelled, clientLeft, internalError } from "../service/call/errors.js";
import type { SocketGuards } from "./bridge-limits.js";
import { type HttpAnswer, writeHttpAnswer } from "./http-answer.js";
import { MessageSocket } from "./message-socket.js";
import type { AcceptOptions, ConfigureConnection, Upgrade, WebSocketRoute } from "./route.js";

interface CallEnvironment {
  readonly server: WebSocketServer;
  readonly configure: ConfigureConnection;
  readonly closing: AbortSignal;
  readonly guards: SocketGuards | undefined;
}

/** One upgrade request on its way through a route, until its socket closes. */
export class UpgradedCall implements Upgrade {
  readonly request: IncomingMessage;
  /** False once the route is done, though the socket may still be closing. */
  running = true;
  /** Counts what its client has sent that is not processed yet. */
  readonly unread: Unread;

  readonly #transport: Duplex;
  readonly #head: Buffer;
  readonly #environment: CallEnvironment;
  readonly #controller = new AbortController();
  readonly #closed: Promise<void>;
  readonly #onTransportError = () => this.#transport.destroy();
  #messages: MessageSocket | undefined;
  #answered = false;

  constructor(request: IncomingMessage, transport: Duplex, head: Buffer, env: CallEnvironment) {
    this.request = request;
    this.#transport = transport;
    this.#head = head;
    this.#environment = env;
    this.unread = env.guards?.unreadOf(request) ?? uncounted;
    if (!env.guards) {
      this.authenticated(); // Where tokens are not checked, any is valid.
    }
    // Between Node, which has released the socket, and ws, which does not have it yet.
    transport.on("error", this.#onTransportError);
    this.#closed = new Promise((resolve) => {
      const onClose = () => {
        // Once accepted, the message socket reports the end of the call.
        if (this.#messages === undefined) {
          this.cancel(clientLeft(" before the upgrade"));
        }
        this.unread.end();
        resolve();
      };
      if (transport.destroyed) {
        onClose();
      } else {
        transport.once("close", onClose);
      }
    });
  }

  get closing(): AbortSignal {
    return this.#environment.closing;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  authenticated(): void {
    becomeKnown(connectionOf(this.#transport));
    this.#messages?.incoming.takeTurnAgain();
  }

  cancel(error = callCancelled()): void {
    if (!this.signal.aborted) {
      this.#controller.abort(error);
    }
  }

  accept(options: AcceptOptions = {}): MessageSocket {
    const { server, configure, closing } = this.#environment;
    const { headers = {}, ...socketOptions } = options;
    for (const [name, value] of Object.entries(headers)) {
      validateHeaderValue(name, value);
    }
    const addHeaders = (lines: string[]) => {
      lines.push(...Object.entries(headers).map(([name, value]) => `${name}: ${value}`));
    };
    this.#answered = true;
    let socket: WebSocket | undefined;
    server.once("headers", addHeaders);
    // Calls back before it returns, or not at all: the peer is gone, or was answered.
    server.handleUpgrade(this.request, this.#transport, this.#head, (accepted) => {
      socket = accepted;
    });
    server.off("headers", addHeaders);
    this.#transport.off("error", this.#onTransportError);
    if (socket === undefined) {
      const error = clientLeft(" before the upgrade");
      this.cancel(error);
      throw error;
    }
    this.#messages = new MessageSocket(socket, this.#transport, {
      ...socketOptions,
      closing,
      unread: this.unread,
      onDrop: (reason) => this.cancel(reason),
    });
    configure(socket, this);
    return this.#messages;
  }

  refuse(answer: HttpAnswer): void {
    this.#answered = true;
    writeHttpAnswer(this.request, this.#transport, answer);
  }

  /** Cuts the connection, whatever its state. */
  terminate(): void {
    this.#transport.destroy();
  }

  /** Runs the route and resolves when the connection is closed. */
  async run(
    handle: NonNullable<WebSocketRoute["handle"]>,
    onError: (error: unknown, request: IncomingMessage) => void,
  ): Promise<void> {
    try {
      await handle(this);
    } catch (error) {
      this.#fail(error, onError);
    }
    this.running = false;
    this.#messages?.dispose();
    if (!this.#answered) {
      this.refuse({ status: 500 });
    }
    this.#messages?.end();
    await this.#closed;
  }

  #fail(error: unknown, onError: (error: unknown, request: IncomingMessage) => void): void {
    // A peer that left is not a fault, whoever noticed first.
    const isLeft = this.signal.aborted || this.#messages?.left.aborted === true;
    if (isLeft && ConnectError.from(error).code === Code.Canceled) {
      return;
    }
    if (this.#messages !== undefined) {
      this.#messages.fail(closeCodes.failed, internalError());
    } else if (!this.#answered) {
      this.refuse({ status: 500, body: `${internalError.text}\n` });
    }
    onError(error, this.request);
  }
}
