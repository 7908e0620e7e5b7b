/*
 * Names of headers that both halves must agree on.
 */

/**
 * Response header of every call that Chatter answers itself, on every wire. It lets a client
 * distinguish a refusal by Chatter, which is final, from that of a proxy, a firewall or a gateway
 * in between, which may be gone in a second.
 */
export const chatterHeader = "chatter-server";

/** The value of {@link chatterHeader}; only its presence counts. */
export const chatterHeaderValue = "1";

/** Response header of Subscribe: the cursor after which the subscription begins. */
export const cursorHeader = "chatter-cursor";
