import type { Transport } from "@connectrpc/connect";

/**
 * The same transport, whose streams may be read late, or not at all. Connect's clients open a
 * stream at once, but await it only when its first message is read. If the stream has failed
 * before, the reader must get the error: an unhandled rejection would end the program.
 */
export function withLateReaders(transport: Transport): Transport {
  return {
    unary: (...call) => transport.unary(...call),
    stream(...call) {
      const response = transport.stream(...call);
      response.catch(() => {}); // The reader gets it, too.
      return response;
    },
  };
}
