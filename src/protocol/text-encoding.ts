import { configureTextEncoding } from "@bufbuild/protobuf/wire";

/** Bytes that are not UTF-8 are an error: a text is read as it was written, or not at all. */
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();
const surrogate = /\p{Surrogate}/u;

/**
 * Makes protobuf keep a byte order mark at the start of a text, which is a character like any other
 * there: its own decoders drop it, so that a different text would be read than was stored. For the
 * whole process, or page: the library has no narrower setting.
 */
export function keepByteOrderMarks(): void {
  configureTextEncoding({
    encodeUtf8: (text) => encoder.encode(text),
    decodeUtf8: (bytes, isStrict) => (isStrict ? strict : lenient).decode(bytes),
    // Not every browser has isWellFormed.
    checkUtf8: (text) => text.isWellFormed?.() ?? !surrogate.test(text),
  });
}
