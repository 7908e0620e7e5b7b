/*
 * What someone needs who mounts Chatter in a Node server of their own.
 */
export type { Auth, Identity, IssuedToken } from "./auth/auth.js";
export { type AuthOptions, createAuth } from "./auth/create-auth.js";
export { createIssuerKeys, type IssuerKeys, type IssuerKeysOptions } from "./auth/issuer-keys.js";
export {
  createIssuerTokens,
  type IssuerTokens,
  type IssuerTokensOptions,
} from "./auth/issuer-tokens.js";
export { createRevocations, type RevocationList, type Revocations } from "./auth/revocations.js";
export {
  type PublicKey,
  parseSigningKey,
  parseSigningKeys,
  readSigningKey,
  readSigningKeys,
  type SigningKey,
} from "./auth/signing-key.js";
export {
  type SigningKeys,
  type WatchedSigningKeys,
  watchSigningKeys,
} from "./auth/signing-keys.js";
export { createTokens, type Tokens, type TokensOptions } from "./auth/tokens.js";
export { createUsers, type NewUser, newUser, type User, type Users } from "./auth/users.js";
export { readUsersFile } from "./auth/users-file.js";
export { type WatchedRevocations, watchRevocationsFile } from "./auth/watched-revocations.js";
export { type WatchedUsers, watchUsersFile } from "./auth/watched-users.js";
export { type Chatter, createChatter } from "./chatter.js";
export type { ChatterOptions, WebSocketSettings } from "./chatter-options.js";
export type { Certificate } from "./http/certificate.js";
export { type ChatterServer, type ListenOptions, listen } from "./http/server.js";
export { defaultLimits, type LimitName, type Limits } from "./limits/limits.js";
export { openLevelLog } from "./log/level-log.js";
export type { CommitFigures, LogObserver } from "./log/log-observer.js";
export { createMemoryLog } from "./log/memory-log.js";
export type {
  AppendResult,
  Batch,
  MessageLog,
  NewMessage,
  Position,
  ReadOptions,
} from "./log/message-log.js";
export { type NatsLogOptions, openNatsLog } from "./log/nats-log.js";
export { createMetrics, type Metrics, type MetricsOptions } from "./metrics/metrics.js";
export type { Logger } from "./service/call-log.js";
export { callerOf } from "./service/identity.js";
export {
  type CloseOptions,
  createWebSocketBridge,
  type WebSocketBridge,
  type WebSocketBridgeOptions,
} from "./websocket/bridge.js";
export type { HttpAnswer } from "./websocket/http-answer.js";
export type { Message, MessageSocket, MessageSocketOptions } from "./websocket/message-socket.js";
export { type PingPolicyOptions, pingPolicy } from "./websocket/ping-policy.js";
export type {
  AcceptOptions,
  ConfigureConnection,
  ConfiguredCall,
  ConnectionOptions,
  SocketOptions,
  Upgrade,
  WebSocketRoute,
} from "./websocket/route.js";
