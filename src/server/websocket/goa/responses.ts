import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { decodeEnvelopes, envelopeEnd, envelopePrefixLength } from "../../encoding/envelope.js";
import { readStored, type StoredFields } from "../../encoding/stored-message.js";

/** Makes the texts for a client of a batch of response messages in their envelopes. */
export type ToTexts = (envelopes: Uint8Array) => readonly string[];

/** A value as goa writes it: JSON and a newline. */
export function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/** One text for each message. */
export function textsOf<Desc extends DescMessage>(
  schema: Desc,
  toJson: (message: MessageShape<Desc>) => unknown,
): ToTexts {
  return (envelopes) => {
    const texts: string[] = [];
    for (const message of decodeEnvelopes(schema, envelopes)) {
      texts.push(line(toJson(message)));
    }
    return texts;
  };
}

/**
 * The same for stored messages and events, which are read by hand: that takes a third of the time
 * that reflection takes, and these are the messages of which there are many.
 */
export function storedTexts(toJson: (fields: StoredFields) => unknown): ToTexts {
  return (envelopes) => {
    const bytes = Buffer.from(envelopes.buffer, envelopes.byteOffset, envelopes.length);
    const texts: string[] = [];
    for (let offset = 0; offset < bytes.length; ) {
      const start = offset + envelopePrefixLength;
      offset = envelopeEnd(bytes, offset);
      texts.push(line(toJson(readStored(bytes, start, offset))));
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
export function shared(make: ToTexts): ToTexts {
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
export const nothing: ToTexts = () => [];
