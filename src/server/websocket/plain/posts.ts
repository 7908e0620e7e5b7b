import { Code, ConnectError } from "@connectrpc/connect";
import { envelopeHeadLength, writeEnvelopeHead } from "../../service/envelope.js";

/** The field `message`, which ListenerRequest, SummaryRequest and EchoerRequest share. */
const messageTag = 0x0a;
/** Most bytes of an envelope beside the text: its head, the tag and the text's length. */
const overhead = envelopeHeadLength + 1 + 5;

/** What nearly every message of a client begins with. */
const quote = 0x22;

/**
 * Reads the text of a client's message: a JSON string. Throws `invalid_argument` if it is
 * something else.
 */
export function readPost(data: Buffer): string {
  let value: unknown;
  try {
    value = JSON.parse(data.toString());
  } catch {
    throw invalid("the message is not JSON: send JSON strings, then null");
  }
  if (typeof value !== "string") {
    throw invalid(`the message is ${kindOf(value)}: send JSON strings, then null`);
  }
  // An escape can stand for half a character, which no UTF-8 can.
  if (/\p{Surrogate}/u.test(value)) {
    throw invalid("the message has an unpaired surrogate, which is no Unicode text");
  }
  return value;
}

/** Whether a client's message is JSON's `null`. */
export function isNull(data: Buffer): boolean {
  return data[0] !== quote && /^[ \t\r\n]*null[ \t\r\n]*$/.test(data.toString("latin1"));
}

/** The request messages of some texts, each in its envelope. */
export function encodePosts(texts: readonly string[]): Uint8Array {
  const lengths = texts.map((text) => Buffer.byteLength(text));
  const most = lengths.reduce((sum, length) => sum + length + overhead, 0);
  const target = Buffer.allocUnsafe(most);
  let end = 0;
  for (const [i, text] of texts.entries()) {
    const head = end;
    end += envelopeHeadLength;
    target[end++] = messageTag;
    let rest = lengths[i]!;
    for (; rest > 127; rest >>>= 7) {
      target[end++] = (rest & 127) | 128;
    }
    target[end++] = rest;
    end += target.write(text, end, "utf8");
    writeEnvelopeHead(target, head, end - head - envelopeHeadLength);
  }
  return target.subarray(0, end);
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? "an array" : `a JSON ${typeof value}`;
}

function invalid(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}
