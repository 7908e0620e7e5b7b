/** One complete WebSocket message. */
export interface Message {
  readonly data: Buffer;
  /** False for text, which is valid UTF-8. */
  readonly binary: boolean;
}
