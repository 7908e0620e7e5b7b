import { Command } from "commander";
import { addOutputOption, type OutputOptions } from "../../cli/options.js";
import { createPrinter } from "../../cli/output.js";
import { askHidden, readSecret } from "../../cli/password.js";
import { revokeUser } from "../auth/revocations/revocations-file.js";
import type { Scope } from "../auth/scopes.js";
import { newUser } from "../auth/users/users.js";
import { addUser, readUsersFile, removeUser } from "../auth/users/users-file.js";
import { accountSettings } from "../settings/account-settings.js";
import {
  createNameArgument,
  createRevocationsFileOption,
  createScopesOption,
  createSettingOption,
  createSubjectArgument,
  type RevocationOptions,
} from "./admin-options.js";
import { passwordsDiffer } from "./errors.js";

interface FileOptions {
  readonly usersFile: string;
}

interface AddOptions extends FileOptions {
  readonly scopes: readonly Scope[];
  readonly replace?: true;
}

/** `chatter user` with `add`, `list`, `remove` and `revoke` */
export function createUserCommand(): Command {
  return new Command("user")
    .description(
      "Administer the accounts in a users file. Running servers see a change within seconds.",
    )
    .addCommand(createAddCommand())
    .addCommand(createListCommand())
    .addCommand(createRemoveCommand())
    .addCommand(createRevokeCommand())
    .addHelpText(
      "after",
      `
Examples:
  chatter user add alice --users-file users.json
  chatter user list --users-file users.json`,
    );
}

function createAddCommand(): Command {
  return new Command("add")
    .summary("add an account")
    .description(
      "Add an account. Its password is asked for on the terminal, or read from standard input.",
    )
    .addArgument(createNameArgument())
    .addOption(createUsersFileOption())
    .addOption(createScopesOption())
    .option("--replace", "replace an account of this name")
    .addHelpText(
      "after",
      `
Examples:
  chatter user add alice --users-file users.json
  chatter user add reader --users-file users.json --scopes stream:read < password.txt
  chatter user add bot --users-file users.json --scopes 'stream:write:team/*,stream:read:news'
  chatter user add alice --users-file users.json --replace`,
    )
    .action(async (name: string, { usersFile, scopes, replace }: AddOptions) => {
      const password = process.stdin.isTTY ? await askNewPassword(name) : await readSecret();
      await addUser(usersFile, await newUser({ name, password, scopes }), { replace });
    });
}

function createListCommand(): Command {
  const command = new Command("list")
    .summary("list the accounts")
    .description("Print each account with its scopes, in the file's order.")
    .addOption(createUsersFileOption());
  return addOutputOption(command)
    .addHelpText("after", "\nExamples:\n  chatter user list --users-file users.json | jq -r .name")
    .action(async ({ usersFile, output }: FileOptions & OutputOptions) => {
      const printer = createPrinter({ output });
      for (const { name, scopes, createdAt } of await readUsersFile(usersFile)) {
        await printer.object({ name, scopes, created_at: new Date(createdAt).toISOString() });
      }
    });
}

function createRemoveCommand(): Command {
  return new Command("remove")
    .summary("remove an account")
    .description(
      "Remove an account. The tokens that it got by login are refused within seconds, " +
        "and their calls end. Tokens of chatter token issue need no account: chatter user " +
        "revoke ends them.",
    )
    .addArgument(createNameArgument())
    .addOption(createUsersFileOption())
    .addHelpText("after", "\nExamples:\n  chatter user remove alice --users-file users.json")
    .action((name: string, { usersFile }: FileOptions) => removeUser(usersFile, name));
}

function createRevokeCommand(): Command {
  return new Command("revoke")
    .summary("end all tokens that a user has now")
    .description(
      "Refuse all tokens that a user has now, however they were made, and end their " +
        "calls within seconds. The account stays: tokens of later logins are accepted.",
    )
    .addArgument(createSubjectArgument())
    .addOption(createRevocationsFileOption())
    .addHelpText(
      "after",
      "\nExamples:\n  chatter user revoke alice --revocations-file revocations.json",
    )
    .action((name: string, { revocationsFile }: RevocationOptions) =>
      revokeUser(revocationsFile, name),
    );
}

function createUsersFileOption() {
  return createSettingOption(accountSettings.usersFile).makeOptionMandatory();
}

async function askNewPassword(name: string): Promise<string> {
  const [password = "", repeat] = await askHidden(`New password of ${name}: `, "Once more: ");
  if (password !== repeat) {
    throw passwordsDiffer();
  }
  return password;
}
