import {
  type AccountSettings,
  accountSettings,
  readAccountSettings,
  refuseDemoBeyondLoopback,
} from "./account-settings.js";
import { reusePortNeedsNats } from "./errors.js";
import { issuerSettings } from "./issuer-settings.js";
import { type LimitSettings, limitSettings, readLimitSettings } from "./limit-settings.js";
import { type ListenSettings, listenSettings, readListenSettings } from "./listen-settings.js";
import { type LogSettings, logSettings, readLogSettings } from "./log-settings.js";
import { natsSettings } from "./nats-settings.js";
import { type ReportSettings, readReportSettings, reportSettings } from "./report-settings.js";
import {
  type GivenSettings,
  isSwitch,
  type Setting,
  type SettingTable,
  wrongSetting,
} from "./setting.js";
import { SettingReader } from "./setting-reader.js";

/** Every setting of `chatter serve`, in the order of --help. */
export const settings: SettingTable = {
  ...listenSettings,
  ...logSettings,
  ...natsSettings,
  ...accountSettings,
  ...issuerSettings,
  ...limitSettings,
  ...reportSettings,
};

/** The settings in force, checked. */
export interface ServeSettings {
  readonly listen: ListenSettings;
  readonly log: LogSettings;
  readonly accounts: AccountSettings;
  readonly limits: LimitSettings;
  readonly report: ReportSettings;
}

/** Checks the settings. Throws a `UsageError` for the first that is wrong. */
export function checkSettings(given: GivenSettings, signingKey?: string): ServeSettings {
  const listen = readListenSettings(new SettingReader(listenSettings, given));
  const log = readLogSettings(
    new SettingReader(logSettings, given),
    new SettingReader(natsSettings, given),
  );
  if (listen.reusePort && log.nats === undefined) {
    throw reusePortNeedsNats();
  }
  refuseDemoBeyondLoopback(given.demo === true, listen.host);
  const report = readReportSettings(new SettingReader(reportSettings, given));
  const accounts = readAccountSettings(
    new SettingReader(accountSettings, given),
    new SettingReader(issuerSettings, given),
    signingKey,
  );
  const limits = readLimitSettings(new SettingReader(limitSettings, given));
  return { listen, log, accounts, limits, report };
}

/**
 * The settings that the environment gives. An empty variable counts as not set. Throws a
 * `UsageError` for a switch that is neither on nor off.
 *
 * @param warn called with what is ignored
 */
export function settingsOfEnvironment(
  environment: NodeJS.ProcessEnv,
  warn: (text: string) => void,
): GivenSettings {
  const given: Record<string, string | boolean> = {};
  for (const [name, setting] of Object.entries(settings)) {
    const { variable } = setting;
    const value = environment[variable];
    if (value === undefined || value === "") {
      continue;
    }
    if (name === "port" && value.startsWith("tcp://")) {
      // Kubernetes sets it for every service that is called "chatter".
      warn(`${variable} is ${JSON.stringify(value)}, an address that Kubernetes set: ignored`);
    } else {
      given[name] = isSwitch(setting) ? parseYesNo(setting, value) : value;
    }
  }
  return given;
}

function parseYesNo(setting: Setting, value: string): boolean {
  if (/^(1|true|yes|on)$/i.test(value)) {
    return true;
  }
  if (/^(0|false|no|off)$/i.test(value)) {
    return false;
  }
  return wrongSetting(setting, value, "1 or 0");
}
