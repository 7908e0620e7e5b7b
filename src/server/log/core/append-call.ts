import type { ConnectError } from "@connectrpc/connect";
import type { AppendResult, NewMessage, OnStored, Position } from "../message-log.js";

/** A call of `append`, whose messages are stored by one or several commits. */
export class AppendCall {
  /** Positions of the messages in a commit. */
  readonly #positions: Position[] = [];
  /** How many of the positions are durable. */
  #settled = 0;
  /** How many messages are planned for a commit. */
  #planned = 0;
  /** Why the next message was refused. */
  #refused: ConnectError | undefined;
  readonly #messages: readonly NewMessage[];
  readonly #resolve: (result: AppendResult) => void;

  readonly #onStored: OnStored | undefined;

  constructor(
    messages: readonly NewMessage[],
    resolve: (result: AppendResult) => void,
    onStored?: OnStored,
  ) {
    this.#messages = messages;
    this.#resolve = resolve;
    this.#onStored = onStored;
  }

  /** Plans the next message for a commit; undefined if all are planned. */
  plan(): NewMessage | undefined {
    return this.#refused === undefined ? this.#messages[this.#planned++] : undefined;
  }

  /** Moves the last planned message to a later commit. */
  postpone(): void {
    this.#planned--;
  }

  /** The next message to store; undefined if the call needs no further commit. */
  get next(): NewMessage | undefined {
    return this.#refused === undefined ? this.#messages[this.#positions.length] : undefined;
  }

  /** Records the position of the next message. */
  take(position: Position): void {
    this.#positions.push(position);
  }

  /** Refuses the next message, and with it all later ones. */
  refuse(reason: ConnectError): void {
    this.#refused = reason;
  }

  /** Records that the messages so far are durable. */
  settle(): void {
    const before = this.#settled;
    this.#settled = this.#positions.length;
    // The answer has the last ones.
    if (this.#onStored && this.#settled > before && this.next !== undefined) {
      this.#onStored(this.#positions.slice(before));
    }
  }

  /** Resolves the call: all messages in a commit are durable. */
  answer(): void {
    this.#end(this.#refused);
  }

  /** Resolves the call with the durable messages, and why there are not more. */
  fail(reason: ConnectError): void {
    this.#positions.length = this.#settled;
    this.#end(reason);
  }

  #end(error: ConnectError | undefined): void {
    const positions = this.#positions;
    this.#resolve(error === undefined ? { positions } : { positions, error });
  }
}
