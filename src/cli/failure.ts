import { ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { PostProgressSchema } from "../gen/chatter_pb.js";
import { visible } from "../protocol/visible-text.js";
import {
  cannotConnect,
  clientCertificateRequired,
  connectionClosedBy,
  connectionFailed,
  noHttp2,
  noTls,
  notFound,
  perhapsTls,
  tooManyFiles,
} from "./errors.js";

/**
 * A failure in one line, without the stack of its cause: for a call, the code and the text, and
 * what a posting stream has stored all the same.
 */
export function describeFailure(error: unknown): string {
  if (error instanceof ConnectError) {
    return oneLine(`${codeToString(error.code)}: ${error.rawMessage}${describeProgress(error)}`);
  }
  const { code } = error as { code?: unknown };
  if (code === "EMFILE" || code === "ENFILE") {
    return tooManyFiles.text;
  }
  return oneLine(error instanceof Error ? error.message : String(error));
}

/**
 * Adds to a call's error what the user can do about it, where that is known.
 *
 * @param url where the call went, without a slash at the end
 */
export function explainFailure(failure: unknown, url: string): unknown {
  if (!(failure instanceof ConnectError)) {
    return failure;
  }
  return connectionFault(failure, url) ?? failure;
}

/** What is wrong with the connection; undefined if the failure is the server's answer. */
function connectionFault(failure: ConnectError, url: string): ConnectError | undefined {
  const error = systemError(failure.cause);
  const secureUrl = url.replace("http:", "https:");
  if (error === undefined) {
    if (secureUrl !== url && failure.rawMessage.endsWith(": HTTP 400")) {
      return perhapsTls({ reason: failure.rawMessage, url: secureUrl });
    }
    if (failure.rawMessage === "HTTP 404") {
      return notFound({ url });
    }
    // So Node reports a connection that was closed under its streams.
    return failure.rawMessage.endsWith("http/2 stream closed with error code CANCEL (0x8)")
      ? connectionClosedBy({ url })
      : undefined;
  }
  if (error.syscall === "connect" || error.syscall === "getaddrinfo") {
    return cannotConnect({ url, reason: error.code ?? error.message });
  }
  if (error.message.includes("wrong version number")) {
    return noTls({ url, other: url.replace("https:", "http:") });
  }
  if (error.code === "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED") {
    return clientCertificateRequired({ url });
  }
  if (error.code === "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL") {
    return noHttp2({ url, hint: "" });
  }
  if (error.code === "ERR_HTTP2_ERROR" && error.message === "Protocol error") {
    return noHttp2({
      url,
      hint: secureUrl === url ? "" : `, or ${secureUrl} if that port has TLS`,
    });
  }
  return connectionFailed({ url, reason: error.message });
}

/** The error of Node (network, TLS, HTTP/2) that caused the failure of a call; else undefined. */
function systemError(cause: unknown): NodeJS.ErrnoException | undefined {
  if (!(cause instanceof Error) || cause instanceof ConnectError) {
    return undefined;
  }
  // localhost has two addresses: both were tried.
  const error = cause instanceof AggregateError ? cause.errors[0] : cause;
  return typeof error.code === "string" ? error : systemError(error.cause);
}

/** "; 41 messages stored, the last is sequence 99" if it is a posting stream's error. */
function describeProgress(error: ConnectError): string {
  const progress = error.findDetails(PostProgressSchema)[0];
  if (progress === undefined) {
    return "";
  }
  const { stored, lastSequence } = progress;
  if (stored === 0n) {
    return "; no message stored";
  }
  return `; ${stored} ${stored === 1n ? "message" : "messages"} stored, the last is sequence ${lastSequence}`;
}

/** A server's text must not move the terminal's cursor or look like a second line. */
function oneLine(text: string): string {
  return visible(text.replace(/\s+/g, " ").trim());
}
