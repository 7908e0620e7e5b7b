import type { ConnectError } from "@connectrpc/connect";
import type { AppendResult, NewMessage, Position } from "./message-log.js";

/** A call of `append` on its way through one commit or several. */
export class AppendCall {
  /** Of the messages that were taken into a commit. */
  readonly #positions: Position[] = [];
  /** How many of the positions are durable. */
  #settled = 0;
  /** Why the message that is next was refused. */
  #refused: ConnectError | undefined;
  readonly #messages: readonly NewMessage[];
  readonly #resolve: (result: AppendResult) => void;

  constructor(messages: readonly NewMessage[], resolve: (result: AppendResult) => void) {
    this.#messages = messages;
    this.#resolve = resolve;
  }

  /** The message to take next; undefined if the call needs no further commit. */
  get next(): NewMessage | undefined {
    return this.#refused === undefined ? this.#messages[this.#positions.length] : undefined;
  }

  /** The message that was next has its place. */
  take(position: Position): void {
    this.#positions.push(position);
  }

  /** The message that is next cannot be taken, and so none after it. */
  refuse(reason: ConnectError): void {
    this.#refused = reason;
  }

  /** What was taken so far is durable. */
  settle(): void {
    this.#settled = this.#positions.length;
  }

  /** Answers with all that was taken, which is durable. */
  answer(): void {
    this.#end(this.#refused);
  }

  /** Answers with what is durable, and why it is not more. */
  fail(reason: ConnectError): void {
    this.#positions.length = this.#settled;
    this.#end(reason);
  }

  #end(error: ConnectError | undefined): void {
    const positions = this.#positions;
    this.#resolve(error === undefined ? { positions } : { positions, error });
  }
}
