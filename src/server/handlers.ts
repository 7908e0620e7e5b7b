import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { ConnectRouterOptions } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { ChatterService } from "../gen/chatter_pb.js";
import { Health } from "../gen/health/v1/health_pb.js";
import { LogService } from "../gen/log_pb.js";
import { LoginAttempts } from "./auth/login-attempts.js";
import type { ChatterOptions } from "./chatter-options.js";
import type { Limits } from "./limits/limits.js";
import { createRequests } from "./limits/request-time.js";
import type { UnreadBytes } from "./limits/unread-bytes.js";
import { createUploadTimeouts } from "./limits/upload-timeouts.js";
import { UserStreams } from "./limits/user-streams.js";
import { createAccessInterceptor, createAdmission } from "./service/call/access.js";
import type { CallObserver } from "./service/call/call.js";
import { createCallLog } from "./service/call/call-log.js";
import { compressions } from "./service/call/compressions.js";
import { createLifetimeInterceptor } from "./service/call/lifetime.js";
import { withLongDeadlines } from "./service/call/long-deadline.js";
import { isMounted, type MethodAccess } from "./service/call/method-access.js";
import type { OpenCalls } from "./service/call/open-calls.js";
import { withRequestTime } from "./service/call/request-time.js";
import { createCallInterceptor, withCalls } from "./service/call/watched-calls.js";
import { withWholeMessage } from "./service/call/whole-messages.js";
import { createEchoer } from "./service/echoer.js";
import { createExport } from "./service/export.js";
import { createHealth } from "./service/health.js";
import { createHistory } from "./service/history.js";
import { jsonOptions } from "./service/json-options.js";
import { createListener } from "./service/listener.js";
import { createLogin } from "./service/login.js";
import { createDirectReads } from "./service/passthrough/direct-read.js";
import { withPassthrough } from "./service/passthrough/stream.js";
import { createPost } from "./service/post.js";
import { PostPace } from "./service/posting/post-pace.js";
import { createPosting } from "./service/posting/posting.js";
import { createRead } from "./service/read.js";
import { HeadNotifier } from "./service/reading/head-notifier.js";
import { ReadTurns } from "./service/reading/read-turns.js";
import { addReflection } from "./service/reflection.js";
import { createRooms } from "./service/rooms.js";
import { createSubscribe } from "./service/subscribe.js";
import { createSummary } from "./service/summary.js";
import { createServiceRouter } from "./service/unary/router.js";
import { withUnaryCalls } from "./service/unary/unary-call.js";
import { createCallSpans } from "./tracing/call-spans.js";

/**
 * Maximum size of a message of a call that needs no token, in bytes: a name and a password, the
 * name of a service. Anyone may leave thousands of them unfinished.
 */
const maxOpenMessageBytes = 16 * 1024;

/** What the calls of one `Chatter` share. */
export interface CallEnvironment {
  readonly limits: Limits;
  /** Has every call in progress. */
  readonly calls: OpenCalls;
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal;
  readonly isReady: () => boolean;
  /** Counts received bytes that are not processed yet. */
  readonly unread: UnreadBytes;
  /** Which tokens the methods need; mounted services add theirs. */
  readonly access: MethodAccess;
}

/**
 * Every method of every service, as handlers for any wire: behind the same interceptors, with
 * messages that take the passthrough path where they can.
 */
export function createHandlers(
  options: ChatterOptions,
  { limits, calls, stopping, isReady, unread, access }: CallEnvironment,
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
    jsonOptions,
    acceptCompression: [...compressions],
    interceptors: [
      createCallInterceptor(),
      createAccessInterceptor(auth, access),
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
  const router = createServiceRouter(routerOptions);
  const services = () => [...new Set(router.handlers.map(({ service }) => service))];
  const notifier = new HeadNotifier(log);
  const uploads = createUploadTimeouts(limits);
  const posting = createPosting(log, limits, uploads, new PostPace(log, notifier));
  const reads = new ReadTurns();
  const reading = {
    subscribe: createSubscribe(log, notifier, reads),
    history: createHistory(log, reads),
  };
  const attempts = new LoginAttempts(limits);
  const open = { readMaxBytes: Math.min(maxOpenMessageBytes, limits.maxMessageBytes) };
  const { method } = ChatterService;
  router
    .rpc(method.login, createLogin(auth, attempts), open)
    .rpc(method.post, createPost(posting))
    .rpc(method.read, createRead(log, notifier, reads))
    .rpc(method.listener, createListener(posting))
    .rpc(method.summary, createSummary(posting))
    .rpc(method.subscribe, reading.subscribe)
    .rpc(method.history, reading.history)
    .rpc(method.echoer, createEchoer(posting))
    .rpc(method.rooms, createRooms(log))
    .service(LogService, { export: createExport(log, reads) })
    .service(Health, createHealth({ services: () => services().map(typeName), isReady }), open);
  if (reflection) {
    addReflection(router, services, open);
  }
  options.routes?.(router, access);

  const hasInterceptors = (options.interceptors?.length ?? 0) > 0;
  const directReads = createDirectReads(reading, routerOptions, hasInterceptors);
  const requests = createRequests(limits);
  const admission = createAdmission(auth);
  const handlers = router.handlers.map((handler) => {
    const maxMessageBytes =
      access.isOpen(handler.method) && !isMounted(handler.method)
        ? open.readMaxBytes
        : limits.maxMessageBytes;
    const passthrough = withPassthrough(withWholeMessage(handler, maxMessageBytes), {
      maxMessageBytes,
      onCall(path) {
        metrics?.recordPath(path);
        options.onStream?.(path, handler);
      },
      direct: directReads.get(handler.requestPath),
    });
    const timed = takesOne(handler.method)
      ? withRequestTime(passthrough, requests)
      : handler.service === ChatterService
        ? passthrough
        : withRequestTime(passthrough, uploads);
    const decoded = withLongDeadlines(timed);
    const unary = router.unaryMethodOf(handler);
    metrics?.registerMethod(handler.method);
    const seenByOthers = isMounted(handler.method) || hasInterceptors;
    return withCalls(
      unary
        ? withUnaryCalls(decoded, unary, {
            ...{ maxMessageBytes, requests, seenByOthers },
            admission: access.isOpen(handler.method) ? undefined : admission,
          })
        : decoded,
      observers,
    );
  });
  metrics?.observeServer({
    log,
    isReady,
    subscribers: () => notifier.places(),
    unreadBytes: () => unread.total,
  });
  return handlers;
}

function takesOne({ methodKind }: DescMethod): boolean {
  return methodKind === "unary" || methodKind === "server_streaming";
}

function typeName(service: DescService): string {
  return service.typeName;
}
