import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { decodeEnvelopes } from "../../service/envelope.js";
import { line } from "./goa-error.js";

/** Makes the texts for a client of a run of response messages in their envelopes. */
export type Answers = (envelopes: Uint8Array) => readonly string[];

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

/**
 * The same, made once for all who are handed the same bytes: everybody who reads a batch
 * of the log near its head. They live as long as the bytes do.
 */
export function shared(make: Answers): Answers {
  const made = new WeakMap<Uint8Array, readonly string[]>();
  return (envelopes) => {
    let texts = made.get(envelopes);
    if (texts === undefined) {
      texts = make(envelopes);
      made.set(envelopes, texts);
    }
    return texts;
  };
}

/** Nothing is said to the client but the end. */
export const nothing: Answers = () => [];
