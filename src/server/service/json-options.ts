/**
 * Rejects lone surrogates, too: no protocol could quote them in an error, and no log store them.
 */
class JsonDecoder extends TextDecoder {
  override decode(...input: Parameters<TextDecoder["decode"]>): string {
    const json = super.decode(...input);
    if (json.includes("\\u") && hasHalfPair(json)) {
      throw new Error("the JSON has half of a surrogate pair: write both, or the character itself");
    }
    return json;
  }
}

/** Whether an escape is a surrogate without its other half. */
function hasHalfPair(json: string): boolean {
  /** Where the second half is expected. */
  let due: number | undefined;
  for (const {
    0: { length },
    1: digits,
    index,
  } of json.matchAll(/\\(?:u([\da-f]{4})|.)/gis)) {
    const unit = digits === undefined ? 0 : Number.parseInt(digits, 16);
    const isSecond = unit >= 0xdc00 && unit <= 0xdfff;
    if (isSecond !== (due !== undefined) || (isSecond && index !== due)) {
      return true;
    }
    due = unit >= 0xd800 && unit <= 0xdbff ? index + length : undefined;
  }
  return due !== undefined;
}

/**
 * Options for parsing JSON: bytes that are not UTF-8, lone surrogates and fields that the schema
 * does not have are `invalid_argument`. With a misspelt `view`, History would otherwise send
 * everything.
 */
export const jsonOptions = {
  ignoreUnknownFields: false,
  textDecoder: new JsonDecoder("utf-8", { fatal: true }),
};
