import { envelopeHeadLength, envelopeLength } from "../../service/envelope.js";
import { type Answers, line } from "./answers.js";

/*
 * A HistoryResponse and a SubscribeResponse have the same fields under the same numbers,
 * but for the second, which is the text's length in the one and "added" in the other. They
 * are read by hand: it takes a third of the time that reflection takes, and these are the
 * messages of which there are many.
 */

/** What a HistoryResponse or a SubscribeResponse says. */
export interface StoredFields {
  message: string;
  /** Of the message, in bytes of UTF-8. */
  length: number;
  /** Milliseconds since 1970. */
  time: number;
  sequence: number;
  sender: string;
  cursor: string;
}

/** As `answers`, for these two. */
export function storedAnswers(toJson: (fields: StoredFields) => unknown): Answers {
  return (envelopes) => {
    const bytes = Buffer.from(envelopes.buffer, envelopes.byteOffset, envelopes.length);
    const texts: string[] = [];
    for (let offset = 0; offset < bytes.length; ) {
      const start = offset + envelopeHeadLength;
      offset = start + envelopeLength(bytes, offset);
      texts.push(line(toJson(readFields(new Reader(bytes, start), offset))));
    }
    return texts;
  };
}

function readFields(reader: Reader, end: number): StoredFields {
  const fields = { message: "", length: 0, time: 0, sequence: 0, sender: "", cursor: "" };
  while (reader.at < end) {
    const tag = reader.varint();
    const value = reader.varint();
    if ((tag & 7) === 0) {
      if (tag >> 3 === 4) {
        fields.sequence = value;
      }
      continue;
    }
    const after = reader.at + value;
    switch (tag >> 3) {
      case 1:
        fields.message = reader.text(after);
        fields.length = value;
        break;
      case 3:
        fields.time = readTime(reader, after);
        break;
      case 5:
        fields.sender = reader.text(after);
        break;
      case 6:
        fields.cursor = reader.text(after);
        break;
    }
    reader.at = after;
  }
  return fields;
}

/** A Timestamp: seconds and nanoseconds. */
function readTime(reader: Reader, end: number): number {
  let time = 0;
  while (reader.at < end) {
    const tag = reader.varint();
    time += tag >> 3 === 1 ? reader.varint() * 1000 : reader.varint() / 1e6;
  }
  return time;
}

class Reader {
  constructor(
    private readonly bytes: Buffer,
    public at: number,
  ) {}

  varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.bytes[this.at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) {
        return value;
      }
    }
  }

  text(end: number): string {
    return this.bytes.toString("utf8", this.at, end);
  }
}
