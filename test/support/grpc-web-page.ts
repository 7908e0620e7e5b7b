import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { GrpcWebClientBase, MethodDescriptor, MethodType } from "grpc-web";
import {
  HistoryRequestSchema,
  type HistoryResponse,
  HistoryResponseSchema,
  LoginRequestSchema,
  type LoginResponse,
  LoginResponseSchema,
} from "../../src/gen/chatter_pb.js";

/*
 * The official gRPC-Web client in a page, with descriptors as its generator would write them.
 */

const login = new MethodDescriptor(
  "/chatter.v1.ChatterService/Login",
  MethodType.UNARY,
  Object,
  Object,
  (request: { user: string; password: string }) =>
    toBinary(LoginRequestSchema, create(LoginRequestSchema, request)),
  (bytes: Uint8Array) => fromBinary(LoginResponseSchema, bytes),
);

const history = new MethodDescriptor(
  "/chatter.v1.ChatterService/History",
  MethodType.SERVER_STREAMING,
  Object,
  Object,
  (request: { limit: bigint }) =>
    toBinary(HistoryRequestSchema, create(HistoryRequestSchema, request)),
  (bytes: Uint8Array) => fromBinary(HistoryResponseSchema, bytes),
);

const page = {
  async login(user: string, password: string): Promise<string> {
    const client = new GrpcWebClientBase({ format: "text" });
    const path = "/chatter.v1.ChatterService/Login";
    const response = await client.unaryCall(path, { user, password }, {}, login);
    return (response as LoginResponse).token;
  },

  history(authorization: string, limit: number): Promise<string[] | string> {
    const client = new GrpcWebClientBase({ format: "text" });
    const path = "/chatter.v1.ChatterService/History";
    const request = { limit: BigInt(limit) };
    const stream = client.serverStreaming(path, request, { authorization }, history);
    const texts: string[] = [];
    return new Promise((resolve) => {
      stream.on("data", (response) => texts.push((response as HistoryResponse).message));
      stream.on("error", ({ code, message }) => resolve(`${code} ${message}`));
      stream.on("end", () => resolve(texts));
    });
  },
};

export type GrpcWebPage = typeof page;

Object.assign(globalThis, { page });
