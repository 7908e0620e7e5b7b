/*
 * Names of headers that both halves must agree on.
 */

/**
 * Response header of every call that Chatter answers itself, on every wire. With it a client
 * tells a refusal of Chatter's, which is final, from that of a proxy, a firewall or a gateway
 * in between, which may be gone in a second.
 */
export const chatterHeader = "chatter-server";

/** The value of {@link chatterHeader}; that it is there is what counts. */
export const chatterHeaderValue = "1";
