import type { TransportName } from "../../../src/client/chatter-client.js";

/** The wires that the library's promises are tested over. */
export const wireNames: readonly TransportName[] = ["grpc", "connect", "ws"];

/** The demo's account. */
export const demo = { user: "goa", password: "rocks" };
