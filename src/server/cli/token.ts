import { Argument, Command } from "commander";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { addOutputOption, type OutputOptions, parseCount } from "../../cli/options.js";
import { createPrinter } from "../../cli/output.js";
import { readSecret } from "../../cli/password.js";
import { parseSigningKeys, readSigningKeys } from "../auth/keys/signing-key.js";
import type { SigningKeys } from "../auth/keys/signing-keys.js";
import type { Scope } from "../auth/scopes.js";
import { createTokens } from "../auth/tokens.js";
import { accountSettings } from "../settings/account-settings.js";
import { logSettings } from "../settings/log-settings.js";
import {
  createNameArgument,
  createScopesOption,
  createSettingOption,
  type KeyFileOptions,
  keyFileAtHand,
} from "./admin-options.js";
import { fileAndVariable, notAToken } from "./errors.js";
import { createTokenRevokeCommand } from "./token-revoke.js";

interface IssueOptions extends KeyFileOptions {
  readonly scopes: readonly Scope[];
  readonly tokenLifetime: number;
  readonly tokenIssuer: string;
  readonly audience: string;
}

/** `chatter token` with `issue`, `inspect` and `revoke` */
export function createTokenCommand(): Command {
  return new Command("token")
    .description("Issue tokens with the server's signing key, inspect tokens, and revoke them.")
    .addCommand(createIssueCommand())
    .addCommand(createInspectCommand())
    .addCommand(createTokenRevokeCommand())
    .addHelpText(
      "after",
      `
Examples:
  export CHATTER_TOKEN=$(chatter token issue alice --signing-key-file key)
  chatter token inspect`,
    );
}

function createIssueCommand(): Command {
  return new Command("issue")
    .summary("make a token without a login")
    .description(
      "Make a token for any name, without a login, and print it. The key is that of " +
        "--signing-key-file, or in CHATTER_SIGNING_KEY, or the demo's in --data-dir.",
    )
    .addArgument(createNameArgument())
    .addOption(createScopesOption())
    .addOption(createSettingOption(accountSettings.tokenLifetime).argParser(parseCount(1)))
    .addOption(createSettingOption(accountSettings.tokenIssuer))
    .addOption(createSettingOption(accountSettings.audience))
    .addOption(createSettingOption(accountSettings.signingKeyFile))
    .addOption(createSettingOption(logSettings.dataDir))
    .addHelpText(
      "after",
      `
Examples:
  chatter token issue alice --signing-key-file key
  chatter token issue reader --scopes stream:read --token-lifetime 86400
  chatter token issue bot --scopes 'stream:write:team/*,stream:read:news'
  export CHATTER_TOKEN=$(chatter token issue goa --data-dir ./data)`,
    )
    .action(async (subject: string, options: IssueOptions) => {
      const tokens = createTokens({
        key: await keysAtHand(options),
        issuer: options.tokenIssuer,
        audience: options.audience,
        lifetimeSeconds: Number(options.tokenLifetime),
      });
      const { token } = await tokens.issue({ subject, scopes: options.scopes });
      process.stdout.write(`${token}\n`);
    });
}

function createInspectCommand(): Command {
  const command = new Command("inspect")
    .summary("print what a token says")
    .description(
      "Print what a token says and whether it has expired. Its signature is not checked: only " +
        "the server can.",
    )
    .addArgument(
      new Argument(
        "[token]",
        'the token, or "-" for standard input; process lists show it (default: CHATTER_TOKEN, else standard input)',
      ),
    );
  return addOutputOption(command)
    .addHelpText(
      "after",
      `
Examples:
  chatter token inspect
  chatter login --user goa --password-stdin < password.txt | chatter token inspect -`,
    )
    .action(async (given: string | undefined, options: OutputOptions) => {
      const token = (await findToken(given)).trim();
      await createPrinter(options).object(decode(token));
    });
}

async function findToken(given: string | undefined): Promise<string> {
  const token = given ?? (process.env.CHATTER_TOKEN || "-");
  return token === "-" ? readSecret() : token;
}

function decode(token: string): object {
  try {
    const claims = decodeJwt(token);
    const expires = claims.exp === undefined ? undefined : new Date(claims.exp * 1000);
    return {
      header: decodeProtectedHeader(token),
      claims,
      expires_at: expires?.toISOString(),
      expired: expires === undefined ? undefined : expires.getTime() <= Date.now(),
    };
  } catch {
    throw notAToken();
  }
}

async function keysAtHand(options: IssueOptions): Promise<SigningKeys> {
  const key = process.env.CHATTER_SIGNING_KEY;
  if (!key) {
    return { list: await readSigningKeys(keyFileAtHand(options)) };
  }
  if (options.signingKeyFile !== undefined) {
    throw fileAndVariable();
  }
  return { list: await parseSigningKeys(key, "CHATTER_SIGNING_KEY") };
}
