/* The peer: plain connect-node's transports. */
import { createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { Protocol } from "../gen/connectrpc/conformance/v1/config_pb.js";
import { ConformanceService } from "../gen/connectrpc/conformance/v1/service_pb.js";
import { runClient } from "./client-program.js";
import { httpVersionOf, messageOptions, tlsOptions, urlOf } from "./requested.js";

await runClient((request) => {
  const options = {
    baseUrl: urlOf(request),
    httpVersion: httpVersionOf(request),
    nodeOptions: tlsOptions(request),
    ...messageOptions(request),
  };
  const make = {
    [Protocol.CONNECT]: createConnectTransport,
    [Protocol.GRPC]: createGrpcTransport,
    [Protocol.GRPC_WEB]: createGrpcWebTransport,
  }[request.protocol as Protocol.CONNECT | Protocol.GRPC | Protocol.GRPC_WEB];
  return { client: createClient(ConformanceService, make(options)) };
});
