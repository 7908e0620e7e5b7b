import { isIP } from "node:net";
import {
  createAsyncIterable,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { metricsElsewhere } from "../http/errors.js";
import type { RoutedHandler } from "../http/router.js";
import { peerAddressKey, unixPeer } from "../net/peer-address.js";
import type { Metrics } from "./metrics.js";

/** The path of metrics, on the port of the calls and on an address of their own. */
export const metricsPath = "/metrics";

/** Headers that proxies add: then the client is not on this machine, whatever the address says. */
const proxyHeaders = ["forwarded", "via", "x-forwarded-for", "x-real-ip"];

/**
 * GET /metrics on the port of the calls: for programs on the same machine, without a token. Others
 * get 403, because the port may be public.
 */
export function createMetricsPage(metrics: Metrics): RoutedHandler {
  async function answer(request: UniversalServerRequest): Promise<UniversalServerResponse> {
    if (!isFromHere(request)) {
      const refusal = metricsElsewhere();
      return respond(request, refusal.status, refusal.headers, refusal.body);
    }
    const { registry } = metrics;
    const headers = { "content-type": registry.contentType, "cache-control": "no-store" };
    return respond(request, 200, headers, await registry.metrics());
  }
  return Object.assign(answer, { requestPath: metricsPath, allowedMethods: ["GET", "HEAD"] });
}

function isFromHere({ header, contextValues }: UniversalServerRequest): boolean {
  const address = contextValues?.get(peerAddressKey) ?? "";
  const isLoopback = address === "::1" || (isIP(address) === 4 && address.startsWith("127."));
  return (isLoopback || address === unixPeer) && !proxyHeaders.some((name) => header.has(name));
}

function respond(
  { method }: UniversalServerRequest,
  status: number,
  headers: Readonly<Record<string, string>>,
  text: string,
): UniversalServerResponse {
  const body = Buffer.from(text);
  const header = new Headers({ ...headers, "content-length": String(body.length) });
  return { status, header, ...(method !== "HEAD" && { body: createAsyncIterable([body]) }) };
}
