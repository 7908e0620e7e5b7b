import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { decodeEnvelopes, envelopeEnd, envelopePrefixLength } from "../../encoding/envelope.js";
import { readStored, type StoredFields } from "../../encoding/stored-message.js";

/** Makes the texts for a client from a batch of response messages in their envelopes. */
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
 * The same for stored messages and events, which are parsed by hand: that takes a third of the time
 * of reflection, and these are the most frequent messages.
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

/** The texts of this many bytes of envelopes are kept; they take about three times as much. */
const maxSharedBytes = 1024 * 1024;

/**
 * The same, made once for all who get the same bytes: everybody who reads a batch of the log near
 * its head.
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

/** Only the end is reported to the client. */
export const nothing: ToTexts = () => [];
