import { create, toBinary } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type { Transport } from "@connectrpc/connect";

/** Maximum size of a message in a URL, in bytes: servers and proxies limit the size of headers. */
const maxMessageBytes = 2_048;

/**
 * The transport `post`, but calls without side effects use `get`: GET requests, which proxies in
 * between may repeat by themselves. A message that would make the URL too long is posted.
 */
export function withGetReads(post: Transport, get: Transport): Transport {
  return {
    unary(method, signal, timeoutMs, header, input, contextValues) {
      const isRead = method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
      const isShort = () =>
        toBinary(method.input, create(method.input, input)).length <= maxMessageBytes;
      const { unary } = isRead && isShort() ? get : post;
      return unary(method, signal, timeoutMs, header, input, contextValues);
    },
    stream: post.stream,
  };
}
