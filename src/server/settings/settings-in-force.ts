import { type GivenSettings, hidden, isSwitch, withoutCredentials } from "./setting.js";
import { settings } from "./settings.js";

/** Holds the signing key itself: it has no flag, because process lists are public. */
export const signingKeyVariable = "CHATTER_SIGNING_KEY";

/** A setting with its value, and the source of that. */
export interface SettingInForce {
  /** Such as "--port"; null if it can only be given by its variable. */
  readonly flag: string | null;
  readonly variable: string;
  /** Null: there is none. Secrets are hidden. */
  readonly value: string | boolean | null;
  readonly source: "flag" | "variable" | "default";
}

/** Every setting in force, in the order of --help, valid or not. */
export function settingsInForce(
  flags: GivenSettings,
  variables: GivenSettings,
  signingKey: string | undefined,
): SettingInForce[] {
  const listed = Object.entries(settings).map(([name, setting]): SettingInForce => {
    const usual = setting.default ?? (isSwitch(setting) ? false : null);
    const value = flags[name] ?? variables[name] ?? usual;
    return {
      flag: setting.flag.split(" ")[0]!,
      variable: setting.variable,
      value: typeof value === "string" ? withoutCredentials(value) : value,
      source: sourceOf(name, flags, variables),
    };
  });
  const key: SettingInForce = {
    flag: null,
    variable: signingKeyVariable,
    value: signingKey === undefined ? null : hidden,
    source: signingKey === undefined ? "default" : "variable",
  };
  return [...listed, key];
}

function sourceOf(
  name: string,
  flags: GivenSettings,
  variables: GivenSettings,
): SettingInForce["source"] {
  if (flags[name] !== undefined) {
    return "flag";
  }
  return variables[name] === undefined ? "default" : "variable";
}
