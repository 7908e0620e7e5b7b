import { Argument, InvalidArgumentError, Option } from "commander";
import { demoKeyPath } from "../auth/keys/demo-key.js";
import { checkSubject, checkUserName } from "../auth/names.js";
import { checkScopes, type Scope, scopes } from "../auth/scopes.js";
import { accountSettings } from "../settings/account-settings.js";
import type { Setting } from "../settings/setting.js";
import { keyNotInFile, noScopes } from "./errors.js";

/** Options that the commands for accounts and tokens share. */

/** One of the server's settings as an option, with its variable and default. */
export function createSettingOption(setting: Setting): Option {
  return new Option(setting.flag, setting.description)
    .env(setting.variable)
    .default(setting.default);
}

/** NAME, an account's name. */
export function createNameArgument(): Argument {
  return new Argument("<name>", "the account").argParser((name: string) => {
    refuseUnless(() => checkUserName(name));
    return name;
  });
}

/** What every command that needs a file with signing keys takes. */
export interface KeyFileOptions {
  readonly signingKeyFile?: string;
  readonly dataDir: string;
}

/** The file with the keys: that of --signing-key-file, or the demo's in --data-dir. */
export function keyFileAtHand(options: KeyFileOptions): string {
  if (process.env.CHATTER_SIGNING_KEY && options.signingKeyFile === undefined) {
    throw keyNotInFile();
  }
  return options.signingKeyFile ?? demoKeyPath(options.dataDir);
}

/** NAME, the subject of tokens: an account, or a user of another issuer. */
export function createSubjectArgument(): Argument {
  return new Argument("<name>", "the sender's name, as others see it").argParser((name: string) => {
    refuseUnless(() => checkSubject(name));
    return name;
  });
}

/** What every command that revokes takes. */
export interface RevocationOptions {
  readonly revocationsFile: string;
}

/** --revocations-file */
export function createRevocationsFileOption(): Option {
  const { flag, variable } = accountSettings.revocationsFile;
  const description = "the file that servers watch; created if missing";
  return createSettingOption({ flag, variable, description }).makeOptionMandatory();
}

/** --scopes */
export function createScopesOption(): Option {
  return new Option(
    "--scopes <list>",
    "what it may do, separated by commas: stream:read, stream:write, or only in some rooms, such as stream:read:team/*",
  )
    .default(scopes, scopes.join(","))
    .argParser((text: string): readonly Scope[] => {
      const list = text.split(",").filter((scope) => scope !== "");
      if (list.length === 0) {
        throw noScopes({ scopes: scopes.join(" and ") });
      }
      return refuseUnless(() => checkScopes(list));
    });
}

/** Reports an error of the server's own check as wrong usage. */
function refuseUnless<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw new InvalidArgumentError((error as { rawMessage: string }).rawMessage);
  }
}
