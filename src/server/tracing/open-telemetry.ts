import { setTimeout as sleep } from "node:timers/promises";
import {
  type ContextManager,
  type DiagLogger,
  DiagLogLevel,
  diag,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  trace,
} from "@opentelemetry/api";
import type { Logger } from "pino";
import { sdkMissing } from "./errors.js";

/** OpenTelemetry's SDK, which sends the spans to where its variables say. */
export interface Tracing {
  /** Sends the remaining spans, but takes no longer than this, in milliseconds. Never rejects. */
  close(withinMs: number): Promise<void>;
}

/**
 * Starts OpenTelemetry's SDK if any of its variables (`OTEL_…`) is set, unless
 * `OTEL_SDK_DISABLED` is true or another SDK is registered already. It reads the variables
 * itself. Only traces: Chatter has its own metrics and log.
 *
 * Rejects with `failed_precondition` if the SDK, an optional package, is not installed.
 */
export async function startTracing(
  environment: NodeJS.ProcessEnv,
  logger: Logger,
): Promise<Tracing | undefined> {
  const sdkModule = await requireTracing(environment);
  if (sdkModule === undefined) {
    return undefined;
  }
  diag.setLogger(diagLogger(logger), DiagLogLevel.WARN);
  const { NodeSDK } = sdkModule;
  const sdk = new NodeSDK({
    serviceName: namesService(environment) ? undefined : "chatter",
    metricReaders: [],
    logRecordProcessors: [],
    contextManager: rootContext,
  });
  sdk.start();
  return {
    async close(withinMs) {
      const late = new AbortController();
      const outcome = await Promise.race([
        sdk.shutdown().catch((error: unknown) => ({ error })),
        sleep(withinMs, { error: `not within ${withinMs} ms` }, { signal: late.signal }),
      ]);
      late.abort();
      if (outcome) {
        logger.warn({ err: outcome.error }, "the last traces may be lost");
      }
    },
  };
}

/** Loads the SDK if it is wanted, without starting it. Rejects as `startTracing` does. */
export async function requireTracing(
  environment: NodeJS.ProcessEnv,
): Promise<typeof import("@opentelemetry/sdk-node") | undefined> {
  const wanted = Object.keys(environment).filter(
    (name) => name.startsWith("OTEL_") && environment[name] !== "",
  );
  const isDisabled = environment.OTEL_SDK_DISABLED?.trim().toLowerCase() === "true";
  return wanted.length === 0 || isDisabled || hasProvider() ? undefined : loadSdk(wanted[0]!);
}

async function loadSdk(variable: string): Promise<typeof import("@opentelemetry/sdk-node")> {
  try {
    return await import("@opentelemetry/sdk-node");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") {
      throw error;
    }
    throw sdkMissing({ variable });
  }
}

/** Somebody may have preloaded an SDK, which reads the same variables. */
function hasProvider(): boolean {
  const provider = trace.getTracerProvider();
  return (
    !(provider instanceof ProxyTracerProvider) ||
    provider.getDelegateTracer("chatter") !== undefined
  );
}

function namesService({ OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES }: NodeJS.ProcessEnv): boolean {
  return (
    Boolean(OTEL_SERVICE_NAME) || /(^|,)\s*service\.name\s*=/.test(OTEL_RESOURCE_ATTRIBUTES ?? "")
  );
}

/** Messages of the SDK, for example that nobody receives its spans. */
function diagLogger(logger: Logger): DiagLogger {
  const warn = (text: string) => logger.warn({ detail: text }, "OpenTelemetry");
  return { error: warn, warn, info() {}, debug() {}, verbose() {} };
}

/**
 * Knows no context but the root. The SDK's own follows every promise of the process, which costs
 * each message; here a call has its span at hand, and nobody else asks for one.
 */
const rootContext: ContextManager = {
  active: () => ROOT_CONTEXT,
  with: (_context, run, self, ...args) => run.call(self as ThisParameterType<typeof run>, ...args),
  bind: (_context, target) => target,
  enable() {
    return this;
  },
  disable() {
    return this;
  },
};
