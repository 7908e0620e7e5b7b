/* For programs that mount Chatter in a Node server of their own. */
export type { Auth, Identity, IssuedToken } from "./auth/auth.js";
export { type AuthOptions, createAuth } from "./auth/create-auth.js";
export {
  createIssuerKeys,
  type IssuerKeys,
  type IssuerKeysOptions,
} from "./auth/issuer/issuer-keys.js";
export {
  createIssuerTokens,
  type IssuerTokens,
  type IssuerTokensOptions,
} from "./auth/issuer/issuer-tokens.js";
export {
  type PublicKey,
  parseSigningKey,
  parseSigningKeys,
  readSigningKey,
  readSigningKeys,
  type SigningKey,
} from "./auth/keys/signing-key.js";
export {
  type SigningKeys,
  type WatchedSigningKeys,
  watchSigningKeys,
} from "./auth/keys/signing-keys.js";
export {
  createRevocations,
  type RevocationList,
  type Revocations,
} from "./auth/revocations/revocations.js";
export {
  type WatchedRevocations,
  watchRevocationsFile,
} from "./auth/revocations/watched-revocations.js";
export { createTokens, type Tokens, type TokensOptions } from "./auth/tokens.js";
export { createUsers, type NewUser, newUser, type User, type Users } from "./auth/users/users.js";
export { readUsersFile } from "./auth/users/users-file.js";
export { type WatchedUsers, watchUsersFile } from "./auth/users/watched-users.js";
export { type Chatter, createChatter } from "./chatter.js";
export type { ChatterOptions, WebSocketSettings } from "./chatter-options.js";
export { encodeEnvelopes } from "./encoding/envelope.js";
export { type ChatterServer, type ListenOptions, listen } from "./http/server.js";
export type { Certificate } from "./http/tls/certificate.js";
export type { RefusedCertificate } from "./http/tls/client-certificate.js";
export type { TlsOptions } from "./http/tls/tls.js";
export { defaultLimits, type LimitName, type Limits } from "./limits/limits.js";
export { openFileLog } from "./log/file/file-log.js";
export { createMemoryLog } from "./log/memory-log.js";
export type {
  AppendResult,
  Batch,
  MessageLog,
  NewMessage,
  Position,
  ReadOptions,
} from "./log/message-log.js";
export { type NatsLogOptions, openNatsLog } from "./log/nats/nats-log.js";
export type { CommitFigures, LogObserver } from "./log/observer.js";
export { createMetrics, type Metrics, type MetricsOptions } from "./metrics/metrics.js";
export { callerOf, certificateNameOf } from "./service/call/context.js";
export type { RouteAccess } from "./service/call/method-access.js";
export { accept, receive, respond } from "./service/passthrough/stream-io.js";
export type { Logger } from "./util/logger.js";
export {
  type CloseOptions,
  createWebSocketBridge,
  type WebSocketBridge,
  type WebSocketBridgeOptions,
} from "./websocket/bridge.js";
export type { HttpAnswer } from "./websocket/http-answer.js";
export type { MessageSocket, MessageSocketOptions } from "./websocket/message-socket.js";
export type { Message } from "./websocket/message-store.js";
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
