import { type Code, ConnectError } from "@connectrpc/connect";
import { UsageError } from "./usage-error.js";

/*
 * Every error that a peer or a user can meet is defined once, in the file `errors.ts` of its
 * folder. The comment before a definition says when the error occurs and, after "Remedy:", what to
 * do about it: docs/errors.md is made from these. They are comments so that no browser has to load
 * them.
 */

/**
 * A kind of error: a function that makes such errors. In its text, `<name>` stands for the value
 * that the caller passes under this name.
 */
export type ErrorKind<Text extends string, SeenAs, Extras, Made> = SeenAs & {
  readonly text: Text;
} & ((...values: ValuesOf<Text, Extras>) => Made);

type ValuesOf<Text extends string, Extras> = [NamesIn<Text>] extends [never]
  ? [extras?: Extras]
  : [values: { readonly [Name in NamesIn<Text>]: string | number } & Extras];

type NamesIn<Text extends string> = Text extends `${string}<${infer Name}>${infer Rest}`
  ? Name | NamesIn<Rest>
  : never;

/** The parts of an error besides its text. */
export interface ErrorExtras {
  readonly cause?: unknown;
  /** In place of the kind's own code. */
  readonly code?: Code;
  readonly metadata?: HeadersInit;
}

/** Defines an error of a call: a `ConnectError`. */
export function defineError<const Text extends string>(code: Code, text: Text) {
  const make = (text: string, extras: ErrorExtras) =>
    new ConnectError(text, extras.code ?? code, extras.metadata, undefined, extras.cause);
  return defineKind(text, { code }, make);
}

/** Defines an error that does not belong to a call: of wrong options, or of a failed command. */
export function defineFailure<const Text extends string>(
  text: Text,
  type: new (text: string, options: ErrorOptions) => Error = Error,
) {
  return defineKind(text, { type }, (text, { cause }: ErrorOptions) => new type(text, { cause }));
}

/** Defines wrong usage of a command, or a wrong setting: a `UsageError`, and the exit status 2. */
export function defineUsageError<const Text extends string>(text: Text) {
  return defineKind(text, { exitStatus: 2 }, (text) => new UsageError(text));
}

/**
 * Defines a kind of error. `make` gets the text, with its values filled in, and the extras.
 *
 * @param seenAs how the error is seen, for docs/errors.md: a code, a status or a class
 */
export function defineKind<
  const Text extends string,
  SeenAs extends object,
  Extras extends object,
  Made,
>(
  text: Text,
  seenAs: SeenAs,
  make: (text: string, extras: Extras) => Made,
): ErrorKind<Text, SeenAs, Extras, Made> {
  const kind = (given: object = {}) => {
    const values = given as Readonly<Record<string, unknown>>;
    const filled = text.replace(/<(\w+)>/g, (_, name: string) => String(values[name]));
    return make(filled, given as Extras);
  };
  return Object.assign(kind, seenAs, { text }) as unknown as ErrorKind<Text, SeenAs, Extras, Made>;
}

/** The same error with some parts replaced. */
export function withChanges(
  error: ConnectError,
  changes: Omit<ErrorExtras, "metadata"> & { text?: string; details?: ConnectError["details"] },
): ConnectError {
  const { text = error.rawMessage, code = error.code, cause = error.cause } = changes;
  const changed = new ConnectError(text, code, error.metadata, undefined, cause);
  changed.details.push(...(changes.details ?? error.details));
  return changed;
}
