import { defineKind } from "../errors/define.js";
import { closeCodes } from "./close-codes.js";

/** A message that the wire does not allow, and the code to close the socket with. */
export class TunnelFault extends Error {
  override readonly name = "TunnelFault";
  constructor(
    readonly closeCode: number,
    message: string,
  ) {
    super(message);
  }
}

/** Defines a fault in the tunnel's order: it closes the socket with this code. */
export function defineTunnelFault<const Text extends string>(closeCode: number, text: Text) {
  return defineKind(text, { closeCode }, (text, _: object) => new TunnelFault(closeCode, text));
}

/**
 * A text message of the client is another object.
 *
 * Remedy: Correct the client by [tunnel.md](tunnel.md).
 */
export const unknownClientControl = defineTunnelFault(
  closeCodes.brokenOrder,
  'a client\'s control message is {"headers": …}, {"credit": …} or null',
);

/**
 * A text message of the server is another object.
 *
 * Remedy: Report it. Look for a proxy that changes WebSocket messages.
 */
export const unknownServerControl = defineTunnelFault(
  closeCodes.brokenOrder,
  'a server\'s control message is {"status": …, "headers": …}, {"credit": …} or {"end": true}',
);

/**
 * The server's opening message has another `status`.
 *
 * Remedy: Report it.
 */
export const invalidStatus = defineTunnelFault(
  closeCodes.brokenOrder,
  '"status" is an HTTP status',
);

/**
 * A text message is not JSON. Often it is body that was sent as text.
 *
 * Remedy: Send body as binary messages.
 */
export const controlNotJson = defineTunnelFault(
  closeCodes.wrongKind,
  "a text message is control, in JSON; body is binary",
);

/**
 * A text message is JSON of another type.
 *
 * Remedy: Send body as binary messages.
 */
export const controlNotObject = defineTunnelFault(
  closeCodes.wrongKind,
  "a text message is control: an object or null",
);

/**
 * A control message has another `credit`.
 *
 * Remedy: Correct the client by [tunnel.md](tunnel.md).
 */
export const invalidCredit = defineTunnelFault(
  closeCodes.brokenOrder,
  '"credit" is a whole number of bytes, from 0',
);

/**
 * `headers` or `trailers` has another shape.
 *
 * Remedy: Correct the client by [tunnel.md](tunnel.md).
 */
export const invalidHeaders = defineTunnelFault(
  closeCodes.brokenOrder,
  '"<key>" is an object of names, each with a list of values',
);

/**
 * `headers` or `trailers` has characters that HTTP headers cannot have.
 *
 * Remedy: Encode the value; binary values are base64 under a name that ends with `-bin`.
 */
export const invalidHeader = defineTunnelFault(
  closeCodes.brokenOrder,
  '"<key>" has a name or a value that is not valid in HTTP',
);
