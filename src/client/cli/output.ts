import { once } from "node:events";
import { type DescMessage, type MessageShape, toJson } from "@bufbuild/protobuf";
import type { OutputOptions } from "./options.js";

/** JSON indented by four spaces, or one object a line. */
export type OutputForm = "pretty" | "jsonl";

/** Prints results on standard output. */
export interface Printer {
  /**
   * Prints one message with the names of the schema, and waits while the reader of the
   * output is behind.
   *
   * @param every whether fields that have their default are printed too
   */
  message<T extends DescMessage>(
    schema: T,
    message: MessageShape<T>,
    every?: boolean,
  ): Promise<void>;
  /** Prints any other object, as {@link message} does. */
  object(value: object): Promise<void>;
}

/** Makes a printer; the signal ends a wait for the reader. */
export function createPrinter(options: OutputOptions, signal?: AbortSignal): Printer {
  const form = options.output ?? (process.stdout.isTTY ? "pretty" : "jsonl");
  const indent = form === "pretty" ? 4 : 0;
  const object = (value: unknown) =>
    writeOutput(`${escapeControls(JSON.stringify(value, null, indent))}\n`, signal);
  return {
    object,
    message: (schema, message, every = false) =>
      object(toJson(schema, message, { useProtoFieldName: true, alwaysEmitImplicit: every })),
  };
}

/** Writes to standard output, and waits while its reader is behind, or until the signal. */
export async function writeOutput(text: string | Uint8Array, signal?: AbortSignal): Promise<void> {
  if (!process.stdout.write(text)) {
    await once(process.stdout, "drain", { signal });
  }
}

/**
 * JSON leaves the controls from 0x7f to 0x9f as they are, and a terminal may obey them: a
 * message must not.
 */
export function escapeControls(json: string): string {
  return json.replace(
    /[\u007f-\u009f]/g,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
