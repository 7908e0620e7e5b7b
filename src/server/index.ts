export type { Auth, Identity, IssuedToken } from "./auth/auth.js";
export { createAuth } from "./auth/create-auth.js";
export { createTokens } from "./auth/tokens.js";
export { type Chatter, type ChatterOptions, createChatter } from "./chatter.js";
export { type ChatterServer, type ListenOptions, listen } from "./http/server.js";
export type { MessageLog } from "./log/message-log.js";
export { callerOf } from "./service/identity.js";
