import {
  createAsyncIterable,
  type UniversalHandler,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import {
  codeFromHttpStatus,
  contentTypeUnaryJson,
  errorFromJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import { requestWith } from "../../service/call/request.js";
import { failedLogin } from "../errors.js";
import type { HttpAnswer } from "../http-answer.js";
import { errorAnswer, json, missingHeader } from "./goa-error.js";
import { loginRoute } from "./methods.js";
import { line } from "./responses.js";

/**
 * goa's login: `POST /login` with `Authorization: Basic` is answered with the token as a JSON
 * string. Whichever version of HTTP it comes by, the Connect handler of Login answers it.
 */
export function createPlainLogin(handler: UniversalHandler): UniversalHandler {
  async function login(request: UniversalServerRequest): Promise<UniversalServerResponse> {
    await letThrough(request);
    const answer = await answerOf(await handler(toConnect(request, handler)));
    return toResponse(
      request.header.has("authorization") ? answer : missingHeader("Authorization"),
    );
  }
  return Object.assign(login, handler, {
    requestPath: loginRoute.path,
    allowedMethods: [loginRoute.verb],
  });
}

/** The body is ignored, and must not wait, unread, for the login's turn. */
async function letThrough({ body }: UniversalServerRequest): Promise<void> {
  await (body as Partial<AsyncIterable<Uint8Array>>)[Symbol.asyncIterator]?.().return?.();
}

/** The same login in the form of Connect. Only the headers of the request matter. */
function toConnect(
  request: UniversalServerRequest,
  handler: UniversalHandler,
): UniversalServerRequest {
  const header = new Headers(request.header);
  for (const name of ["accept-encoding", "content-encoding", "content-length"]) {
    header.delete(name);
  }
  header.set("content-type", contentTypeUnaryJson);
  return requestWith(request, {
    url: new URL(handler.requestPath, request.url).toString(),
    header,
    body: createAsyncIterable([new TextEncoder().encode("{}")]),
  });
}

async function answerOf(response: UniversalServerResponse): Promise<HttpAnswer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  if (response.status === 200) {
    return { status: 200, headers: json, body: line(JSON.parse(body.toString()).token) };
  }
  const otherwise = failedLogin({ code: codeFromHttpStatus(response.status) });
  return errorAnswer(errorFromJsonBytes(body, response.header, otherwise));
}

function toResponse({ status, headers, body }: HttpAnswer): UniversalServerResponse {
  return {
    status,
    header: new Headers(headers),
    body: createAsyncIterable([Buffer.from(body ?? "")]),
  };
}
