import { configureTextEncoding } from "@bufbuild/protobuf/wire";

/** Bytes that are not UTF-8 are an error: a text is stored as it was sent, or not at all. */
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * Has protobuf keep a byte order mark at the start of a text, which is a character like any
 * other there. For the whole process: the library knows no narrower setting.
 */
export function keepByteOrderMarks(): void {
  configureTextEncoding({
    encodeUtf8: (text) => encoder.encode(text),
    decodeUtf8: (bytes, isStrict) => (isStrict ? strict : lenient).decode(bytes),
    checkUtf8: (text) => text.isWellFormed(),
  });
}

/**
 * How JSON is read: bytes that are not UTF-8 and names that the schema does not have are
 * `invalid_argument`. With a misspelt view, History would otherwise send everything.
 */
export const jsonOptions = {
  ignoreUnknownFields: false,
  textDecoder: new TextDecoder("utf-8", { fatal: true }),
};
