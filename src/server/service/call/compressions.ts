import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";
import { malformedCompression } from "./errors.js";

/**
 * The compressions that clients may use. Data that cannot be decompressed is `invalid_argument`.
 */
export const compressions: readonly Compression[] = [compressionGzip, compressionBrotli].map(
  (compression) => ({
    ...compression,
    async decompress(bytes, readMaxBytes) {
      try {
        return await compression.decompress(bytes, readMaxBytes);
      } catch (error) {
        throw asClientFault(error, compression.name);
      }
    },
  }),
);

/** Node's error for a lack of memory is the only one that is not caused by the data. */
function asClientFault(error: unknown, name: string): unknown {
  const { code, cause } = ConnectError.from(error);
  if (code === Code.ResourceExhausted || (cause as NodeJS.ErrnoException)?.code === "Z_MEM_ERROR") {
    return error;
  }
  return malformedCompression({ encoding: name, cause });
}
