import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { nodeFields } from "../../util/lazy-headers.js";
import { WholeBody } from "../../util/whole-body.js";
import { nodeTrailers } from "../headers.js";

/**
 * Up to this size in bytes, copying a body is cheaper than writing it separately from the headers.
 */
const shortBytes = 16 * 1024;

/** How long a client that has its answer may continue sending, in milliseconds. */
const lingerMs = 1000;

/**
 * Writes a handler's response. Resolves when all of it is handed over, or the client is gone:
 * connect-node's own function waits for ever for a client that left while it was not reading, and
 * whatever waits for it (the method, its deadline) would stay.
 */
export async function writeResponse(
  result: UniversalServerResponse,
  response: ServerResponse | Http2ServerResponse,
): Promise<void> {
  const target = response as ServerResponse;
  if (result.body instanceof WholeBody) {
    response.on("error", ignore);
    target.writeHead(result.status, headersOf(result));
    addTrailers(target, result);
    endWith(target, result.body.bytes);
    return;
  }
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
    target.writeHead(result.status, headersOf(result));
    for (let chunk = await body?.next(); chunk && !chunk.done; chunk = await body?.next()) {
      if (gone) {
        return;
      }
      if (chunk.value.length === 0) {
        target.flushHeaders();
      } else if (!target.write(chunk.value)) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
    if (gone) {
      return;
    }
    addTrailers(target, result);
    response.end();
  } finally {
    response.off("drain", onDrain).off("close", onClose);
    body?.return?.()?.catch(ignore);
  }
}

/** Node writes headers and a text in one chunk, but headers and bytes in two. */
function endWith(response: ServerResponse, body: Uint8Array): void {
  if (body.length <= shortBytes) {
    const { buffer, byteOffset, length } = body;
    response.end(Buffer.from(buffer, byteOffset, length).toString("latin1"), "latin1");
  } else {
    response.end(body);
  }
}

function headersOf({ header }: UniversalServerResponse): OutgoingHttpHeaders {
  return header ? nodeFields(header) : {};
}

function addTrailers(response: ServerResponse, { trailer }: UniversalServerResponse): void {
  if (trailer) {
    response.addTrailers(nodeTrailers(trailer) as NodeJS.Dict<string>);
  }
}

/**
 * What an HTTP/1 client still sends after it has its answer is accepted and dropped for a while,
 * then its connection is cut: there is no way to report that nobody reads it, and it may never end.
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
