/* The suite's service, as its docs/testing_servers.md asks for it. */
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import type { ConnectRouter, ServiceImpl } from "@connectrpc/connect";
import {
  ClientStreamRequestSchema,
  ConformanceService,
  IdempotentUnaryRequestSchema,
  ServerStreamRequestSchema,
  UnaryRequestSchema,
  type UnaryResponseDefinition,
} from "../gen/connectrpc/conformance/v1/service_pb.js";
import { registry } from "../messages/conversions.js";
import { answer, answers, bidiAnswers, peek, setHeaders } from "./answers.js";

/** All of its methods but one, which the suite wants to be unimplemented. */
export type Methods = Omit<ServiceImpl<typeof ConformanceService>, "unimplemented">;

export const methods: Methods = {
  unary: (request, context) =>
    answer(request.responseDefinition, [anyPack(UnaryRequestSchema, request)], context),

  idempotentUnary: (request, context) =>
    answer(request.responseDefinition, [anyPack(IdempotentUnaryRequestSchema, request)], context),

  async clientStream(requests, context) {
    let definition: UnaryResponseDefinition | undefined;
    const seen: Any[] = [];
    for await (const request of requests) {
      definition ??= request.responseDefinition;
      seen.push(anyPack(ClientStreamRequestSchema, request));
    }
    return answer(definition, seen, context);
  },

  async *serverStream(request, context) {
    setHeaders(request.responseDefinition, context);
    const seen = [anyPack(ServerStreamRequestSchema, request)];
    yield* answers(request.responseDefinition, seen, context);
  },

  async *bidiStream(requests, context) {
    const { first, all } = await peek(requests);
    setHeaders(first?.responseDefinition, context);
    yield* bidiAnswers(all, first, context);
  },
};

/** Mounts the service with these methods. */
export function conformanceRoutes(mounted: Methods = methods): (router: ConnectRouter) => void {
  return (router) => {
    router.service(ConformanceService, mounted, { jsonOptions: { registry } });
  };
}
