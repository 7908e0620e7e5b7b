/* The types that both entries of the package have. */
export type { HistoryResponse, SubscribeResponse } from "../gen/chatter_pb.js";
export type { ChatterClient, ChatterClientOptions, TransportName } from "./chatter-client.js";
export type { ConnectionState, StateListener } from "./connection-state.js";
export type { HistoryOptions } from "./history.js";
export type { Posted } from "./post-queue.js";
export type { Publisher, PublisherOptions } from "./publisher.js";
export type { SubscribeOptions, Subscription } from "./subscription.js";
export type { ClientAuth } from "./token-source.js";
export type {
  WebSocketClientCall,
  WebSocketClientOptions,
  WebSocketConstructor,
  WebSocketLike,
} from "./websocket-client.js";
export type { WebSocketTransportOptions } from "./websocket-transport.js";
