import { randomBytes } from "node:crypto";
import { Code, type ConnectError } from "@connectrpc/connect";
import { codeToHttpStatus, codeToString } from "@connectrpc/connect/protocol-connect";
import { retryAfterHeader } from "../../limits/over-limit.js";
import { missingField } from "../errors.js";
import type { HttpAnswer } from "../http-answer.js";
import { line } from "./responses.js";

/*
 * Errors over HTTP in the form of servers that goa generated: the two that its design names are a
 * header and only the text, all others are an object.
 */

/** The errors of goa's design, by their code. */
const named = new Map([
  [Code.Unauthenticated, "unauthorized"],
  [Code.PermissionDenied, "invalid-scopes"],
]);

/** The answer to a call that failed before its upgrade, or to a failed login. */
export function errorAnswer({ code, rawMessage, metadata }: ConnectError): HttpAnswer {
  const status = codeToHttpStatus(code);
  const name = named.get(code);
  const retryAfter = metadata.get(retryAfterHeader);
  return name === undefined
    ? objectAnswer(status, codeToString(code), rawMessage, code, retryAfter)
    : { status, headers: { ...json, "goa-error": name }, body: line(rawMessage) };
}

/** 400: a header is missing. */
export function missingHeader(name: string): HttpAnswer {
  return objectAnswer(400, "missing_field", missingField({ name }).rawMessage);
}

/** Headers of every JSON answer. Some contain tokens: no cache may keep one. */
export const json = { "Content-Type": "application/json", "Cache-Control": "no-store" } as const;

function objectAnswer(
  status: number,
  name: string,
  message: string,
  code?: Code,
  retryAfter?: string | null,
): HttpAnswer {
  return {
    status,
    headers: retryAfter ? { ...json, "Retry-After": retryAfter } : json,
    body: line({
      name,
      id: randomBytes(6).toString("base64url"),
      message,
      temporary: code === Code.Unavailable || code === Code.ResourceExhausted,
      timeout: code === Code.DeadlineExceeded,
      fault: code === Code.Internal || code === Code.Unknown || code === Code.DataLoss,
    }),
  };
}
