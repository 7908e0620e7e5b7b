import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import {
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import { probeAnswer } from "./probes.js";

export type NodeRequest = IncomingMessage | Http2ServerRequest;
export type NodeResponse = ServerResponse | Http2ServerResponse;
export type RequestListener = (request: NodeRequest, response: NodeResponse) => void;

export interface RequestListenerOptions {
  readonly handlers: readonly UniversalHandler[];
  readonly isReady: () => boolean;
}

/** Answers calls of the handlers and the probes; 405 for a wrong verb, 404 for the rest. */
export function createRequestListener(options: RequestListenerOptions): RequestListener {
  const byPath = new Map(options.handlers.map((handler) => [handler.requestPath, handler]));

  return (request, response) => {
    const path = (request.url ?? "").split("?", 1)[0]!;
    const handler = byPath.get(path);
    if (handler) {
      const method = request.method ?? "";
      if (handler.allowedMethods.includes(method)) {
        handle(handler, request, response);
      } else {
        answer(response, 405, `${method} is not allowed here: use ${handler.allowedMethods.join(" or ")}`, {
          allow: handler.allowedMethods.join(", "),
        });
      }
      return;
    }
    const probe = probeAnswer(path, request.method ?? "", options.isReady);
    if (probe) {
      answer(response, probe.status, probe.text, probe.headers);
    } else {
      answer(response, 404, `there is nothing at ${path}`);
    }
  };
}

function handle(handler: UniversalHandler, request: NodeRequest, response: NodeResponse): void {
  // Errors of the wire end the call by its signal, and the handler's errors are in its
  // answer: what is thrown here has been told in the call's log line.
  Promise.resolve()
    .then(() => handler(universalRequestFromNodeRequest(request, response, undefined, undefined)))
    .then((result) => universalResponseToNodeResponse(result, response))
    .catch(() => response.destroy());
}

function answer(
  response: NodeResponse,
  status: number,
  text: string,
  headers: Record<string, string> = {},
): void {
  (response as ServerResponse).writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "x-content-type-options": "nosniff",
    ...headers,
  });
  response.end(`${text}\n`);
}
