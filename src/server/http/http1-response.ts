import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { nodeHeaders, nodeTrailers } from "./headers.js";

/** How long a client that has its answer may go on sending, in milliseconds. */
const lingerMs = 1000;

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

/**
 * What a client of HTTP/1 still sends when it has its answer is let through for a while, then
 * its connection is cut: it cannot be told that nobody reads it, and it may never end.
 */
export function endUpload(
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
): void {
  if (request.complete || request.httpVersionMajor !== 1) {
    return;
  }
  const wait = () => {
    if (!request.complete) {
      const timer = setTimeout(() => request.socket.destroy(), lingerMs);
      request.once("close", () => clearTimeout(timer));
    }
  };
  if (response.writableFinished) {
    wait();
  } else {
    response.once("finish", wait);
  }
}

function ignore(): void {}
