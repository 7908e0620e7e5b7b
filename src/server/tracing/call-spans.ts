import { Code } from "@connectrpc/connect";
import {
  type Context,
  context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { type Call, type CallObserver, codeName } from "../service/call/call.js";
import { reasonOf } from "../service/call/errors.js";

/** Codes that are a server's fault, according to OpenTelemetry's conventions for RPC. */
const faults = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Unimplemented,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

const headerGetter = {
  get: (header: Headers, name: string) => header.get(name) ?? undefined,
  keys: (header: Headers) => [...header.keys()],
};

/**
 * A span for each call, which continues the client's trace if its headers name one, through the
 * global API of OpenTelemetry: without an SDK that is registered there, next to nothing is done and
 * nothing is kept.
 */
export function createCallSpans(): CallObserver {
  const tracer = trace.getTracer("chatter");
  /** The spans of calls in progress whose trace somebody records, here or elsewhere. */
  const spans = new WeakMap<Call, { readonly span: Span; readonly context: Context }>();
  return {
    started(call, header) {
      const parent = propagation.extract(ROOT_CONTEXT, header, headerGetter);
      const options = { kind: SpanKind.SERVER, attributes: attributesOf(call) };
      const span = tracer.startSpan(call.name, options, parent);
      if (isSpanContextValid(span.spanContext())) {
        spans.set(call, { span, context: trace.setSpan(parent, span) });
        call.traceId = span.spanContext().traceId;
      }
    },
    around(call, run) {
      const traced = spans.get(call);
      return traced ? context.with(traced.context, run) : run();
    },
    noted(call, what, details) {
      spans.get(call)?.span.addEvent(what, details);
    },
    ended(call, error) {
      const span = spans.get(call)?.span;
      if (!span) {
        return;
      }
      span.setAttributes({
        ...(call.user !== undefined && { "enduser.id": call.user }),
        ...codeAttribute(call, error?.code),
        "chatter.messages_received": call.received,
        "chatter.messages_sent": call.sent,
      });
      if (error) {
        span.addEvent("ended", { code: codeName(error.code), reason: reasonOf(error) });
      }
      if (error && faults.has(error.code)) {
        span.setStatus({ code: SpanStatusCode.ERROR, message: reasonOf(error) });
      }
      span.end();
      spans.delete(call);
    },
  };
}

function isGrpc({ protocol }: Call): boolean {
  return protocol === "grpc" || protocol === "grpc-web";
}

function attributesOf(call: Call) {
  return {
    "rpc.system": isGrpc(call) ? "grpc" : "connect_rpc",
    "rpc.service": call.method.parent.typeName,
    "rpc.method": call.method.name,
    "chatter.protocol": call.protocol,
    "chatter.request_id": call.requestId,
    ...(call.peer !== "" && { "client.address": call.peer }),
  };
}

/** Success has a number in gRPC, but none in Connect. */
function codeAttribute(call: Call, code: Code | undefined) {
  if (isGrpc(call)) {
    return { "rpc.grpc.status_code": code ?? 0 };
  }
  return code === undefined ? {} : { "rpc.connect_rpc.error_code": codeName(code) };
}
