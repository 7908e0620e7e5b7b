import type { Command } from "commander";
import { type LogSettings, logSettings, readLogSettings } from "../settings/log-settings.js";
import { natsSettings } from "../settings/nats-settings.js";
import type { GivenSettings } from "../settings/setting.js";
import { SettingReader } from "../settings/setting-reader.js";

/** All settings that say where a log is; for a folder, only its path matters. */
export const targetSettings = [...Object.values(logSettings), ...Object.values(natsSettings)];

/** Reads these settings. Throws a `UsageError` for the first that is wrong. */
export function readLogTarget(options: GivenSettings, command: Command): LogSettings {
  // A folder that is given as a flag is meant, even if the environment names a log for servers.
  const source = (name: string) => command.getOptionValueSource(name);
  const isFolder = source("dataDir") === "cli" && source("log") === "env";
  const given = isFolder ? { ...options, log: logSettings.log.default } : options;
  return readLogSettings(
    new SettingReader(logSettings, given),
    new SettingReader(natsSettings, given),
  );
}
