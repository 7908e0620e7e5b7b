import type { Command } from "commander";
import { type LogSettings, logSettings, readLogSettings } from "../settings/log-settings.js";
import { natsSettings } from "../settings/nats-settings.js";
import { type GivenSettings, SettingError } from "../settings/setting.js";
import { SettingReader } from "../settings/setting-reader.js";

/** All that says where a log is; a folder has no other settings than its path. */
export const targetSettings = [...Object.values(logSettings), ...Object.values(natsSettings)];

/** Reads them. What is wrong with one ends the command as a mistake in its usage. */
export function readLogTarget(options: GivenSettings, command: Command): LogSettings {
  // A folder that is given as a flag is meant, though the environment has a log for servers.
  const source = (name: string) => command.getOptionValueSource(name);
  const isFolder = source("dataDir") === "cli" && source("log") === "env";
  const given = isFolder ? { ...options, log: logSettings.log.default } : options;
  try {
    return readLogSettings(
      new SettingReader(logSettings, given),
      new SettingReader(natsSettings, given),
    );
  } catch (error) {
    if (error instanceof SettingError) {
      return command.error(`error: ${error.message}`);
    }
    throw error;
  }
}
