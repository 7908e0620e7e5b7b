import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  ChatterService,
  type HistoryResponse,
  HistoryResponseSchema,
  type SubscribeResponse,
  SubscribeResponseSchema,
} from "../../src/gen/chatter_pb.js";
import { Health, HealthCheckResponse_ServingStatus } from "../../src/gen/health/v1/health_pb.js";

/*
 * The peer: Chatter's schema served by connect-node as its documentation shows it. Messages
 * are kept in an array; there is no auth, no limit and no log of calls.
 */

const stored: HistoryResponse[] = [];
const subscribers = new Set<Subscriber>();

/** Events that wait for their subscriber. */
class Subscriber {
  #events: SubscribeResponse[] = [];
  #wake = () => {};

  push(event: SubscribeResponse): void {
    this.#events.push(event);
    this.#wake();
  }

  async *take(signal: AbortSignal): AsyncGenerator<SubscribeResponse> {
    signal.addEventListener("abort", () => this.#wake(), { once: true });
    while (!signal.aborted) {
      const events = this.#events;
      this.#events = [];
      yield* events;
      if (this.#events.length === 0 && !signal.aborted) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

function store(message: string): HistoryResponse {
  const sequence = BigInt(stored.length + 1);
  const sentAt = timestampFromMs(Date.now());
  const cursor = String(sequence).padStart(16, "0");
  const entry = create(HistoryResponseSchema, {
    message,
    length: Buffer.byteLength(message),
    sentAt,
    sequence,
    sender: "goa",
    cursor,
  });
  stored.push(entry);
  if (subscribers.size > 0) {
    const event = create(SubscribeResponseSchema, {
      message,
      action: "added",
      addedAt: sentAt,
      sequence,
      sender: "goa",
      cursor,
    });
    for (const subscriber of subscribers) {
      subscriber.push(event);
    }
  }
  return entry;
}

function routes(router: ConnectRouter): void {
  router.service(ChatterService, {
    async listener(requests) {
      let count = 0n;
      let lastSequence = 0n;
      for await (const { message } of requests) {
        count++;
        lastSequence = store(message).sequence;
      }
      return { stored: count, lastSequence };
    },

    async *echoer(requests) {
      for await (const { message, messageId } of requests) {
        const { sequence, cursor } = store(message);
        yield { message, sequence, messageId, cursor };
      }
    },

    async *history() {
      yield* stored;
    },

    async *subscribe(_request, { signal }) {
      const subscriber = new Subscriber();
      subscribers.add(subscriber);
      try {
        yield* subscriber.take(signal);
      } finally {
        subscribers.delete(subscriber);
      }
    },
  });
  router.service(Health, {
    check: () => ({ status: HealthCheckResponse_ServingStatus.SERVING }),
  });
}

const server = createServer(connectNodeAdapter({ routes }));
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`listening on http://127.0.0.1:${port}\n`);
});
