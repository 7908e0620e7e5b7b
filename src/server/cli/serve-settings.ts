import { type Command, Option } from "commander";
import { clientVariables } from "../../cli/variables.js";
import type { GivenSettings } from "../settings/setting.js";
import {
  checkSettings,
  type ServeSettings,
  settings,
  settingsOfEnvironment,
} from "../settings/settings.js";
import { signingKeyVariable } from "../settings/settings-in-force.js";
import { findUnknownVariables } from "../settings/unknown-variables.js";

/** The flags and variables that a server was given. */
export interface Given {
  readonly flags: GivenSettings;
  readonly variables: GivenSettings;
  readonly signingKey: string | undefined;
}

/** Adds every setting of the server as an option. */
export function addSettingOptions(command: Command): Command {
  for (const setting of Object.values(settings)) {
    const usual = setting.default === undefined ? "" : `, default: ${setting.default}`;
    command.addOption(
      new Option(setting.flag, `${setting.description} (env: ${setting.variable}${usual})`),
    );
  }
  return command;
}

/**
 * The values of flags and environment variables. Ignored variables are reported on standard error.
 * Throws a `UsageError` for a variable that cannot be read.
 */
export function readGiven(flags: GivenSettings): Given {
  const warn = (text: string) => process.stderr.write(`chatter: ${text}\n`);
  const own = Object.values(settings).map(({ variable }) => variable);
  const known = [...own, signingKeyVariable, ...clientVariables];
  for (const { name, nearest } of findUnknownVariables(process.env, known)) {
    const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
    warn(`${name} is not a setting: ignored${hint}`);
  }
  return {
    flags,
    variables: settingsOfEnvironment(process.env, warn),
    signingKey: process.env[signingKeyVariable] || undefined,
  };
}

/** The settings in force. Throws a `UsageError` for the first that is wrong. */
export function checkGiven({ flags, variables, signingKey }: Given): ServeSettings {
  return checkSettings({ ...variables, ...flags }, signingKey);
}
