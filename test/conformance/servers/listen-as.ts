import { listen, type TlsOptions } from "../../../src/server/index.js";
import type { ServerCompatRequest } from "../gen/connectrpc/conformance/v1/server_compat_pb.js";
import type { Methods } from "../service/service.js";
import { createServedChatter } from "./chatter.js";
import { certificateOf } from "./node-server.js";
import { runServer } from "./server-program.js";

/** Serves these methods by Chatter's `listen`. */
export function listenAs(methods: Methods): Promise<void> {
  return runServer(async (request) => {
    const tls = request.useTls ? tlsOf(request) : undefined;
    const server = await listen(createServedChatter(request, methods), { port: 0, tls });
    return Number(new URL(server.url).port);
  });
}

/** The server's certificate, and the one that its clients must have, if they must have one. */
function tlsOf({ serverCreds, clientTlsCert }: ServerCompatRequest): TlsOptions | undefined {
  const certificate = certificateOf(serverCreds);
  return clientTlsCert.length > 0 && certificate
    ? { ...certificate, clientCa: Buffer.from(clientTlsCert), clientRequired: true }
    : certificate;
}
