import { type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import type { StreamResponse } from "@connectrpc/connect";
import { encodeEnvelope, type UniversalServerResponse } from "@connectrpc/connect/protocol";
import type { EncodedWire } from "./encoded-wire.js";
import type { End, Ending } from "./endings.js";
import { clientLeftError } from "./errors.js";

/** Runs of envelopes that a method hands over, and where it hears that they are through. */
interface Sending {
  readonly runs: AsyncIterator<Uint8Array>;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * The response body of a call that reads: what its method hands over as encoded runs, or
 * gives as messages, then what the call ends with.
 */
export class ReadBody<Output extends DescMessage>
  implements AsyncIterableIterator<Uint8Array>, EncodedWire
{
  /** True: the method has accepted the call. False: the call has ended before. */
  readonly accepted: Promise<boolean>;
  private settle: ((accepted: boolean) => void) | undefined;

  private started = false;
  private messages: AsyncIterator<MessageShape<Output>> | undefined;
  /** A message that was given as such, encoded. */
  private message: Uint8Array | undefined;
  private sending: Sending | undefined;
  private end: Promise<UniversalServerResponse> | undefined;
  private rest: AsyncGenerator<Uint8Array> | undefined;
  private wake: (() => void) | undefined;

  /** Of the response; undefined once it is sent. */
  private header: Headers | undefined;
  /** Of the response, and empty up to its end. */
  private readonly trailer: Headers;

  constructor(
    private readonly output: Output,
    private readonly ending: Ending,
    private readonly contentType: string,
    readonly maxMessageBytes: number,
    { header, trailer }: Omit<End, "error">,
  ) {
    this.header = header;
    this.trailer = trailer;
    this.accepted = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  accept(): void {
    this.header = undefined;
    this.settle?.(true);
    this.settle = undefined;
  }

  send(envelopes: AsyncIterable<Uint8Array>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.sending = { runs: envelopes[Symbol.asyncIterator](), resolve, reject };
      this.notify();
    });
  }

  /** The response that ends the call, whole if nothing was accepted before. */
  get ended(): Promise<UniversalServerResponse> {
    return this.end!;
  }

  /** Follows the method from its call to its end. */
  run(response: Promise<StreamResponse>): void {
    response.then(({ message }) => {
      this.messages = (message as AsyncIterable<MessageShape<Output>>)[Symbol.asyncIterator]();
      this.pull();
    }, this.onFailure);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    if (!this.started) {
      this.started = true;
      // Adapters send the head with the first chunk, so the first chunk is one at once.
      return Promise.resolve({ done: false, value: nothing });
    }
    if (this.sending) {
      return this.sending.runs.next().then(this.onRun, this.onFault);
    }
    if (this.message) {
      const value = this.message;
      this.message = undefined;
      this.pull();
      return Promise.resolve({ done: false, value });
    }
    if (this.end) {
      this.rest ??= this.takeEnd(this.end);
      return this.rest.next();
    }
    return new Promise<void>((resolve) => {
      this.wake = resolve;
    }).then(() => this.next());
  }

  /** The wire is gone, or has all: nobody takes what follows. */
  async return(): Promise<IteratorResult<Uint8Array>> {
    const { sending } = this;
    if (!this.end) {
      this.end = noResponse;
      this.sending = undefined;
      sending?.reject(clientLeftError());
      await sending?.runs.return?.();
      this.messages?.return?.().catch(() => {}); // The call's own log line tells it.
    }
    return { done: true, value: undefined };
  }

  private pull(): void {
    this.messages!.next().then(this.onMessage, this.onFailure);
  }

  private readonly onMessage = (result: IteratorResult<MessageShape<Output>>) => {
    if (result.done) {
      this.finish(undefined);
      return;
    }
    this.message = encodeEnvelope(0, toBinary(this.output, result.value));
    this.accept();
    this.notify();
  };

  private readonly onFailure = (error: unknown) => this.finish(error);

  private readonly onRun = (run: IteratorResult<Uint8Array>) => {
    if (!run.done) {
      return run;
    }
    this.sending?.resolve();
    this.sending = undefined;
    return this.next();
  };

  private readonly onFault = (error: unknown) => {
    this.sending?.reject(error); // The method ends with it, and the rest says so.
    this.sending = undefined;
    return this.next();
  };

  /** The call is over, whatever its runs do: it may have been cut. */
  private finish(error: unknown): void {
    if (this.end) {
      return;
    }
    const { header = new Headers(), trailer } = this;
    this.end = this.ending(this.contentType, { error, header, trailer });
    this.sending?.runs.return?.().catch(() => {}); // The error above is what it ends with.
    this.settle?.(false);
    this.notify();
  }

  private notify(): void {
    this.wake?.();
    this.wake = undefined;
  }

  private async *takeEnd(end: Promise<UniversalServerResponse>): AsyncGenerator<Uint8Array> {
    const { body, trailer } = await end;
    if (body) {
      yield* body as AsyncIterable<Uint8Array>;
    }
    for (const [name, value] of trailer ?? []) {
      this.trailer.set(name, value);
    }
  }
}

const nothing = new Uint8Array(0);

/** In place of what a call ends with if nobody takes it. */
const noResponse = Promise.resolve<UniversalServerResponse>({ status: 200 });
