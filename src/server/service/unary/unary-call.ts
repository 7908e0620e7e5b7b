import { create } from "@bufbuild/protobuf";
import {
  createAsyncIterable,
  createMethodSerializationLookup,
  encodeEnvelope,
  type UniversalHandler,
  type UniversalServerRequest,
  type UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { timedBody } from "../../limits/request-time.js";
import type { UploadTimeouts } from "../../limits/upload-timeouts.js";
import type { Admission } from "../call/access.js";
import { unreadKey } from "../call/context.js";
import { createEnding, type EndingRequest } from "../call/end-response.js";
import { CallValues, requestWith } from "../call/request.js";
import { type Invocation, invoke } from "./invoke.js";
import { type Form, parseUnaryHead } from "./request-form.js";
import { readUnaryMessage } from "./request-message.js";
import { responseMetadata, unaryResponse } from "./response.js";
import type { UnaryMethod } from "./router.js";

/*
 * Connect runs a unary call through some twenty generators, and makes signals and timers that
 * nobody uses. This costs many times as much as the method and everything else that Chatter does
 * for the call. So well-formed calls run here, with the same interceptors and the same method.
 * Everything else (a fault in the request, a compressed message) is passed on to Connect, with
 * what has arrived of the request. If the call ends with an error, Connect makes the response.
 */

export interface UnaryCallOptions {
  /** Maximum size of the request's message, in bytes. */
  readonly maxMessageBytes: number;
  /** Limits how long a request may take to arrive. */
  readonly requests: UploadTimeouts;
  /** Checks the token before the body is read. Undefined: anyone may call. */
  readonly admission: Admission | undefined;
  /** Whether the method, or an interceptor, is foreign code. */
  readonly seenByOthers: boolean;
}

/** The same handler, but calls bypass Connect if possible. */
export function withUnaryCalls(
  handler: UniversalHandler,
  unary: UnaryMethod,
  { maxMessageBytes, requests, admission, seenByOthers }: UnaryCallOptions,
): UniversalHandler {
  const { method, options } = unary;
  const { getI, getO } = createMethodSerializationLookup(
    method,
    options.binaryOptions,
    options.jsonOptions,
    options,
  );
  const ending = createEnding(method, options);

  async function unaryCall(request: UniversalServerRequest): Promise<UniversalServerResponse> {
    const { contextValues, header } = request;
    if (!contextValues) {
      return unaryCall(requestWith(request, { contextValues: new CallValues() }));
    }
    const head = parseUnaryHead(request, options.maxTimeoutMs);
    if (!head || !(Symbol.asyncIterator in (request.body as object))) {
      return handler(request);
    }
    const since = performance.now();
    const { form, query } = head;
    if (admission && !(await admission(header, contextValues))) {
      // The interceptors will refuse the call whatever its message, so an empty one is enough.
      const message = create(method.input);
      return answer(request, { head, since, message }, getI(form.isBinary).serialize(message));
    }
    const timed = timedBody(request.body as AsyncIterable<Uint8Array>, requests);
    const { bytes, body } = query
      ? { bytes: query, body: undefined }
      : await readUnaryMessage(timed, form, maxMessageBytes, contextValues.get(unreadKey));
    if (!bytes) {
      return handler(requestWith(request, { body }));
    }
    const message = parsed(form, bytes);
    if (!message) {
      const again = query ? request.body : createAsyncIterable([bodyOf(form, bytes)]);
      return handler(requestWith(request, { body: again }));
    }
    return answer(request, { head, since, message }, bytes);
  }

  async function answer(
    request: UniversalServerRequest,
    call: Pick<Invocation, "head" | "since" | "message">,
    bytes: Uint8Array,
  ): Promise<UniversalServerResponse> {
    const { form } = call.head;
    const { header } = request;
    const metadata = responseMetadata(form, header, options);
    try {
      const response = await invoke(unary, request, { ...call, metadata, seenByOthers });
      const message = getO(form.isBinary).serialize(response.message);
      return await unaryResponse(form, message, response, header, options);
    } catch (error) {
      return ending(endingRequest(form, header, bytes), { error, ...metadata });
    }
  }

  /** Undefined if it cannot be read. */
  function parsed({ isBinary }: Form, message: Uint8Array) {
    try {
      return getI(isBinary).parse(message);
    } catch {
      return undefined;
    }
  }

  return Object.assign(unaryCall, handler);
}

function endingRequest(form: Form, requestHeader: Headers, message: Uint8Array): EndingRequest {
  const { contentType, acceptEncodingHeader } = form;
  const accepted = requestHeader.get(acceptEncodingHeader);
  return {
    header: {
      "content-type": contentType,
      ...(accepted !== null && { [acceptEncodingHeader]: accepted }),
    },
    body: bodyOf(form, message),
  };
}

function bodyOf({ protocolName }: Form, message: Uint8Array): Uint8Array {
  return protocolName === "connect" ? message : encodeEnvelope(0, message);
}
