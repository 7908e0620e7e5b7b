import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { decodeEnvelopes } from "../../service/envelope.js";

/** Makes the texts for a client of a run of response messages in their envelopes. */
export type Answers = (envelopes: Uint8Array) => readonly string[];

/** A value as goa writes it: JSON and a newline. */
export function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/** One text for each message. */
export function answers<Desc extends DescMessage>(
  schema: Desc,
  toJson: (message: MessageShape<Desc>) => unknown,
): Answers {
  return (envelopes) => {
    const texts: string[] = [];
    for (const message of decodeEnvelopes(schema, envelopes)) {
      texts.push(line(toJson(message)));
    }
    return texts;
  };
}

/** How many bytes of envelopes the texts are kept of; they take about three times as much. */
const maxSharedBytes = 1024 * 1024;

/**
 * The same, made once for all who are handed the same bytes: everybody who reads a batch
 * of the log near its head.
 */
export function shared(make: Answers): Answers {
  const made = new Map<Uint8Array, readonly string[]>();
  let madeBytes = 0;
  return (envelopes) => {
    const known = made.get(envelopes);
    if (known !== undefined) {
      return known;
    }
    const texts = make(envelopes);
    made.set(envelopes, texts);
    madeBytes += envelopes.length;
    for (const oldest of made.keys()) {
      if (madeBytes <= maxSharedBytes) {
        break;
      }
      made.delete(oldest);
      madeBytes -= oldest.length;
    }
    return texts;
  };
}

/** Nothing is said to the client but the end. */
export const nothing: Answers = () => [];
