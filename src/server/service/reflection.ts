import {
  createRegistry,
  type DescFile,
  type DescMessage,
  type DescService,
  type Registry,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter, type ConnectRouterOptions } from "@connectrpc/connect";
import {
  ServerReflection,
  type ServerReflectionRequest,
} from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.js";

/**
 * gRPC server reflection, v1 and v1alpha, which differ only in their package's name. `buf curl`,
 * grpcurl and similar tools request the schema of the server's services by it.
 *
 * @param services of the whole router, read at each call: some may be added later
 */
export function addReflection(
  router: ConnectRouter,
  services: () => readonly DescService[],
  options: Pick<ConnectRouterOptions, "readMaxBytes">,
): void {
  let latest: { readonly services: number; readonly schema: Schema } | undefined;
  function schemaNow(): Schema {
    const served = services();
    if (latest?.services !== served.length) {
      latest = { services: served.length, schema: createSchema(served) }; // None is removed.
    }
    return latest.schema;
  }
  async function* answer(requests: AsyncIterable<Question>) {
    const schema = schemaNow();
    for await (const request of requests) {
      yield {
        validHost: request.host,
        originalRequest: {
          host: request.host,
          messageRequest: request.messageRequest as ServerReflectionRequest["messageRequest"],
        },
        messageResponse: schema.answer(request.messageRequest),
      };
    }
  }
  router.service(ServerReflection, { serverReflectionInfo: answer }, options);
  router.service(
    ServerReflectionAlpha,
    // biome-ignore lint/suspicious/noExplicitAny: the two packages' messages have one shape
    { serverReflectionInfo: answer as any },
    options,
  );
}

interface Question {
  readonly host: string;
  readonly messageRequest: { readonly case?: string | undefined; readonly value?: unknown };
}

type Schema = ReturnType<typeof createSchema>;

function createSchema(services: readonly DescService[]) {
  const files = new Map<string, DescFile>();
  const add = (file: DescFile) => {
    if (!files.has(file.name)) {
      files.set(file.name, file);
      file.dependencies.forEach(add);
    }
  };
  for (const service of services) {
    add(service.file);
  }
  const registry = createRegistry(...files.values());
  const byName = (name: string) => {
    const file = files.get(`${name.replace(/\.proto$/, "")}`);
    return file ? withDependencies(file) : notFound("file", name);
  };

  function answer({ case: question, value }: Question["messageRequest"]) {
    switch (question) {
      case "listServices":
        return {
          case: "listServicesResponse" as const,
          value: { service: services.map(({ typeName }) => ({ name: typeName })) },
        };
      case "fileByFilename":
        return byName(value as string);
      case "fileContainingSymbol": {
        const file = fileOfSymbol(registry, value as string);
        return file ? withDependencies(file) : notFound("symbol", value as string);
      }
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = value as ExtensionQuestion;
        const extendee = registry.getMessage(containingType);
        const file = extendee && registry.getExtensionFor(extendee, extensionNumber)?.file;
        return file
          ? withDependencies(file)
          : notFound("extension", `${containingType} ${extensionNumber}`);
      }
      case "allExtensionNumbersOfType": {
        const type = registry.getMessage(value as string);
        return type ? extensionNumbers(registry, type) : notFound("message type", value as string);
      }
      default:
        return failure(Code.InvalidArgument, "the request asks for nothing");
    }
  }
  return { answer };
}

interface ExtensionQuestion {
  readonly containingType: string;
  readonly extensionNumber: number;
}

/** The file that defines a type, a service, a method, a field or an enum value. */
function fileOfSymbol(registry: Registry, symbol: string): DescFile | undefined {
  const name = symbol.replace(/^\./, "");
  const type = registry.get(name);
  if (type) {
    return type.file;
  }
  const dot = name.lastIndexOf(".");
  if (dot < 0) {
    return undefined;
  }
  const parent = name.slice(0, dot);
  const member = name.slice(dot + 1);
  const hasMember =
    registry.getService(parent)?.methods.some((method) => method.name === member) ||
    registry.getMessage(parent)?.fields.some((field) => field.name === member);
  return hasMember ? registry.get(parent)?.file : fileOfEnumValue(registry, parent, member);
}

/** An enum's values are named as its siblings, not as its members. */
function fileOfEnumValue(registry: Registry, scope: string, name: string): DescFile | undefined {
  for (const type of registry) {
    if (
      type.kind === "enum" &&
      (type.parent?.typeName ?? type.file.proto.package) === scope &&
      type.values.some((value) => value.name === name)
    ) {
      return type.file;
    }
  }
  return undefined;
}

function extensionNumbers(registry: Registry, type: DescMessage) {
  const extensionNumber: number[] = [];
  for (const entry of registry) {
    if (entry.kind === "extension" && entry.extendee.typeName === type.typeName) {
      extensionNumber.push(entry.number);
    }
  }
  return {
    case: "allExtensionNumbersResponse" as const,
    value: { baseTypeName: type.typeName, extensionNumber },
  };
}

/** Cached answers, by file: to make one takes a millisecond, and anybody may request it. */
const made = new WeakMap<DescFile, ReturnType<typeof makeWithDependencies>>();

/** A file and all its imports, so that a client need not request each file. */
function withDependencies(file: DescFile) {
  const answer = made.get(file) ?? makeWithDependencies(file);
  made.set(file, answer);
  return answer;
}

function makeWithDependencies(file: DescFile) {
  const all = new Set<DescFile>();
  const add = (next: DescFile) => {
    if (!all.has(next)) {
      all.add(next);
      next.dependencies.forEach(add);
    }
  };
  add(file);
  return {
    case: "fileDescriptorResponse" as const,
    value: {
      fileDescriptorProto: [...all].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto)),
    },
  };
}

function notFound(kind: string, name: string) {
  return failure(Code.NotFound, `there is no ${kind} ${JSON.stringify(name)}`);
}

function failure(errorCode: Code, errorMessage: string) {
  return { case: "errorResponse" as const, value: { errorCode, errorMessage } };
}
