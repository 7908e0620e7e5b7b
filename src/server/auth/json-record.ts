import { malformedFile } from "./errors.js";

/** Throws an error that says what is wrong with a file. */
export type Fail = (fault: string) => never;

/** Throws `failed_precondition`: the name of the file, and what is wrong there. */
export function failureOf(source: string): Fail {
  return (fault) => {
    throw malformedFile({ file: source, fault });
  };
}

/** Parses the text of a file as JSON. Errors quote nothing of it. */
export function parseJson(text: string, fail: Fail): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // V8's error quotes the text, and so keys and hashes: it is not even kept as the cause.
    return fail("is not JSON");
  }
}

/**
 * Whether a JSON value is an object with these fields, and no others but the optional ones: a
 * misspelled field is not ignored.
 */
export function isRecord(
  value: unknown,
  names: readonly string[],
  optional: readonly string[] = [],
): value is Record<string, unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    names.every((name) => Object.hasOwn(value, name)) &&
    Object.keys(value).every((name) => names.includes(name) || optional.includes(name))
  );
}

/**
 * The time in a text such as "2025-01-31T12:00:00.000Z", in milliseconds since 1970; else
 * undefined.
 */
export function timeOf(value: unknown): number | undefined {
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}
