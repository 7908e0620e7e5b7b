import { createServer } from "node:http";
import { createConnectRouter } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest } from "@connectrpc/connect/protocol";
import { createNodeHttpClient, Http2SessionManager } from "@connectrpc/connect-node";
import { createWebSocketBridge } from "../../../src/server/index.js";
import type { ClientCompatRequest } from "../gen/connectrpc/conformance/v1/client_compat_pb.js";
import { ConformanceService } from "../gen/connectrpc/conformance/v1/service_pb.js";
import { host, listenOn } from "../servers/server-program.js";
import { httpVersionOf, tlsOptions, urlOf } from "./requested.js";

export interface Proxy {
  readonly url: string;
  close(): void;
}

/** Serves the tunnel, and passes what comes out of it on to the server of the request, untouched. */
export async function startProxy(request: ClientCompatRequest): Promise<Proxy> {
  const target = urlOf(request);
  const httpVersion = httpVersionOf(request);
  const nodeOptions = tlsOptions(request);
  const sessions = new Http2SessionManager(target, undefined, nodeOptions);
  const forward = createNodeHttpClient(
    httpVersion === "2"
      ? { httpVersion, sessionProvider: () => sessions }
      : { httpVersion, nodeOptions },
  );
  const { handlers } = createConnectRouter().service(ConformanceService, {});
  const forwarding = handlers.map((handler): UniversalHandler => {
    const pass = ({ header, body, signal }: UniversalServerRequest) =>
      forward({
        url: target + handler.requestPath,
        method: "POST",
        header,
        body: body as AsyncIterable<Uint8Array>,
        signal,
      });
    return Object.assign(pass, handler);
  });
  const bridge = createWebSocketBridge({ handlers: forwarding, onError: () => {} });
  const server = createServer();
  server.on("upgrade", bridge.upgrade);
  const port = await listenOn(server);
  return {
    url: `http://${host}:${port}`,
    close() {
      server.close();
      sessions.abort();
      void bridge.close({ deadlineMs: 1_000 });
    },
  };
}
