import { create, createFileRegistry, type DescService } from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  StringValueSchema,
} from "@bufbuild/protobuf/wkt";
import type { ConnectRouter } from "@connectrpc/connect";

/*
 * A service of somebody else, with a method of each kind. It has no file of its own: its
 * messages are a well-known type's.
 */

const value = ".google.protobuf.StringValue";

const file: FileDescriptorProto = create(FileDescriptorProtoSchema, {
  name: "other.proto",
  package: "other.v1",
  syntax: "proto3",
  dependency: ["google/protobuf/wrappers.proto"],
  service: [
    {
      name: "OtherService",
      method: [
        { name: "Unary", inputType: value, outputType: value },
        { name: "ServerStream", inputType: value, outputType: value, serverStreaming: true },
        { name: "ClientStream", inputType: value, outputType: value, clientStreaming: true },
        {
          name: "Bidi",
          inputType: value,
          outputType: value,
          clientStreaming: true,
          serverStreaming: true,
        },
      ],
    },
  ],
});

export const OtherService: DescService = createFileRegistry(
  create(FileDescriptorSetSchema, { file: [StringValueSchema.file.proto, file] }),
).getService("other.v1.OtherService")!;

/** Counts how often each method was entered. */
export interface Entered {
  count: number;
}

/** The service with methods that never end and never look at their signal. */
export function ignoringRoutes(entered: Entered = { count: 0 }): (router: ConnectRouter) => void {
  const never = new Promise<never>(() => {});
  const answer = () => {
    entered.count++;
    return never;
  };
  async function* stream() {
    entered.count++;
    yield create(StringValueSchema, { value: "first" });
    await never;
  }
  return (router) => {
    router.service(OtherService, {
      unary: answer,
      clientStream: answer,
      serverStream: stream,
      bidi: stream,
    } as never);
  };
}
