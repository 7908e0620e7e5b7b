/**
 * Header fields as Node has them: names in lower case. The fields of HTTP/2 that begin with ":" are
 * not headers.
 */
export type Fields = Readonly<Record<string, string | string[] | undefined>>;

/** Names and values that Headers would keep unchanged, and that are safe as a property. */
const plainName = /^(?!__proto__$|set-cookie$)[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const plainValue = /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/;

/**
 * Headers that keep Node's form as long as fields are only looked up and set: real Headers cost a
 * short call more than its method. For all other uses, and for unusual fields, real ones are
 * created.
 */
export class LazyHeaders implements Headers {
  #fields: Record<string, string | string[] | undefined>;
  #isShared: boolean;
  #real: Headers | undefined;

  /**
   * @param fields default: none
   * @param isShared whether other code uses the fields, so that they must not be changed. Default:
   *   false
   */
  constructor(fields: Fields = {}, isShared = false) {
    this.#fields = fields;
    this.#isShared = isShared;
  }

  /** The fields in Node's form. */
  toNode(): Fields {
    return this.#real ? fieldsOf(this.#real) : this.#fields;
  }

  get(name: string): string | null {
    const value = this.#real ? null : this.#fields[name.toLowerCase()];
    if (value === undefined) {
      return null;
    }
    return typeof value === "string" && !name.startsWith(":") ? value : this.#made.get(name);
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  set(name: string, value: string): void {
    if (this.#real || !plainName.test(name) || !plainValue.test(value)) {
      this.#made.set(name, value);
      return;
    }
    if (this.#isShared) {
      this.#fields = { ...this.#fields };
      this.#isShared = false;
    }
    this.#fields[name] = value;
  }

  append(name: string, value: string): void {
    if (this.has(name)) {
      this.#made.append(name, value);
    } else {
      this.set(name, value);
    }
  }

  delete(name: string): void {
    this.#made.delete(name);
  }

  getSetCookie(): string[] {
    return this.#made.getSetCookie();
  }

  forEach(callback: (value: string, name: string, parent: Headers) => void, self?: unknown): void {
    this.#made.forEach((value, name) => {
      callback.call(self, value, name, this);
    });
  }

  entries() {
    return this.#made.entries();
  }

  keys() {
    return this.#made.keys();
  }

  values() {
    return this.#made.values();
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  get #made(): Headers {
    this.#real ??= realHeaders(this.#fields);
    return this.#real;
  }
}

/** The same fields as Headers. */
function realHeaders(fields: Fields): Headers {
  const real = new Headers();
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || name.startsWith(":")) {
      continue;
    }
    for (const item of Array.isArray(value) ? value : [value]) {
      real.append(name, item);
    }
  }
  return real;
}

/** Converts Headers to Node's form. */
export function nodeFields(headers: Headers): Fields {
  return headers instanceof LazyHeaders ? headers.toNode() : fieldsOf(headers);
}

function fieldsOf(real: Headers): Fields {
  const fields: Record<string, string | string[]> = {};
  for (const [name, value] of real) {
    fields[name] = name === "set-cookie" ? real.getSetCookie() : value;
  }
  return fields;
}
