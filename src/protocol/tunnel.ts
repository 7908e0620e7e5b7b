/*
 * The wire of the WebSocket tunnel, `connect-tunnel.v1`: one Connect call in one socket. Both
 * halves are built on this file; docs/tunnel.md describes it in words.
 *
 * Text messages are control, binary messages are chunks of the HTTP body, verbatim; the boundaries
 * of the chunks mean nothing.
 */

import {
  controlNotJson,
  controlNotObject,
  invalidCredit,
  invalidHeader,
  invalidHeaders,
  invalidStatus,
  unknownClientControl,
  unknownServerControl,
} from "./errors.js";

/** The subprotocol that the client offers and the server chooses. */
export const tunnelProtocol = "connect-tunnel.v1";

/** Maximum size of the client's first message, in bytes. Beyond: close code 1009. */
export const openingLimit = 16 * 1024;

/** How long the server waits for the client's first message, in milliseconds: then 1008. */
export const openingTimeoutMs = 5_000;

/** How many bytes of body either half may send beyond the credit it was given. */
export const aheadOfCredit = 256 * 1024;

/** How often the server sends an empty binary message, in milliseconds. */
export const heartbeatMs = 20_000;

/**
 * Maximum size of a message that the server accepts unless set otherwise: 512 KiB in its envelope.
 */
export const messageLimit = 512 * 1024 + 5;

/** The sender will take this many more bytes of body. */
interface Credit {
  readonly kind: "credit";
  readonly bytes: number;
}

/** The contents of a text message of the client. */
export type ClientControl =
  | {
      readonly kind: "opening";
      readonly headers: Headers;
      /** The first credit; if it is given, the client respects credit itself. */
      readonly credit: number | undefined;
    }
  | Credit
  /** It has no more to send. */
  | { readonly kind: "end" };

/** The contents of a text message of the server. */
export type ServerControl =
  | { readonly kind: "opening"; readonly status: number; readonly headers: Headers }
  | Credit
  /** The response is complete. */
  | { readonly kind: "end"; readonly trailers: Headers };

/** The client's first message, with its first credit. */
export function formatClientOpening(headers: Headers, credit: number): string {
  return JSON.stringify({ headers: headersToJson(headers), credit });
}

/** Gives the other half credit for this many more bytes of body. */
export function formatCredit(bytes: number): string {
  return JSON.stringify({ credit: bytes });
}

/** The client has no more to send. */
export const noMore = "null";

/** The server's first message. */
export function formatServerOpening(status: number, headers: Headers): string {
  return JSON.stringify({ status, headers: headersToJson(headers) });
}

/** The server's last message; trailers only if there are any. */
export function formatEnd(trailers: Headers): string {
  const json = headersToJson(trailers);
  return JSON.stringify(
    Object.keys(json).length > 0 ? { end: true, trailers: json } : { end: true },
  );
}

/**
 * Reads a text message of the client. Unknown keys are ignored.
 *
 * Throws a TunnelFault: 1003 if the text is neither an object nor `null` (it must be body, which is
 * binary), 1002 if it is an object with nothing known in it, or with invalid values.
 */
export function parseClientControl(text: string): ClientControl {
  const value = parseControl(text);
  if (value === null) {
    return { kind: "end" };
  }
  const credit = "credit" in value ? creditFromJson(value.credit) : undefined;
  if ("headers" in value) {
    return { kind: "opening", headers: headersFromJson(value.headers, "headers"), credit };
  }
  if (credit !== undefined) {
    return { kind: "credit", bytes: credit };
  }
  throw unknownClientControl();
}

/** Reads a text message of the server; errors as {@link parseClientControl}. */
export function parseServerControl(text: string): ServerControl {
  const value = parseControl(text);
  if (value !== null && "status" in value) {
    const status = value.status;
    if (typeof status !== "number" || !Number.isInteger(status) || status < 100 || status > 999) {
      throw invalidStatus();
    }
    return { kind: "opening", status, headers: headersFromJson(value.headers ?? {}, "headers") };
  }
  if (value !== null && "credit" in value) {
    return { kind: "credit", bytes: creditFromJson(value.credit) };
  }
  if (value !== null && value.end === true) {
    return { kind: "end", trailers: headersFromJson(value.trailers ?? {}, "trailers") };
  }
  throw unknownServerControl();
}

function parseControl(text: string): Record<string, unknown> | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw controlNotJson();
  }
  if (typeof value !== "object" || Array.isArray(value)) {
    throw controlNotObject();
  }
  return value as Record<string, unknown> | null;
}

function creditFromJson(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw invalidCredit();
  }
  return value;
}

function headersToJson(headers: Headers): Record<string, string[]> {
  // No prototype: a header may have any name.
  const json: Record<string, string[]> = Object.create(null);
  for (const [name, value] of headers) {
    json[name] ??= [];
    json[name].push(value);
  }
  return json;
}

function headersFromJson(json: unknown, key: string): Headers {
  const wrong = () => invalidHeaders({ key });
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw wrong();
  }
  const headers = new Headers();
  for (const [name, values] of Object.entries(json)) {
    if (!Array.isArray(values)) {
      throw wrong();
    }
    for (const value of values) {
      if (typeof value !== "string") {
        throw wrong();
      }
      try {
        headers.append(name, value);
      } catch {
        throw invalidHeader({ key });
      }
    }
  }
  return headers;
}
