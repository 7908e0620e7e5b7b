import {
  type DescMessage,
  isMessage,
  type JsonValue,
  type Message,
  toJson,
} from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { mapResults } from "../../async/map-results.js";

/**
 * The same transport, but its results can be passed to `JSON.stringify`, which otherwise refuses
 * their 64-bit numbers: they have a `toJSON` that returns protobuf's JSON. It is not enumerable: a
 * copy of a result's fields does not have it.
 */
export function withJsonResults(transport: Transport): Transport {
  return {
    async unary(method, ...rest) {
      const response = await transport.unary(method, ...rest);
      addToJson(method.output, response.message);
      return response;
    },
    async stream(method, ...rest) {
      const response = await transport.stream(method, ...rest);
      return { ...response, message: eachWithJson(method.output, response.message) };
    },
  };
}

/** The same messages, each with a `toJSON`. */
function eachWithJson<T extends object>(
  schema: DescMessage,
  messages: AsyncIterable<T>,
): AsyncIterable<T> {
  return mapResults(messages, (result) => {
    if (!result.done) {
      addToJson(schema, result.value);
    }
    return result;
  });
}

/** How the messages of one type are prepared. */
interface Plan {
  readonly toJson: PropertyDescriptor;
  /** The fields that have messages, or lists of them, which get a `toJSON` of their own. */
  readonly nested: readonly { readonly name: string; readonly schema: DescMessage }[];
}

const plans = new WeakMap<DescMessage, Plan>();

function planOf(schema: DescMessage): Plan {
  let plan = plans.get(schema);
  if (plan === undefined) {
    const json = toJsonProperty(function (this: object) {
      return toJson(schema, this as Message);
    });
    const nested = schema.fields.flatMap(({ localName: name, message: schema, oneof }) =>
      schema && oneof === undefined ? [{ name, schema }] : [],
    );
    plan = { toJson: json, nested };
    plans.set(schema, plan);
  }
  return plan;
}

function addToJson(schema: DescMessage, message: object): void {
  const { toJson, nested } = planOf(schema);
  Object.defineProperty(message, "toJSON", toJson);
  for (const { name, schema } of nested) {
    const value: unknown = (message as Record<string, unknown>)[name];
    if (Array.isArray(value)) {
      for (const item of value) {
        addToJson(schema, item);
      }
    } else if (isMessage(value, schema)) {
      addToJson(schema, value);
    }
  }
}

/** The property `toJSON` of a result, which no copy of its fields has. */
export function toJsonProperty(toJSON: () => JsonValue): PropertyDescriptor {
  return { value: toJSON, configurable: true, writable: true };
}
