import { Code } from "@connectrpc/connect";
import { defineError } from "../../errors/define.js";

/**
 * A variable of OpenTelemetry is set. The SDK is an optional package.
 *
 * Remedy: Do one of the two.
 */
export const sdkMissing = defineError(
  Code.FailedPrecondition,
  "<variable> asks for traces, but OpenTelemetry's SDK is not installed: npm install @opentelemetry/sdk-node, or set OTEL_SDK_DISABLED=true",
);
