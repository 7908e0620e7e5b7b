/* The types that both entries of the package have. */
export type {
  HistoryResponse,
  PostResponse,
  ReadResponse,
  RoomsResponse,
  SubscribeResponse,
} from "../gen/chatter_pb.js";
export type { ChatterClient, ChatterClientOptions, TransportName } from "./chatter-client.js";
export type { ConnectionState, StateListener } from "./connection-state.js";
export type { HistoryOptions } from "./history.js";
export type { PostOptions } from "./posting/post.js";
export type { Posted } from "./posting/post-queue.js";
export type { Publisher, PublisherOptions, PublishOptions } from "./posting/publisher.js";
export type { ReadOptions } from "./read.js";
export type { RoomsOptions } from "./rooms.js";
export type { SubscribeOptions, Subscription } from "./subscription.js";
export type { ClientAuth } from "./token-source.js";
export type { WebSocketClientCall, WebSocketClientOptions } from "./tunnel/client.js";
export type { WebSocketConstructor, WebSocketLike } from "./tunnel/socket.js";
export type { WebSocketTransportOptions } from "./tunnel/transport.js";
