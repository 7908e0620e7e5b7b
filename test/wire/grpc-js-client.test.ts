import { type DescMethod, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import {
  type Client,
  credentials,
  Metadata,
  type MethodDefinition,
  makeGenericClientConstructor,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { describe, expect, onTestFinished, test } from "vitest";
import { ChatterService, View } from "../../src/gen/chatter_pb.js";
import type { MessagePath } from "../../src/server/service/passthrough/stream.js";
import { startChatter } from "../support/chatter-server.js";

/** A method of the generated schema as grpc-js wants it. */
function definition(method: DescMethod): MethodDefinition<Message, Message> {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: /client|bidi/.test(method.methodKind),
    responseStream: /server|bidi/.test(method.methodKind),
    requestSerialize: (message) => Buffer.from(toBinary(method.input, message)),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: (message) => Buffer.from(toBinary(method.output, message)),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  };
}

const ChatterClient = makeGenericClientConstructor(
  Object.fromEntries(
    ChatterService.methods.map((method) => [method.localName, definition(method)]),
  ),
  ChatterService.typeName,
);

// The methods of a generic client are only known at run time.
// biome-ignore lint/suspicious/noExplicitAny: as above
type AnyClient = Client & Record<string, any>;

async function start(paths: MessagePath[] = []) {
  const server = await startChatter({ onStream: (path) => paths.push(path) });
  const client = new ChatterClient(
    new URL(server.url).host,
    credentials.createInsecure(),
  ) as AnyClient;
  onTestFinished(() => client.close());
  const metadata = new Metadata();
  metadata.set("authorization", server.headers.authorization);
  return { server, client, metadata };
}

/** A call with one answer. */
function answer(
  make: (done: (error: ServiceError | null, answer: unknown) => void) => unknown,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    make((error, value) => (error ? reject(error) : resolve(value)));
  });
}

function message(method: keyof typeof ChatterService.method, fields: object): object {
  return {
    $typeName: ChatterService.method[method].input.typeName,
    messageId: "",
    room: "",
    rooms: [],
    ...fields,
  };
}

describe("grpc-js", () => {
  test("calls all six methods, and its streams take the passthrough path", async () => {
    const paths: MessagePath[] = [];
    const { server, client, metadata } = await start(paths);
    const login = await answer((done) =>
      client.login({ $typeName: "chatter.v1.LoginRequest", user: "goa", password: "rocks" }, done),
    );
    expect(login).toMatchObject({ token: expect.stringMatching(/^ey/) });

    const subscription = client.subscribe(
      { $typeName: "chatter.v1.SubscribeRequest", after: "", bookmarkSeconds: 0, rooms: [] },
      metadata,
    );
    const head: Metadata = await new Promise((resolve) => subscription.once("metadata", resolve));
    expect(head.get("chatter-cursor")).toEqual([`${server.log.identity}AAAAAAAA`]);

    for (const method of ["listener", "summary"] as const) {
      const stored = await answer((done) => {
        const call = client[method](metadata, done);
        call.write(message(method, { message: `${method} é` }));
        call.write(message(method, { message: "two" }));
        call.end();
      });
      expect(stored).toMatchObject(
        method === "listener"
          ? { stored: 2n, lastSequence: 2n }
          : { summaries: [{ message: "summary é", length: 10, sequence: 3n }, { sequence: 4n }] },
      );
    }

    const echoer = client.echoer(metadata);
    echoer.write(message("echoer", { message: "echo", messageId: "id" }));
    const echoed = await new Promise((resolve) => echoer.once("data", resolve));
    expect(echoed).toMatchObject({ message: "echo", messageId: "id", sequence: 5n });
    echoer.end();

    const events = [];
    for await (const event of subscription) {
      events.push(event.message);
      if (events.length === 5) {
        break;
      }
    }
    expect(events).toEqual(["listener é", "two", "summary é", "two", "echo"]);

    const history = client.history(
      {
        $typeName: "chatter.v1.HistoryRequest",
        rooms: [],
        view: View.TINY,
        after: "",
        limit: 0n,
        last: 2n,
      },
      metadata,
    );
    const texts = [];
    for await (const item of history) {
      texts.push(item.message);
    }
    expect(texts).toEqual(["two", "echo"]);
    expect(paths).toEqual([
      "passthrough",
      "passthrough",
      "passthrough",
      "passthrough",
      "passthrough",
    ]);
  });

  test("gets errors with their details, and deadlines", async () => {
    const { client, metadata } = await start();
    const invalid = (await answer((done) => {
      const call = client.listener(metadata, done);
      call.write(message("listener", { message: "kept" }));
      call.write(message("listener", { message: "" }));
    }).catch((error) => error)) as ServiceError;
    expect(invalid.code).toBe(status.INVALID_ARGUMENT);
    expect(invalid.details).toBe("message is empty: it must have 1 to 65,536 bytes of UTF-8");
    const [details] = invalid.metadata.get("grpc-status-details-bin");
    expect(String(details)).toContain("type.googleapis.com/chatter.v1.PostProgress");

    const escaped = (await answer((done) => {
      const call = client.listener(metadata, done);
      call.write(message("listener", { message: "a", messageId: "é 100%, \n🙂" }));
      call.end(message("listener", { message: "b", messageId: "é 100%, \n🙂" }));
    }).catch((error) => error)) as ServiceError;
    expect(escaped.details).toContain('message_id "é 100%, \\n🙂" was used');

    const timed = (await answer((done) =>
      client.listener(metadata, { deadline: Date.now() + 200 }, done),
    ).catch((error) => error)) as ServiceError;
    expect(timed.code).toBe(status.DEADLINE_EXCEEDED);

    const refused = (await answer((done) => client.listener(new Metadata(), done)).catch(
      (error) => error,
    )) as ServiceError;
    expect(refused.code).toBe(status.UNAUTHENTICATED);
  });
});
