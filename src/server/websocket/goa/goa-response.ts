import type { ConnectError } from "@connectrpc/connect";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { endStreamFlag, endStreamFromJson } from "@connectrpc/connect/protocol-connect";
import { envelopePrefixLength } from "../../encoding/envelope.js";
import type { MessageSocket } from "../message-socket.js";
import type { ToTexts } from "./responses.js";

/** The response of a Connect handler, as the texts that a client of goa's dialect gets. */
export class GoaResponse {
  readonly #body: AsyncIterator<Uint8Array>;
  #chunk: IteratorResult<Uint8Array>;
  #cut = false;
  #stopWaiting = () => {};

  private constructor(body: AsyncIterator<Uint8Array>, first: IteratorResult<Uint8Array>) {
    this.#body = body;
    this.#chunk = first;
  }

  /**
   * Resolves when the handler has accepted the call. Rejects with the handler's ConnectError if it
   * refuses the call: an accepted one begins with an empty chunk, not with its end.
   */
  static async begin({ status, body }: UniversalServerResponse): Promise<GoaResponse> {
    if (status !== 200 || body === undefined) {
      throw new Error(`the handler answers with status ${status}, which no stream has`);
    }
    const iterator = body[Symbol.asyncIterator]();
    const response = new GoaResponse(iterator, await iterator.next());
    const refusal = response.#end?.error;
    if (refusal) {
      throw refusal;
    }
    return response;
  }

  /**
   * Sends everything, a batch at a time, and resolves to the error that the call ended with, if
   * there was one. If nobody receives it, the handler still runs to its end.
   */
  async sendTo(socket: MessageSocket, toTexts: ToTexts): Promise<ConnectError | undefined> {
    const push = (messages: Uint8Array) => this.#send(socket, toTexts(messages));
    for (; !this.#chunk.done; this.#chunk = await this.#body.next(push)) {
      const end = this.#end;
      if (end) {
        return end.error;
      }
      if (this.#chunk.value.length > 0) {
        await push(this.#chunk.value);
      }
    }
    return undefined;
  }

  /** No longer waits for a client that does not take what it is sent. */
  cut(): void {
    this.#cut = true;
    this.#stopWaiting();
  }

  /** Releases what was not sent. */
  release(): void {
    // Not awaited: it would wait for a method that ignores its signal.
    this.#body.return?.().catch(() => {});
  }

  /** Undefined if the system has taken it. */
  #send(socket: MessageSocket, texts: readonly string[]): Promise<void> | undefined {
    const sending = this.#cut ? undefined : socket.sendTexts(texts);
    return (
      sending &&
      new Promise((resolve) => {
        this.#stopWaiting = resolve;
        // It fails only if the client has left, which the call's signal says.
        sending.then(resolve, resolve);
      })
    );
  }

  /** The end of the stream, if the chunk is that: the handler never joins it with messages. */
  get #end(): { readonly error?: ConnectError } | undefined {
    const { value, done } = this.#chunk;
    return !done && value.length > 0 && (value[0]! & endStreamFlag) !== 0
      ? endStreamFromJson(value.subarray(envelopePrefixLength))
      : undefined;
  }
}
