import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { file_chatter } from "../../src/gen/chatter_pb.js";
import {
  type ServerReflectionRequest,
  ServerReflection as V1,
} from "../../src/gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as V1Alpha } from "../../src/gen/grpc/reflection/v1alpha/reflection_pb.js";
import { Health } from "../../src/gen/health/v1/health_pb.js";
import { startChatter } from "../support/chatter-server.js";
import { ignoringRoutes } from "../support/ignoring-service.js";
import { collect, errorOf } from "../support/streams.js";
import { fullDuplexWires, transportOf } from "../support/wires.js";

type Question = ServerReflectionRequest["messageRequest"];

const versions = [
  ["v1", V1],
  // The two packages' messages have one shape.
  ["v1alpha", V1Alpha as unknown as typeof V1],
] as const;

const table = fullDuplexWires.flatMap((wire) =>
  versions.map(([version, service]) => ({ name: `${version} over ${wire.name}`, wire, service })),
);

describe.each(table)("reflection $name", ({ wire, service }) => {
  async function ask(...questions: Question[]) {
    const { url } = await startChatter({ routes: ignoringRoutes() });
    const client = createClient(service, transportOf(wire, url));
    async function* requests() {
      for (const messageRequest of questions) {
        yield { host: "h", messageRequest };
      }
    }
    return collect(client.serverReflectionInfo(requests()));
  }

  test("lists all services, without a token, and repeats each question", async () => {
    const [answer] = await ask({ case: "listServices", value: "" });
    expect(answer).toMatchObject({
      validHost: "h",
      originalRequest: { host: "h", messageRequest: { case: "listServices" } },
    });
    expect(answer!.messageResponse.value).toMatchObject({
      service: [
        "chatter.v1.ChatterService",
        "chatter.v1.LogService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "other.v1.OtherService",
      ].map((name) => ({ name })),
    });
  });

  test("gives the files of a name or a symbol, with all that they import", async () => {
    const answers = await ask(
      { case: "fileByFilename", value: "chatter.proto" },
      ...[
        "chatter.v1.ChatterService",
        "chatter.v1.ChatterService.Echoer",
        "chatter.v1.HistoryRequest",
        "chatter.v1.HistoryRequest.after",
        "chatter.v1.View",
        "chatter.v1.VIEW_TINY",
      ].map((value) => ({ case: "fileContainingSymbol" as const, value })),
    );
    for (const { originalRequest, messageResponse } of answers) {
      const asked = originalRequest?.messageRequest.value;
      expect([asked, messageResponse.case]).toEqual([asked, "fileDescriptorResponse"]);
      const { fileDescriptorProto } = messageResponse.value as {
        fileDescriptorProto: Uint8Array[];
      };
      const files = fileDescriptorProto.map((bytes) =>
        fromBinary(FileDescriptorProtoSchema, bytes),
      );
      expect(files.map(({ name }) => name)).toEqual([
        "chatter.proto",
        "google/protobuf/timestamp.proto",
      ]);
      expect(files[0]).toEqual(file_chatter.proto);
    }
  });

  test("answers what it does not have with an error in the stream, which continues", async () => {
    const questions: Question[] = [
      { case: "fileByFilename", value: "nothing.proto" },
      { case: "fileContainingSymbol", value: "chatter.v1.Nothing" },
      { case: "fileContainingSymbol", value: "nothing" },
      { case: "fileContainingSymbol", value: "" },
      {
        case: "fileContainingExtension",
        value: { containingType: "chatter.v1.View", extensionNumber: 1 } as never,
      },
      { case: "allExtensionNumbersOfType", value: "chatter.v1.Nothing" },
    ];
    const answers = await ask(
      ...questions,
      { case: undefined },
      { case: "listServices", value: "" },
    );
    const responses = answers.map(({ messageResponse }) => messageResponse);
    for (const response of responses.slice(0, questions.length)) {
      expect(response).toMatchObject({
        case: "errorResponse",
        value: { errorCode: Code.NotFound },
      });
    }
    expect(responses[questions.length]).toMatchObject({
      case: "errorResponse",
      value: { errorCode: Code.InvalidArgument },
    });
    expect(responses.at(-1)!.case).toBe("listServicesResponse");
  });

  test("gives the extensions of a type", async () => {
    const [answer] = await ask({
      case: "allExtensionNumbersOfType",
      value: "chatter.v1.HistoryRequest",
    });
    expect(answer!.messageResponse).toMatchObject({
      case: "allExtensionNumbersResponse",
      value: { baseTypeName: "chatter.v1.HistoryRequest", extensionNumber: [] },
    });
  });
});

test("is not there if it is switched off, and the health service does not know of it", async () => {
  const { url } = await startChatter({ reflection: false });
  const transport = transportOf(fullDuplexWires[0]!, url);
  async function* question() {
    yield { messageRequest: { case: "listServices" as const, value: "" } };
  }
  for (const [, service] of versions) {
    const error = await errorOf(createClient(service, transport).serverReflectionInfo(question()));
    expect(Code[error.code]).toBe("Unimplemented");
  }
  const { statuses } = await createClient(Health, transport).list({});
  expect(Object.keys(statuses).sort()).toEqual([
    "",
    "chatter.v1.ChatterService",
    "chatter.v1.LogService",
    "grpc.health.v1.Health",
  ]);
});
