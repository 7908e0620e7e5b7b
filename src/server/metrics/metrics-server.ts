import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { answerClientErrors } from "../http/client-errors.js";
import { unknownMetricsPath } from "../http/errors.js";
import { refusedFraming } from "../http/framing.js";
import { createMisdirectedAnswer } from "../http/host-check.js";
import { listenOn, urlOf } from "../http/listen-on.js";
import type { PlainResponse } from "../http/plain-response.js";
import { probeAnswer } from "../http/well-known.js";
import { defaultLimits } from "../limits/limits.js";
import { createHostCheck, defaultHosts } from "../net/allowed-hosts.js";
import { pathOf } from "../net/request-target.js";
import type { Metrics } from "./metrics.js";
import { metricsPath } from "./metrics-page.js";

/** Metrics on an address of their own. */
export interface MetricsServer {
  /** Such as "http://127.0.0.1:9090/metrics". */
  readonly url: string;
  /** Stops at once. */
  close(): Promise<void>;
}

export interface MetricsServerOptions {
  /** The answer of /readyz. Default: ready. */
  readonly isReady?: () => boolean;
  /**
   * The hosts that it answers for; see `createHostCheck`. Default: on a loopback address the names
   * of this machine, elsewhere every host.
   */
  readonly allowedHosts?: readonly string[] | undefined;
}

/**
 * Serves GET /metrics and the probes, and nothing else, to any client. Rejects if it cannot listen.
 */
export async function listenForMetrics(
  metrics: Metrics,
  address: { readonly host: string; readonly port: number },
  { isReady = () => true, allowedHosts = defaultHosts(address.host) }: MetricsServerOptions = {},
): Promise<MetricsServer> {
  const misdirected = createMisdirectedAnswer(createHostCheck(allowedHosts ?? ["*"]), () =>
    metrics.refused("allowed_hosts"),
  );
  const { maxHeaderBytes } = defaultLimits;
  const options = { requestTimeout: 10_000, maxHeaderSize: maxHeaderBytes + 1 };
  const server = createServer(options, (request, response) => {
    const refusal =
      refusedFraming(request) ??
      misdirected({ target: request.url ?? "", headers: request.headers }) ??
      probeOf(request, isReady);
    if (refusal !== undefined) {
      response.writeHead(refusal.status, { ...refusal.headers });
      response.end(request.method === "HEAD" ? "" : refusal.body);
      return;
    }
    answer(metrics, request, response).catch(() => response.destroy());
  });
  server.maxHeadersCount = 0; // Their bytes are limited: Node would drop some silently.
  answerClientErrors(server, { maxHeaderBytes, onRefused: (limit) => metrics.refused(limit) });
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

function isRead(method: string | undefined): boolean {
  return method === "GET" || method === "HEAD";
}

function probeOf(
  { method, url = "" }: IncomingMessage,
  isReady: () => boolean,
): PlainResponse | undefined {
  return isRead(method) ? probeAnswer(pathOf(url), isReady) : undefined;
}

async function answer(
  { registry }: Metrics,
  { method, url = "" }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (pathOf(url) !== metricsPath || !isRead(method)) {
    const { status, headers, body } = unknownMetricsPath({ path: metricsPath });
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
