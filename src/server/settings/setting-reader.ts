import { type GivenSettings, type SettingTable, wrongSetting } from "./setting.js";

/**
 * Reads the settings of one table from the given values, with their defaults. Each method throws a
 * `UsageError` that names the setting if its value is invalid; undefined means that the setting was
 * not given and has no default.
 */
export class SettingReader<Table extends SettingTable> {
  readonly #table: Table;
  readonly #given: GivenSettings;

  constructor(table: Table, given: GivenSettings) {
    this.#table = table;
    this.#given = given;
  }

  /** Whether a switch is on. Default: false. */
  isSet(name: keyof Table & string): boolean {
    return this.#given[name] === true;
  }

  /** Whether it was given, by a flag or a variable. A "no" is as good as nothing. */
  isGiven(name: keyof Table & string): boolean {
    return (this.#given[name] ?? false) !== false;
  }

  /** Text that is not empty. */
  text(name: keyof Table & string): string | undefined {
    const value = this.#given[name] ?? this.#table[name]!.default;
    if (value === "") {
      this.wrong(name, value, "something");
    }
    return value as string | undefined;
  }

  /** One of a few words. */
  oneOf<Word extends string>(
    name: keyof Table & string,
    words: readonly Word[],
    right = words.join(", "),
  ): Word {
    const value = this.text(name)!;
    return words.find((word) => word === value) ?? this.wrong(name, value, right);
  }

  /** A whole number in a range. */
  count(name: keyof Table & string, least: number, most: number): number | undefined {
    const value = this.text(name);
    if (value === undefined) {
      return undefined;
    }
    if (!/^\d{1,15}$/.test(value) || Number(value) < least || Number(value) > most) {
      this.wrong(name, value, `a whole number from ${least} to ${most}`);
    }
    return Number(value);
  }

  /** Milliseconds, from a whole number of seconds in a range. */
  milliseconds(name: keyof Table & string, least: number, most: number): number | undefined {
    const value = this.count(name, least, most);
    return value === undefined ? undefined : value * 1000;
  }

  /** Values separated by commas, without the blanks around them. Not given: none. */
  list(name: keyof Table & string): readonly string[] {
    return (
      this.text(name)
        ?.split(",")
        .map((item) => item.trim()) ?? []
    );
  }

  /** Throws a `UsageError` that says which value is invalid and what is valid. */
  wrong(name: keyof Table & string, value: string, right: string): never {
    return wrongSetting(this.#table[name]!, value, right);
  }
}
