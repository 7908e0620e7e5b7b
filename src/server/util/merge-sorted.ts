/** The next item of a source, and what follows it. */
interface Head<T> {
  item: T;
  readonly rest: Iterator<T, unknown>;
}

/**
 * Merges sources, each in rising order of rank, into one in that order. Each step costs the
 * logarithm of the number of sources.
 */
export function* mergeSorted<T>(
  sources: Iterable<Iterator<T, unknown>>,
  rank: (item: T) => number,
): Generator<T, void> {
  // A binary heap: the head at i comes before those at 2i + 1 and 2i + 2.
  const heap: Head<T>[] = [];
  for (const rest of sources) {
    const { done, value } = rest.next();
    if (!done) {
      heap.push({ item: value, rest });
    }
  }
  heap.sort((one, other) => rank(one.item) - rank(other.item));
  while (heap.length > 0) {
    const first = heap[0]!;
    yield first.item;
    const { done, value } = first.rest.next();
    if (done) {
      const last = heap.pop()!;
      if (last !== first) {
        heap[0] = last;
      }
    } else {
      first.item = value;
    }
    sink(heap, rank);
  }
}

/** Moves the head at 0 down to its place. */
function sink<T>(heap: Head<T>[], rank: (item: T) => number): void {
  for (let at = 0; ; ) {
    let child = 2 * at + 1;
    if (child >= heap.length) {
      return;
    }
    if (child + 1 < heap.length && rank(heap[child + 1]!.item) < rank(heap[child]!.item)) {
      child++;
    }
    if (rank(heap[at]!.item) <= rank(heap[child]!.item)) {
      return;
    }
    [heap[at], heap[child]] = [heap[child]!, heap[at]!];
    at = child;
  }
}
