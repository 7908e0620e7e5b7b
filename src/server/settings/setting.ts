import { wrongValue } from "./errors.js";

/**
 * One setting of `chatter serve`. The command line, its --help and the checks are derived from it.
 */
export interface Setting {
  /** As commander writes it: "--port <number>". Without "<…>" it is a switch. */
  readonly flag: string;
  readonly variable: string;
  readonly description: string;
  /** Undefined: there is none, or the description explains it. */
  readonly default?: string;
}

/** Settings by name: that of the flag, in camel case, as commander returns it. */
export type SettingTable = Readonly<Record<string, Setting>>;

/** The given value of each setting, from a flag or a variable: text, or a boolean for a switch. */
export type GivenSettings = Readonly<Record<string, string | boolean | undefined>>;

/** Throws a `UsageError` that names the setting, its invalid value and what is valid. */
export function wrongSetting(setting: Setting, value: string, right: string): never {
  const flag = setting.flag.split(" ")[0]!;
  const shown = JSON.stringify(withoutCredentials(value));
  throw wrongValue({ flag, variable: setting.variable, value: shown, right });
}

/** Whether it is a switch: a flag without a value. */
export function isSwitch(setting: Setting): boolean {
  return !setting.flag.includes("<");
}

/** In place of a secret. */
export const hidden = "(hidden)";

/**
 * A value whose URLs are without the name and password, or the token, that they may have. If a
 * comma may belong to the password or separate two addresses, one host too many is hidden.
 */
export function withoutCredentials(value: string): string {
  const [scheme = "", ...rest] = value.split("://");
  const shown = rest.map((part) => {
    const address = /^\S*/.exec(part)![0];
    const at = address.lastIndexOf("@");
    return at < 0 ? part : hidden + part.slice(at);
  });
  return [scheme, ...shown].join("://");
}
