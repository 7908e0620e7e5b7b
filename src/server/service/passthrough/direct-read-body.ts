import { type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import type { StreamResponse } from "@connectrpc/connect";
import { encodeEnvelope, type UniversalServerResponse } from "@connectrpc/connect/protocol";
import { maySleep, type Push, type Sleeper, type SleepingIterator } from "../../../async/push.js";
import type { End, Ending } from "../call/end-response.js";
import { clientLeft, isClientLeft } from "../call/errors.js";
import type { PassthroughWire } from "./stream-io.js";

/** Batches of envelopes from a method, with a callback for when they are sent. */
interface Sending {
  readonly batches: AsyncIterator<Uint8Array>;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * The response body of a call that reads: batches of encoded messages, or single messages, from its
 * method, then the end of the call.
 */
export class DirectReadBody<Output extends DescMessage>
  implements
    AsyncIterable<Uint8Array>,
    SleepingIterator<Uint8Array>,
    Sleeper<Uint8Array>,
    PassthroughWire
{
  readonly countsReceived = true;
  #settle: ((accepted: boolean) => void) | undefined;

  #started = false;
  #messages: AsyncIterator<MessageShape<Output>> | undefined;
  /** A message that was passed as an object, encoded. */
  #message: Uint8Array | undefined;
  #sending: Sending | undefined;
  #end: Promise<UniversalServerResponse> | undefined;
  #rest: AsyncGenerator<Uint8Array> | undefined;
  #notified: (() => void) | undefined;
  /** Waits for the next batch. */
  #sleeper: Sleeper<Uint8Array> | undefined;

  /** The headers of the response; undefined once they are sent. */
  #header: Headers | undefined;
  /** The trailers of the response, empty until its end. */
  readonly #trailer: Headers;
  readonly #output: Output;
  readonly #ending: Ending;
  readonly #contentType: string;

  constructor(
    output: Output,
    ending: Ending,
    contentType: string,
    readonly maxMessageBytes: number,
    { header, trailer }: Omit<End, "error">,
  ) {
    this.#output = output;
    this.#ending = ending;
    this.#contentType = contentType;

    this.#header = header;
    this.#trailer = trailer;
  }

  accept(): void {
    this.#header = undefined;
    this.#settle?.(true);
    this.#settle = undefined;
  }

  send(envelopes: AsyncIterable<Uint8Array>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#sending = { batches: envelopes[Symbol.asyncIterator](), resolve, reject };
      this.#notify();
    });
  }

  /** The response that ends the call, complete if nothing was accepted before. */
  get ended(): Promise<UniversalServerResponse> {
    return this.#end!;
  }

  /**
   * Runs the method from its call to its end. Resolves to true when the method has accepted the
   * call, or to false if the call has ended before.
   */
  follow(response: Promise<StreamResponse>): Promise<boolean> {
    response.then(
      ({ message }) => {
        this.#messages = (message as AsyncIterable<MessageShape<Output>>)[Symbol.asyncIterator]();
        this.#pull();
      },
      (error) => this.#finish(error),
    );
    return new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  cut(reason: unknown): void {
    this.#finish(reason);
    // The call's own log line has it.
    this.#messages?.throw?.(reason).catch(() => {});
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /**
   * @param push takes batches of new messages that come while this waits. Default: it resolves to
   *   the next one that comes
   */
  next(push?: Push<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    if (!this.#started) {
      this.#started = true;
      // Adapters send the headers with the first chunk, so the first chunk is available at once.
      return Promise.resolve({ done: false, value: nothing });
    }
    if (this.#sending) {
      return this.#batchOf(this.#sending.batches.next(push));
    }
    if (this.#message) {
      const value = this.#message;
      this.#message = undefined;
      this.#pull();
      return Promise.resolve({ done: false, value });
    }
    if (this.#end) {
      this.#rest ??= this.#takeEnd(this.#end);
      return this.#rest.next();
    }
    return new Promise<void>((resolve) => {
      this.#notified = resolve;
    }).then(() => this.next(push));
  }

  nextOrSleep(sleeper: Sleeper<Uint8Array>): Promise<IteratorResult<Uint8Array>> | undefined {
    const batches = this.#sending?.batches;
    if (!this.#started || !batches || !maySleep(batches)) {
      return this.next((batch) => sleeper.push(batch));
    }
    this.#sleeper = sleeper;
    const batch = batches.nextOrSleep(this);
    return batch && this.#batchOf(batch);
  }

  push(batch: Uint8Array): Promise<void> | undefined {
    return this.#sleeper!.push(batch);
  }

  wake(batch: IteratorResult<Uint8Array> | Promise<IteratorResult<Uint8Array>>): void {
    this.#sleeper!.wake(this.#batchOf(Promise.resolve(batch)));
  }

  /** The wire is gone, or has everything: nobody takes what follows. */
  async return(): Promise<IteratorResult<Uint8Array>> {
    const sending = this.#sending;
    if (!this.#end) {
      this.#end = noResponse;
      this.#sending = undefined;
      sending?.reject(clientLeft());
      await sending?.batches.return?.();
      this.#messages?.return?.().catch(() => {}); // The call's own log line has it.
    }
    return { done: true, value: undefined };
  }

  #pull(): void {
    this.#messages!.next().then(
      (result) => this.#onMessage(result),
      (error) => this.#finish(error),
    );
  }

  #onMessage(result: IteratorResult<MessageShape<Output>>): void {
    if (result.done) {
      this.#finish(undefined);
      return;
    }
    this.#message = encodeEnvelope(0, toBinary(this.#output, result.value));
    this.accept();
    this.#notify();
  }

  /** The batch; or what follows the last one, or an error. */
  #batchOf(batch: Promise<IteratorResult<Uint8Array>>): Promise<IteratorResult<Uint8Array>> {
    return batch.then(
      (batch) => {
        if (!batch.done) {
          return batch;
        }
        this.#sending?.resolve();
        this.#sending = undefined;
        return this.next();
      },
      (error) => {
        this.#sending?.reject(error); // The method ends with it, and the rest reports that.
        this.#sending = undefined;
        return this.next();
      },
    );
  }

  /** The call is over, whatever its batches do: it may have been cut. */
  #finish(error: unknown): void {
    if (this.#end) {
      return;
    }
    const header = this.#header ?? new Headers();
    const trailer = this.#trailer;
    this.#end = isClientLeft(error)
      ? noResponse // Making an error takes longer than everything else at the end of a call.
      : this.#ending(
          { header: { "content-type": this.#contentType }, body: emptyMessage },
          { error, header, trailer },
        );
    this.#sending?.batches.return?.().catch(() => {}); // The call ends with the error above.
    this.#settle?.(false);
    this.#notify();
  }

  #notify(): void {
    this.#notified?.();
    this.#notified = undefined;
  }

  async *#takeEnd(end: Promise<UniversalServerResponse>): AsyncGenerator<Uint8Array> {
    const { body, trailer } = await end;
    if (body) {
      yield* body as AsyncIterable<Uint8Array>;
    }
    for (const [name, value] of trailer ?? []) {
      this.#trailer.set(name, value);
    }
  }
}

const nothing = new Uint8Array(0);

const emptyMessage = encodeEnvelope(0, nothing);

/** In place of the end of a call that nobody takes: a stream's response, with nothing in it. */
const noResponse = Promise.resolve<UniversalServerResponse>({
  status: 200,
  body: { async *[Symbol.asyncIterator]() {} },
});
