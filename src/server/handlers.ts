import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { type ConnectRouterOptions, createConnectRouter } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";
import { ChatterService } from "../gen/chatter_pb.js";
import { Health } from "../gen/health/v1/health_pb.js";
import { LogService } from "../gen/log_pb.js";
import type { ChatterOptions } from "./chatter-options.js";
import type { Limits } from "./limits/limits.js";
import { LoginAttempts } from "./limits/login-attempts.js";
import { createRequests, withRequestTime } from "./limits/request-time.js";
import { createUploads } from "./limits/uploads.js";
import { UserStreams } from "./limits/user-streams.js";
import { createAccessInterceptor } from "./service/access.js";
import type { CallObserver } from "./service/call.js";
import { createCallLog } from "./service/call-log.js";
import { createDirectReads } from "./service/direct-read.js";
import { createEchoer } from "./service/echoer.js";
import { withEncodedStream } from "./service/encoded-stream.js";
import { createExport } from "./service/export.js";
import { HeadBell } from "./service/head-bell.js";
import { createHealth } from "./service/health.js";
import { createHistory } from "./service/history.js";
import { createLifetimeInterceptor, maxTimerMs } from "./service/lifetime.js";
import { createListener } from "./service/listener.js";
import { createLogin } from "./service/login.js";
import type { OpenCalls } from "./service/open-calls.js";
import { createPosting } from "./service/posting.js";
import { addReflection } from "./service/reflection.js";
import { createSubscribe } from "./service/subscribe.js";
import { createSummary } from "./service/summary.js";
import { jsonOptions } from "./service/text.js";
import { createCallInterceptor, withCalls } from "./service/watched-calls.js";
import { createCallSpans } from "./tracing/call-spans.js";

/**
 * Most bytes of a message of a call that needs no token: a name and a password, the name of a
 * service. Anyone may leave thousands of them unfinished.
 */
const maxOpenMessageBytes = 16 * 1024;

/** What the calls of one `Chatter` share. */
export interface CallEnvironment {
  readonly limits: Limits;
  /** Has every call under way. */
  readonly calls: OpenCalls;
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal;
  readonly isReady: () => boolean;
}

/**
 * Every method of every service, as handlers for any wire: behind the same interceptors,
 * with messages that take the fast way where they can.
 */
export function createHandlers(
  options: ChatterOptions,
  { limits, calls, stopping, isReady }: CallEnvironment,
): readonly UniversalHandler[] {
  const { log, auth, logger, metrics, reflection = true } = options;
  const observers: CallObserver[] = [createCallSpans()];
  if (metrics) {
    observers.push(metrics.calls);
  }
  if (logger) {
    observers.push(createCallLog(logger));
  }

  const routerOptions: ConnectRouterOptions = {
    readMaxBytes: limits.maxMessageBytes,
    maxTimeoutMs: maxTimerMs,
    jsonOptions,
    acceptCompression: [compressionGzip, compressionBrotli],
    interceptors: [
      createCallInterceptor(),
      createAccessInterceptor(auth),
      createLifetimeInterceptor({
        calls,
        stopping,
        auth,
        streams: new UserStreams(limits),
        limits,
      }),
      ...(options.interceptors ?? []),
    ],
  };
  const router = createConnectRouter(routerOptions);
  const services = () => [...new Set(router.handlers.map(({ service }) => service))];
  const bell = new HeadBell(log);
  const uploads = createUploads(limits);
  const posting = createPosting(log, limits, uploads);
  const reading = { subscribe: createSubscribe(log, bell), history: createHistory(log) };
  const attempts = limits.maxLoginAttempts > 0 ? new LoginAttempts(limits) : undefined;
  const open = { readMaxBytes: Math.min(maxOpenMessageBytes, limits.maxMessageBytes) };
  const { method } = ChatterService;
  router
    .rpc(method.login, createLogin(auth, attempts), open)
    .rpc(method.listener, createListener(posting))
    .rpc(method.summary, createSummary(posting))
    .rpc(method.subscribe, reading.subscribe)
    .rpc(method.history, reading.history)
    .rpc(method.echoer, createEchoer(posting))
    .service(LogService, { export: createExport(log) })
    .service(Health, createHealth({ services: () => services().map(typeName), isReady }), open);
  if (reflection) {
    addReflection(router, services, open);
  }
  options.routes?.(router);

  const directReads = createDirectReads(reading, routerOptions);
  const requests = createRequests(limits);
  const handlers = router.handlers.map((handler) => {
    const encoded = withEncodedStream(handler, {
      maxMessageBytes: limits.maxMessageBytes,
      onCall(way) {
        metrics?.took(way);
        options.onStream?.(way, handler);
      },
      direct: directReads.get(handler.requestPath),
    });
    const timed = takesOne(handler.method)
      ? withRequestTime(encoded, requests)
      : handler.service === ChatterService
        ? encoded
        : withRequestTime(encoded, uploads);
    metrics?.know(handler.method);
    return withCalls(timed, observers);
  });
  metrics?.watch({ log, isReady, subscribers: () => bell.places() });
  return handlers;
}

function takesOne({ methodKind }: DescMethod): boolean {
  return methodKind === "unary" || methodKind === "server_streaming";
}

function typeName(service: DescService): string {
  return service.typeName;
}
