import { once } from "node:events";
import { type DescMessage, type JsonObject, type MessageShape, toJson } from "@bufbuild/protobuf";
import { visible } from "../protocol/visible-text.js";
import type { OutputOptions } from "./options.js";
import { textForm } from "./text-form.js";

/** Prints results on standard output. */
export interface Printer {
  /**
   * Prints one message with the names of the schema, and waits while the reader of the
   * output is behind.
   *
   * @param every whether fields with their default value are printed too
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
  const object = (value: object) => {
    const lines =
      form === "text" ? textForm(value) : visibleLines(JSON.stringify(value, null, indent));
    return writeOutput(`${lines}\n`, signal);
  };
  return {
    object,
    message(schema, message, every = false) {
      const options = { useProtoFieldName: true, alwaysEmitImplicit: every };
      return object(withoutMain(toJson(schema, message, options) as JsonObject));
    },
  };
}

/** Leaves out the empty name of the room `main`, also in nested messages: nobody named one. */
function withoutMain(object: JsonObject): JsonObject {
  const fields = Object.entries(object).filter(([name, value]) => name !== "room" || value !== "");
  return Object.fromEntries(
    fields.map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map((each) => withoutMain(each as JsonObject)) : value,
    ]),
  );
}

/** Writes to standard output, and waits while its reader is behind, or until the signal. */
export async function writeOutput(text: string | Uint8Array, signal?: AbortSignal): Promise<void> {
  if (!process.stdout.write(text)) {
    await once(process.stdout, "drain", { signal });
  }
}

/**
 * Lines of JSON with the same meaning that are safe for a terminal: JSON itself escapes only the
 * control characters up to 0x1f.
 */
export function visibleLines(json: string): string {
  return visible(json, "\n");
}
