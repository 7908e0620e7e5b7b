/* Between the suite's messages and Connect's types. */
import { create, createRegistry, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { type Any, AnySchema, anyPack, anyUnpack } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import {
  BidiStreamRequestSchema,
  ClientStreamRequestSchema,
  type ConformancePayload_RequestInfo,
  ConformancePayload_RequestInfoSchema,
  type Error as ErrorDefinition,
  ErrorSchema,
  type Header,
  HeaderSchema,
  IdempotentUnaryRequestSchema,
  ServerStreamRequestSchema,
  UnaryRequestSchema,
} from "../gen/connectrpc/conformance/v1/service_pb.js";

/** The types that an Any of the suite may hold: JSON needs to know them. */
export const registry = createRegistry(
  UnaryRequestSchema,
  IdempotentUnaryRequestSchema,
  ServerStreamRequestSchema,
  ClientStreamRequestSchema,
  BidiStreamRequestSchema,
  ConformancePayload_RequestInfoSchema,
);

export function fromHeaders(headers: Headers): Header[] {
  return [...headers].map(([name, value]) => create(HeaderSchema, { name, value: [value] }));
}

export function appendHeaders(target: Headers, headers: readonly Header[] = []): void {
  for (const { name, value } of headers) {
    for (const one of value) {
      target.append(name, one);
    }
  }
}

/** The error that a request asks for; `info` becomes one more detail. */
export function toConnectError(
  definition: ErrorDefinition,
  info?: ConformancePayload_RequestInfo,
): ConnectError {
  const details = definition.details.map((any) => {
    const value = anyUnpack(any, registry);
    if (value === undefined) {
      throw new Error(`an error's detail has the unknown type ${any.typeUrl}`);
    }
    return { desc: registry.getMessage(value.$typeName)!, value };
  });
  if (info) {
    details.push({ desc: ConformancePayload_RequestInfoSchema, value: info });
  }
  return new ConnectError(definition.message ?? "", definition.code as number, undefined, details);
}

export function fromConnectError(error: ConnectError): ErrorDefinition {
  const details: Any[] = error.details.map((detail) =>
    "desc" in detail
      ? anyPack(detail.desc, create(detail.desc, detail.value))
      : create(AnySchema, {
          typeUrl: `type.googleapis.com/${detail.type}`,
          value: detail.value as Uint8Array<ArrayBuffer>,
        }),
  );
  return create(ErrorSchema, { code: error.code as number, message: error.rawMessage, details });
}

/** Throws an Error if the Any holds another type. */
export function unpack<Desc extends DescMessage>(any: Any, desc: Desc): MessageShape<Desc> {
  const message = anyUnpack(any, desc);
  if (message === undefined) {
    throw new Error(`${any.typeUrl} is not a ${desc.typeName}`);
  }
  return message;
}
