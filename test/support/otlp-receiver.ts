import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** A span as OTLP's JSON has it. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly events: readonly {
    name: string;
    attributes: Readonly<Record<string, string | number>>;
  }[];
  readonly status: { readonly code?: number; readonly message?: string };
  /** Of the process that sent it. */
  readonly service: string;
}

/** Takes traces by OTLP over HTTP in JSON, as a collector does. Closed after the test. */
export interface OtlpReceiver {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** Whether requests are left without an answer. */
  silent: boolean;
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, string | number>>;
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const receiver = { url: "", spans, silent: false };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (receiver.silent) {
        return;
      }
      if (request.url === "/v1/traces") {
        spans.push(...spansOf(JSON.parse(Buffer.concat(chunks).toString())));
      }
      response.setHeader("content-type", "application/json").end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return receiver;
}

// biome-ignore lint/suspicious/noExplicitAny: OTLP's JSON, of which the tests say what they expect
function spansOf(body: any): ReceivedSpan[] {
  // biome-ignore lint/suspicious/noExplicitAny: see above
  return body.resourceSpans.flatMap(({ resource, scopeSpans }: any) =>
    // biome-ignore lint/suspicious/noExplicitAny: see above
    scopeSpans.flatMap(({ spans }: any) =>
      // biome-ignore lint/suspicious/noExplicitAny: see above
      spans.map((span: any) => ({
        ...span,
        attributes: recordOf(span.attributes),
        // biome-ignore lint/suspicious/noExplicitAny: see above
        events: span.events.map(({ name, attributes }: any) => ({
          name,
          attributes: recordOf(attributes),
        })),
        service: recordOf(resource.attributes)["service.name"],
      })),
    ),
  );
}

function recordOf(attributes: readonly Attribute[] = []): Record<string, string | number> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]!]));
}
