/**
 * The next result of a body. A chunk may be marked as the last one: then the consumer of the body
 * need not continue reading, and wait for the end.
 */
export type ChunkResult = IteratorResult<Uint8Array> & { readonly isLast?: boolean };

/** Whether it is the last chunk. */
export function isEnd({ done, isLast }: ChunkResult): boolean {
  return done === true || isLast === true;
}
