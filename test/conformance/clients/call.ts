/* One call, as the suite requests it, and its outcome. */
import { setTimeout as sleep } from "node:timers/promises";
import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { type CallOptions, type Client, ConnectError } from "@connectrpc/connect";
import { createWritableIterable } from "@connectrpc/connect/protocol";
import {
  type ClientCompatRequest,
  type ClientResponseResult,
  ClientResponseResultSchema,
} from "../gen/connectrpc/conformance/v1/client_compat_pb.js";
import { StreamType } from "../gen/connectrpc/conformance/v1/config_pb.js";
import {
  type BidiStreamRequest,
  BidiStreamRequestSchema,
  ClientStreamRequestSchema,
  type ConformancePayload,
  ConformancePayloadSchema,
  type ConformanceService,
  IdempotentUnaryRequestSchema,
  ServerStreamRequestSchema,
  UnaryRequestSchema,
  UnimplementedRequestSchema,
} from "../gen/connectrpc/conformance/v1/service_pb.js";
import { appendHeaders, fromConnectError, fromHeaders, unpack } from "../messages/conversions.js";

type ConformanceClient = Client<typeof ConformanceService>;

/** Makes the call. An error of the call is in the result; only a fault of the request is thrown. */
export async function call(
  client: ConformanceClient,
  request: ClientCompatRequest,
): Promise<ClientResponseResult> {
  const made = new Call(client, request);
  const make = made.methods[request.method ?? ""];
  if (make === undefined) {
    throw new Error(`unknown method: ${request.method}`);
  }
  try {
    await make();
  } catch (reason) {
    made.fail(ConnectError.from(reason));
  }
  return made.result;
}

class Call {
  readonly result = create(ClientResponseResultSchema);
  readonly #client: ConformanceClient;
  readonly #request: ClientCompatRequest;
  readonly #controller = new AbortController();
  readonly #options: CallOptions;

  constructor(client: ConformanceClient, request: ClientCompatRequest) {
    this.#client = client;
    this.#request = request;
    const headers = new Headers();
    appendHeaders(headers, request.requestHeaders);
    this.#options = {
      headers,
      signal: this.#controller.signal,
      ...(request.timeoutMs === undefined ? {} : { timeoutMs: request.timeoutMs }),
      onHeader: (received) => {
        this.result.responseHeaders = fromHeaders(received);
      },
      onTrailer: (received) => {
        this.result.responseTrailers = fromHeaders(received);
      },
    };
  }

  fail(error: ConnectError): void {
    this.result.error = fromConnectError(error);
    const metadata = fromHeaders(error.metadata);
    if (this.result.responseHeaders.length === 0) {
      this.result.responseHeaders = metadata;
    }
    this.result.responseTrailers = metadata;
  }

  readonly methods: Readonly<Record<string, () => Promise<void>>> = {
    Unary: () =>
      this.#unary(UnaryRequestSchema, (request) => this.#client.unary(request, this.#options)),

    IdempotentUnary: () =>
      this.#unary(IdempotentUnaryRequestSchema, (request) =>
        this.#client.idempotentUnary(request, this.#options),
      ),

    Unimplemented: async () => {
      const request = this.#onlyRequest(UnimplementedRequestSchema);
      await this.#client.unimplemented(request, this.#options);
    },

    ServerStream: async () => {
      await sleep(this.#request.requestDelayMs);
      const request = this.#onlyRequest(ServerStreamRequestSchema);
      const responses = this.#client.serverStream(request, this.#options);
      this.#afterCloseSend();
      for await (const { payload } of responses) {
        this.#receive(payload);
      }
    },

    ClientStream: async () => {
      const requests = this.#requests(ClientStreamRequestSchema);
      const { payload } = await this.#client.clientStream(requests, this.#options);
      this.#receive(payload);
    },

    BidiStream: () =>
      this.#request.streamType === StreamType.FULL_DUPLEX_BIDI_STREAM
        ? this.#fullDuplex()
        : this.#halfDuplex(),
  };

  async #unary<Desc extends DescMessage>(
    desc: Desc,
    make: (request: MessageShape<Desc>) => Promise<{ payload?: ConformancePayload }>,
  ): Promise<void> {
    await sleep(this.#request.requestDelayMs);
    const response = make(this.#onlyRequest(desc));
    this.#afterCloseSend();
    this.#receive((await response).payload);
  }

  /** All requests, then all responses. */
  async #halfDuplex(): Promise<void> {
    const requests = this.#requests(BidiStreamRequestSchema);
    for await (const { payload } of this.#client.bidiStream(requests, this.#options)) {
      this.#receive(payload);
    }
  }

  /** After each request its response, if there is one; then the rest of the responses. */
  async #fullDuplex(): Promise<void> {
    const requests = createWritableIterable<BidiStreamRequest>();
    const responses = this.#client.bidiStream(requests, this.#options)[Symbol.asyncIterator]();
    const receiveNext = async () => {
      const response = await responses.next();
      if (!response.done) {
        this.#receive(response.value.payload);
      }
      return !response.done;
    };
    for (const request of this.#request.requestMessages) {
      await sleep(this.#request.requestDelayMs);
      await requests.write(unpack(request, BidiStreamRequestSchema));
      this.#cancelAfterResponses();
      await receiveNext();
    }
    this.#beforeCloseSend();
    requests.close();
    this.#afterCloseSend();
    while (await receiveNext()) {
      // It is in the result.
    }
  }

  #onlyRequest<Desc extends DescMessage>(desc: Desc): MessageShape<Desc> {
    const { requestMessages } = this.#request;
    if (requestMessages.length !== 1) {
      throw new Error(`one request message is needed, not ${requestMessages.length}`);
    }
    return unpack(requestMessages[0]!, desc);
  }

  async *#requests<Desc extends DescMessage>(desc: Desc): AsyncGenerator<MessageShape<Desc>> {
    for (const request of this.#request.requestMessages) {
      await sleep(this.#request.requestDelayMs);
      yield unpack(request, desc);
    }
    this.#beforeCloseSend();
    this.#afterCloseSend();
  }

  #receive(payload: ConformancePayload | undefined): void {
    this.result.payloads.push(payload ?? create(ConformancePayloadSchema));
    this.#cancelAfterResponses();
  }

  #cancelAfterResponses(): void {
    const timing = this.#request.cancel?.cancelTiming;
    if (timing?.case === "afterNumResponses" && timing.value === this.result.payloads.length) {
      this.#controller.abort();
    }
  }

  #beforeCloseSend(): void {
    if (this.#request.cancel?.cancelTiming.case === "beforeCloseSend") {
      this.#controller.abort();
    }
  }

  #afterCloseSend(): void {
    const timing = this.#request.cancel?.cancelTiming;
    if (timing?.case === "afterCloseSendMs") {
      setTimeout(() => this.#controller.abort(), timing.value);
    }
    if (this.result.payloads.length === 0) {
      this.#cancelAfterResponses();
    }
  }
}
