import { isUtf8 } from "node:buffer";
import { Code, ConnectError } from "@connectrpc/connect";
import { closeCodes } from "../../../client/tunnel-wire.js";
import type { Message, MessageSocket } from "../message-socket.js";
import type { AcceptOptions } from "../route.js";
import { encodePosts, isNull, readPost } from "./posts.js";

/**
 * What a client of the plain dialect sends, as the body of a Connect request. The handler
 * may ask for it before there is a socket: whether there will be one is the handler's to
 * say.
 */
export class PlainIntake implements AsyncIterator<Uint8Array> {
  readonly #takesMessages: boolean;
  readonly #socket: Promise<MessageSocket>;
  #onSocket: (socket: MessageSocket) => void = () => {};
  #onAbandon: (error: ConnectError) => void = () => {};
  #left: AbortSignal | undefined;
  #fault: { readonly error: unknown } | undefined;
  /** The client has said, by `null` or a close frame, that it sends no more. */
  #ended = false;

  /** `takesMessages` is false for methods that take one request: the query has it. */
  constructor(takesMessages: boolean) {
    this.#takesMessages = takesMessages;
    this.#socket = new Promise((resolve, reject) => {
      this.#onSocket = resolve;
      this.#onAbandon = reject;
    });
    this.#socket.catch(() => {}); // Nobody need have asked for it.
  }

  /** Whether the client has left, but not before it had sent all that it wanted to. */
  get leftComplete(): boolean {
    return this.#takesMessages && this.#ended && this.#left?.aborted === true;
  }

  /** Accepts the upgrade and takes what comes. Throws `canceled` if the peer is gone. */
  open(
    accept: (options: AcceptOptions) => MessageSocket,
    headers: AcceptOptions["headers"],
  ): MessageSocket {
    const socket = accept({
      headers,
      keep: (message, from) => this.#keep(message, from),
      finishes: (code) => {
        // Neither a cut nor a client that cancels says that it had no more to send.
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
    this.#onAbandon(new ConnectError("the call was not accepted", Code.Canceled));
  }

  /** All that has come since, at most what is queued; what precedes a faulty message first. */
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
    return { done: false, value: encodePosts(texts) };
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#socket.then(({ incoming }) => incoming.return()).catch(() => {});
    return { done: true, value: undefined };
  }

  /** Whether a message is one for the handler; closes the socket if it may not come. */
  #keep({ data, binary }: Message, socket: MessageSocket): boolean {
    if (binary && !isUtf8(data)) {
      socket.fail(closeCodes.badText, invalid("the message is not valid UTF-8"));
    } else if (this.#ended) {
      socket.fail(closeCodes.brokenOrder, invalid("no message may follow null"));
    } else if (isNull(data)) {
      this.#end(socket);
    } else if (this.#takesMessages) {
      return true;
    } else {
      const error = invalid("this endpoint takes no messages: the query says it all");
      socket.fail(closeCodes.connect + error.code, error);
    }
    return false;
  }

  #end(socket: MessageSocket): void {
    this.#ended = true;
    socket.incoming.end();
  }
}

function invalid(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}
