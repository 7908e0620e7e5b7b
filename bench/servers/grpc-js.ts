import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";
import { HealthImplementation } from "grpc-health-check";

/*
 * The peer: Chatter's schema served by grpc-js as its documentation shows it. Messages are
 * kept in an array; there is no auth, no limit and no log of calls.
 */

interface Stored {
  readonly message: string;
  readonly length: number;
  readonly sentAt: { readonly seconds: number; readonly nanos: number };
  readonly sequence: number;
  readonly sender: string;
  readonly cursor: string;
}

interface PostRequest {
  readonly message: string;
  readonly messageId: string;
}

const stored: Stored[] = [];
const subscribers = new Set<grpc.ServerWritableStream<unknown, unknown>>();

function store(message: string): Stored {
  const now = Date.now();
  const sequence = stored.length + 1;
  const entry: Stored = {
    message,
    length: Buffer.byteLength(message),
    sentAt: { seconds: Math.floor(now / 1000), nanos: (now % 1000) * 1e6 },
    sequence,
    sender: "goa",
    cursor: String(sequence).padStart(16, "0"),
  };
  stored.push(entry);
  if (subscribers.size > 0) {
    const { length: _, sentAt, ...rest } = entry;
    const event = { ...rest, action: "added", addedAt: sentAt };
    for (const subscriber of subscribers) {
      subscriber.write(event);
    }
  }
  return entry;
}

const implementation = {
  post(
    { request: { message } }: grpc.ServerUnaryCall<PostRequest, unknown>,
    answer: grpc.sendUnaryData<unknown>,
  ) {
    const { sequence, cursor, sentAt } = store(message);
    answer(null, { sequence, cursor, sentAt });
  },

  listener(
    call: grpc.ServerReadableStream<PostRequest, unknown>,
    answer: grpc.sendUnaryData<unknown>,
  ) {
    let count = 0;
    let lastSequence = 0;
    call.on("data", ({ message }: PostRequest) => {
      count++;
      lastSequence = store(message).sequence;
    });
    call.on("end", () => answer(null, { stored: count, lastSequence }));
  },

  echoer(call: grpc.ServerDuplexStream<PostRequest, unknown>) {
    call.on("data", ({ message, messageId }: PostRequest) => {
      const { sequence, cursor } = store(message);
      if (!call.write({ message, sequence, messageId, cursor })) {
        call.pause();
        call.once("drain", () => call.resume());
      }
    });
    call.on("end", () => call.end());
  },

  history(call: grpc.ServerWritableStream<unknown, unknown>) {
    let next = 0;
    function write(): void {
      while (next < stored.length) {
        if (!call.write(stored[next++])) {
          call.once("drain", write);
          return;
        }
      }
      call.end();
    }
    write();
  },

  subscribe(call: grpc.ServerWritableStream<unknown, unknown>) {
    subscribers.add(call);
    call.on("cancelled", () => subscribers.delete(call));
    call.sendMetadata(new grpc.Metadata());
  },
};

const proto = protoLoader.loadSync(
  fileURLToPath(new URL("../../proto/chatter.proto", import.meta.url)),
  { longs: Number, defaults: true },
);
const server = new grpc.Server();
server.addService(
  proto["chatter.v1.ChatterService"] as grpc.ServiceDefinition,
  implementation as unknown as grpc.UntypedServiceImplementation,
);
new HealthImplementation({ "": "SERVING" }).addToServer(server);
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) {
    throw error;
  }
  process.stdout.write(`listening on http://127.0.0.1:${port}\n`);
});
