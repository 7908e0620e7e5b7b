import { isUtf8 } from "node:buffer";
import type { ConnectError } from "@connectrpc/connect";
import { closeCodes } from "../../../protocol/close-codes.js";
import { encodePosts } from "../../encoding/post-request.js";
import { callNotAccepted, malformedText, messageAfterNull, queryOnly } from "../errors.js";
import type { MessageSocket } from "../message-socket.js";
import type { Message } from "../message-store.js";
import type { AcceptOptions } from "../route.js";
import { isNull, readPost } from "./parse-text.js";

/**
 * What a client of goa's dialect sends, as the body of a Connect request. The handler may request
 * it before there is a socket: the handler decides whether there will be one.
 */
export class GoaIntake implements AsyncIterator<Uint8Array> {
  readonly #takesMessages: boolean;
  readonly #room: string;
  readonly #socket: Promise<MessageSocket>;
  #onSocket: (socket: MessageSocket) => void = () => {};
  #onAbandon: (error: ConnectError) => void = () => {};
  #left: AbortSignal | undefined;
  #fault: { readonly error: unknown } | undefined;
  /** The client has announced, by `null` or a close frame, that it sends no more. */
  #ended = false;

  /**
   * @param takesMessages false for methods that take one request: the query has it
   * @param room the room that messages are posted to; empty for `main`
   */
  constructor(takesMessages: boolean, room: string) {
    this.#takesMessages = takesMessages;
    this.#room = room;
    this.#socket = new Promise((resolve, reject) => {
      this.#onSocket = resolve;
      this.#onAbandon = reject;
    });
    this.#socket.catch(() => {}); // Nobody may be waiting for it.
  }

  /** Whether the client has left after it had sent everything. */
  get leftComplete(): boolean {
    return this.#takesMessages && this.#ended && this.#left?.aborted === true;
  }

  /** Accepts the upgrade and reads what arrives. Throws `canceled` if the peer is gone. */
  open(
    accept: (options: AcceptOptions) => MessageSocket,
    headers: AcceptOptions["headers"],
  ): MessageSocket {
    const socket = accept({
      headers,
      keep: (message, from) => this.#keep(message, from),
      finishes: (code) => {
        // Neither a cut connection nor a client that cancels means that everything was sent.
        if (code !== closeCodes.cut && code !== closeCodes.canceled) {
          this.#end(socket);
        }
        return code !== closeCodes.canceled;
      },
    });
    this.#left = socket.left;
    this.#onSocket(socket);
    return socket;
  }

  /** There will be no socket. */
  abandon(): void {
    this.#onAbandon(callNotAccepted());
  }

  /**
   * Everything that has arrived since, at most what is queued; messages before an invalid one come
   * first.
   */
  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const { incoming } = await this.#socket;
    const texts: string[] = [];
    do {
      const result = this.#fault ?? (await incoming.next());
      if ("error" in result) {
        throw result.error;
      }
      if (result.done) {
        return result;
      }
      try {
        texts.push(readPost(result.value.data));
      } catch (error) {
        this.#fault = { error };
      }
    } while (texts.length === 0 || !(incoming.drained || this.#fault));
    return { done: false, value: encodePosts(texts, this.#room) };
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#socket.then(({ incoming }) => incoming.return()).catch(() => {});
    return { done: true, value: undefined };
  }

  /** Whether a message is one for the handler; closes the socket if it is not allowed. */
  #keep({ data, binary }: Message, socket: MessageSocket): boolean {
    if (binary && !isUtf8(data)) {
      socket.fail(closeCodes.badText, malformedText());
    } else if (this.#ended) {
      socket.fail(closeCodes.brokenOrder, messageAfterNull());
    } else if (isNull(data)) {
      this.#end(socket);
    } else if (this.#takesMessages) {
      return true;
    } else {
      const error = queryOnly();
      socket.fail(closeCodes.connect + error.code, error);
    }
    return false;
  }

  #end(socket: MessageSocket): void {
    this.#ended = true;
    socket.incoming.end();
  }
}
