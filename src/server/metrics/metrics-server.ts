import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { listenOn, urlOf } from "../http/listen-on.js";
import { plainAnswer } from "../http/plain-answer.js";
import type { Metrics } from "./metrics.js";
import { metricsPath } from "./metrics-page.js";

/** Metrics on an address of their own. */
export interface MetricsServer {
  /** Such as "http://127.0.0.1:9090/metrics". */
  readonly url: string;
  /** Stops at once. */
  close(): Promise<void>;
}

/** Serves GET /metrics, and nothing else, to whoever asks. Rejects if it cannot listen. */
export async function listenForMetrics(
  metrics: Metrics,
  address: { readonly host: string; readonly port: number },
): Promise<MetricsServer> {
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    answer(metrics, request, response).catch(() => response.destroy());
  });
  await listenOn(server, address);
  return {
    url: `${urlOf("http", server)}${metricsPath}`,
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
  };
}

async function answer(
  { registry }: Metrics,
  { method, url = "" }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (url.split("?", 1)[0] !== metricsPath || (method !== "GET" && method !== "HEAD")) {
    const { status, headers, body } = plainAnswer(
      404,
      `there is ${metricsPath} here alone, to GET`,
    );
    response.writeHead(status, headers).end(method === "HEAD" ? "" : body);
    return;
  }
  const body = Buffer.from(await registry.metrics());
  response.writeHead(200, {
    "content-type": registry.contentType,
    "content-length": body.length,
    "cache-control": "no-store",
  });
  response.end(method === "HEAD" ? "" : body);
}
