import { create, createFileRegistry, type DescService } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MethodOptions_IdempotencyLevel,
  MethodOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type HandlerContext,
  type ServiceImpl,
} from "@connectrpc/connect";
import type { UniversalHandlerOptions } from "@connectrpc/connect/protocol";
import { PostProgressSchema } from "../../src/gen/chatter_pb.js";

/*
 * A service of somebody else with unary methods: Ask, which may be asked by POST alone, and Look,
 * which may be asked by GET too. What they do is in the question.
 */

const text = (name: string, number: number) => ({
  name,
  number,
  type: FieldDescriptorProto_Type.STRING,
  label: FieldDescriptorProto_Label.OPTIONAL,
});
const types = { inputType: ".ask.v1.Question", outputType: ".ask.v1.Reply" };

export const AskService: DescService = createFileRegistry(
  create(FileDescriptorSetSchema, {
    file: [
      create(FileDescriptorProtoSchema, {
        name: "ask.proto",
        package: "ask.v1",
        syntax: "proto3",
        messageType: [
          { name: "Question", field: [text("what", 1), text("padding", 2)] },
          { name: "Reply", field: [text("text", 1)] },
        ],
        service: [
          {
            name: "AskService",
            method: [
              { name: "Ask", ...types },
              {
                name: "Look",
                ...types,
                options: create(MethodOptionsSchema, {
                  idempotencyLevel: MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
                }),
              },
            ],
          },
        ],
      }),
    ],
  }),
).getService("ask.v1.AskService")!;

/** What a question may ask for. */
const replies: Record<string, (context: HandlerContext) => unknown> = {
  echo: () => ({ text: "é🙂" }),
  nothing: () => ({}),
  later: async () => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    return { text: "later" };
  },
  long: () => ({ text: "long ".repeat(1000) }),
  "half a pair": () => ({ text: "\ud800" }),
  headers({ responseHeader, responseTrailer, requestHeader }) {
    responseHeader.set("X-Asked", requestHeader.get("x-asked") ?? "");
    responseHeader.append("x-many", "one");
    responseHeader.append("x-many", "two");
    responseHeader.append("set-cookie", "a=1");
    responseHeader.append("set-cookie", "b=2");
    responseTrailer.set("x-after", "trailing");
    responseTrailer.append("x-afters", "1");
    responseTrailer.append("x-afters", "2");
    return { text: [...requestHeader].filter(([name]) => name.startsWith("x-")).join("\n") };
  },
  context({ protocolName, requestMethod, method, service, timeoutMs, url, signal, values }) {
    const time = timeoutMs();
    const left = time === undefined ? "none" : Number.isInteger(time) && time > 0 && time <= 60_000;
    const { pathname, search } = new URL(url);
    const about = { protocolName, requestMethod, method: method.name, service: service.typeName };
    const signals = [signal.aborted, signal instanceof AbortSignal, typeof values.get];
    return { text: JSON.stringify({ ...about, left, pathname, search, signals }) };
  },
  /** Connect's own contexts can be aborted. */
  pipeline: (context) => ({ text: "abort" in context ? "Connect" : "Chatter" }),
  "an error": ({ responseHeader, responseTrailer }) => {
    responseHeader.set("x-before", "kept");
    responseTrailer.set("x-after", "kept too");
    throw new ConnectError(
      "wrong: 100 % é\nof it",
      Code.FailedPrecondition,
      { "x-reason": "because", "x-data-bin": "AAEC" },
      [{ desc: PostProgressSchema, value: { stored: 3n, lastSequence: 4n } }],
    );
  },
  "a long error": () => {
    throw new ConnectError("long ".repeat(1000), Code.Aborted);
  },
  "a fault": () => {
    throw new Error("the secret");
  },
  "a fault at once": () => Promise.reject(new TypeError("the secret")),
  "an abort": () => {
    throw new DOMException("The operation was aborted", "AbortError");
  },
  never: () => new Promise(() => {}),
  signal: ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
};

const answer = ({ what }: { what: string }, context: HandlerContext) => {
  const reply = replies[what];
  if (!reply) {
    throw new ConnectError(`there is no ${JSON.stringify(what)}`, Code.NotFound);
  }
  return reply(context);
};

/** The service, mounted with these options of Connect. */
export function askRoutes(options?: Partial<UniversalHandlerOptions>) {
  const methods = { ask: answer, look: answer } as unknown as ServiceImpl<typeof AskService>;
  return (router: ConnectRouter) => void router.service(AskService, methods, options);
}
