import type { ChatterClient, ChatterClientOptions } from "../../../src/client/node.js";
import type { ClientCompatRequest } from "../gen/connectrpc/conformance/v1/client_compat_pb.js";
import { Protocol } from "../gen/connectrpc/conformance/v1/config_pb.js";
import { ConformanceService } from "../gen/connectrpc/conformance/v1/service_pb.js";
import type { OpenClient } from "./client-program.js";
import { urlOf } from "./requested.js";

const transports = {
  [Protocol.CONNECT]: "connect",
  [Protocol.GRPC]: "grpc",
  [Protocol.GRPC_WEB]: "grpc-web",
} as const;

/**
 * Opens a client of the library.
 *
 * @param createChatterClient that of Node, or that of browsers, which has no option for whom to
 *   trust: its process has to be started with NODE_EXTRA_CA_CERTS
 */
export function openChatter(
  createChatterClient: (options: ChatterClientOptions) => ChatterClient,
  request: ClientCompatRequest,
): OpenClient {
  if (!(request.protocol in transports)) {
    throw new Error(`unknown protocol: ${request.protocol}`);
  }
  const chatter = createChatterClient({
    url: urlOf(request),
    auth: { token: "conformance" },
    transport: transports[request.protocol as keyof typeof transports],
  });
  return { client: chatter.clientOf(ConformanceService), close: () => chatter.close() };
}
