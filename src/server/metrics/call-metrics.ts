import type { DescMethod } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Call, CallObserver } from "../service/call/call.js";
import type { MessagePath } from "../service/passthrough/stream.js";

/** In seconds: from a unary call in memory to a stream of days. */
const handlingBuckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 600, 3600, 86_400];

/** The names that gRPC's own metrics have for the kinds of methods. */
const grpcTypes = {
  unary: "unary",
  client_streaming: "client_stream",
  server_streaming: "server_stream",
  bidi_streaming: "bidi_stream",
} as const;

/** The figures of a method's calls. */
class MethodFigures {
  started = 0;
  /** Of the calls that are over. */
  received = 0;
  sent = 0;
  readonly handled = new Map<string, number>();
  /** By their protocol. */
  readonly open = new Map<string, Set<Call>>();
  readonly labels: { grpc_type: string; grpc_service: string; grpc_method: string };

  constructor(method: DescMethod) {
    this.labels = {
      grpc_type: grpcTypes[method.methodKind],
      grpc_service: method.parent.typeName,
      grpc_method: method.name,
    };
  }

  /** Messages of all calls, including those in progress. */
  total(of: "received" | "sent"): number {
    let total = this[of];
    for (const calls of this.open.values()) {
      for (const call of calls) {
        total += call[of];
      }
    }
    return total;
  }
}

/**
 * Metrics of calls, under the names that gRPC servers in other languages use, and Chatter's own.
 * They are kept as plain numbers and become metrics when they are scraped: a call counts its own
 * messages, which are added up only then.
 */
export class CallMetrics implements CallObserver {
  readonly #methods = new Map<DescMethod, MethodFigures>();
  readonly #paths: Record<MessagePath, number> = { passthrough: 0, decoded: 0 };
  readonly #seconds: Histogram;

  constructor(registry: Registry) {
    const registers = [registry];
    const methodLabels = ["grpc_type", "grpc_service", "grpc_method"];
    const figures = () => this.#methods.values();
    this.#seconds = new Histogram({
      name: "grpc_server_handling_seconds",
      help: "Duration of calls in seconds.",
      labelNames: methodLabels,
      buckets: handlingBuckets,
      registers,
    });
    const perMethod = (name: string, help: string, read: (method: MethodFigures) => number) =>
      new Counter({
        name,
        help,
        labelNames: methodLabels,
        registers,
        collect() {
          this.reset();
          for (const method of figures()) {
            this.inc(method.labels, read(method));
          }
        },
      });
    perMethod("grpc_server_started_total", "Calls that have begun.", ({ started }) => started);
    perMethod("grpc_server_msg_received_total", "Messages received from clients.", (method) =>
      method.total("received"),
    );
    perMethod("grpc_server_msg_sent_total", "Messages sent to clients.", (method) =>
      method.total("sent"),
    );
    new Counter({
      name: "grpc_server_handled_total",
      help: "Calls that have ended, by their code.",
      labelNames: [...methodLabels, "grpc_code"],
      registers,
      collect() {
        this.reset();
        for (const { labels, handled } of figures()) {
          for (const [grpc_code, count] of handled) {
            this.inc({ ...labels, grpc_code }, count);
          }
        }
      },
    });
    new Gauge({
      name: "chatter_open_streams",
      help: "Open streams.",
      labelNames: ["grpc_service", "grpc_method", "protocol"],
      registers,
      collect() {
        this.reset();
        for (const { labels, open } of figures()) {
          const { grpc_type, ...names } = labels;
          for (const [protocol, calls] of grpc_type === "unary" ? [] : open) {
            this.set({ ...names, protocol }, calls.size);
          }
        }
      },
    });
    const paths = this.#paths;
    new Counter({
      name: "chatter_streams_total",
      help: "Streams, by the path of their messages.",
      labelNames: ["path"],
      registers,
      collect() {
        this.reset();
        this.inc({ path: "passthrough" }, paths.passthrough);
        this.inc({ path: "decoded" }, paths.decoded);
      },
    });
  }

  /** Creates the series of a method before its first call: they begin with 0. */
  registerMethod(method: DescMethod): void {
    this.#figuresOf(method);
  }

  /** A stream's messages take this path. */
  recordPath(path: MessagePath): void {
    this.#paths[path]++;
  }

  started(call: Call): void {
    const figures = this.#figuresOf(call.method);
    figures.started++;
    const calls = figures.open.get(call.protocol);
    if (calls) {
      calls.add(call);
    } else {
      figures.open.set(call.protocol, new Set([call]));
    }
  }

  ended(call: Call, error: { readonly code: Code } | undefined): void {
    const figures = this.#figuresOf(call.method);
    const code = error ? (Code[error.code] ?? "Unknown") : "OK";
    figures.handled.set(code, (figures.handled.get(code) ?? 0) + 1);
    figures.received += call.received;
    figures.sent += call.sent;
    figures.open.get(call.protocol)?.delete(call);
    this.#seconds.observe(figures.labels, (performance.now() - call.startedAt) / 1000);
  }

  #figuresOf(method: DescMethod): MethodFigures {
    let figures = this.#methods.get(method);
    if (!figures) {
      figures = new MethodFigures(method);
      this.#methods.set(method, figures);
      this.#seconds.zero(figures.labels);
    }
    return figures;
  }
}
