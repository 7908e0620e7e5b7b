import type { ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { nodeHeaders, nodeTrailers } from "./headers.js";

/**
 * Writes a handler's response. Resolves when all of it is handed over, or the client is
 * gone: connect-node's own function waits for ever for a client that left while it took
 * nothing, and what waits behind it (the method, its deadline) would stay.
 */
export async function writeResponse(
  result: UniversalServerResponse,
  response: ServerResponse | Http2ServerResponse,
): Promise<void> {
  const body = result.body?.[Symbol.asyncIterator]();
  let gone = false;
  let wake = () => {};
  const onDrain = () => wake();
  const onClose = () => {
    gone = true;
    wake();
  };
  response.on("drain", onDrain).on("close", onClose);
  response.on("error", ignore); // "close" follows.
  try {
    const head = response as ServerResponse;
    head.writeHead(result.status, result.header && nodeHeaders(result.header));
    for (let chunk = await body?.next(); chunk && !chunk.done; chunk = await body?.next()) {
      if (gone) {
        return;
      }
      if (chunk.value.length === 0) {
        head.flushHeaders();
      } else if (!head.write(chunk.value)) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
    if (gone) {
      return;
    }
    if (result.trailer) {
      head.addTrailers(nodeTrailers(result.trailer) as NodeJS.Dict<string>);
    }
    response.end();
  } finally {
    response.off("drain", onDrain).off("close", onClose);
    body?.return?.()?.catch(ignore);
  }
}

function ignore(): void {}
