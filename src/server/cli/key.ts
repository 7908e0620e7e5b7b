import { Command, Option } from "commander";
import { addOutputOption, type OutputOptions, parseCount } from "../../cli/options.js";
import { createPrinter } from "../../cli/output.js";
import {
  createKeyFile,
  type KeyState,
  listKeys,
  removeKeys,
  rotateKey,
} from "../auth/keys/key-file.js";
import { type SigningAlgorithm, signingAlgorithms } from "../auth/keys/stored-key.js";
import { accountSettings } from "../settings/account-settings.js";
import { logSettings } from "../settings/log-settings.js";
import { createSettingOption, type KeyFileOptions, keyFileAtHand } from "./admin-options.js";
import { keyOrRetired, unknownKey } from "./errors.js";

interface NewOptions extends KeyFileOptions {
  readonly algorithm: SigningAlgorithm;
}

interface RotateOptions extends KeyFileOptions {
  readonly algorithm?: SigningAlgorithm;
  readonly signsIn: number;
}

interface RemoveOptions extends KeyFileOptions {
  readonly retired?: true;
  readonly tokenLifetime: string;
}

/** `chatter key` with `new`, `list`, `rotate` and `remove` */
export function createKeyCommand(): Command {
  return new Command("key")
    .description(
      "Administer the keys that sign tokens, in the file of --signing-key-file, or the " +
        "demo's in --data-dir. Running servers see a change within seconds.",
    )
    .addCommand(createNewCommand())
    .addCommand(createListCommand())
    .addCommand(createRotateCommand())
    .addCommand(createRemoveCommand())
    .addHelpText(
      "after",
      `
Examples:
  chatter key new --signing-key-file keys.json
  chatter key rotate --signing-key-file keys.json`,
    );
}

function createNewCommand(): Command {
  return addFileOptions(
    new Command("new")
      .summary("make a file with a key")
      .description("Make a file with one key, which signs at once, and print the key's id."),
  )
    .addOption(createAlgorithmOption().default("EdDSA"))
    .addHelpText("after", "\nExamples:\n  chatter key new --signing-key-file keys.json")
    .action(async (options: NewOptions) => {
      const id = await createKeyFile(keyFileAtHand(options), options.algorithm);
      process.stdout.write(`${id}\n`);
    });
}

function createListCommand(): Command {
  const command = addFileOptions(
    new Command("list")
      .summary("list the keys")
      .description("Print each key and what it does: it signs, waits, or is retired."),
  );
  return addOutputOption(command)
    .addHelpText("after", "\nExamples:\n  chatter key list --signing-key-file keys.json")
    .action(async (options: KeyFileOptions & OutputOptions) => {
      const printer = createPrinter(options);
      for (const { id, algorithm, state, signsFrom, retiredAt } of await listKeys(
        keyFileAtHand(options),
      )) {
        await printer.object({
          kid: id,
          algorithm,
          state,
          signs_from: new Date(signsFrom).toISOString(),
          retired_at: retiredAt === undefined ? undefined : new Date(retiredAt).toISOString(),
        });
      }
    });
}

function createRotateCommand(): Command {
  return addFileOptions(
    new Command("rotate")
      .summary("add a key, which signs from then on")
      .description(
        "Add a key, which signs from then on, and print its id. Tokens of the keys before it " +
          "are accepted until they expire.",
      ),
  )
    .addOption(createAlgorithmOption("default: that of the key before"))
    .addOption(
      new Option(
        "--signs-in <seconds>",
        "when the new key begins to sign: each server must have the changed file by then",
      )
        .default(10)
        .argParser(parseCount(0)),
    )
    .addHelpText(
      "after",
      `
Examples:
  chatter key rotate --signing-key-file keys.json
  chatter key rotate --signing-key-file keys.json --signs-in 300
  chatter key rotate --data-dir ./data`,
    )
    .action(async (options: RotateOptions) => {
      const id = await rotateKey(keyFileAtHand(options), {
        signsFrom: Date.now() + options.signsIn * 1000,
        algorithm: options.algorithm,
      });
      process.stdout.write(`${id}\n`);
    });
}

function createRemoveCommand(): Command {
  return addFileOptions(
    new Command("remove")
      .summary("remove keys, and refuse their tokens")
      .description(
        "Remove a key, whose tokens are refused within seconds; or all whose tokens have " +
          "expired, since they were retired longer than --token-lifetime ago. Prints their ids.",
      )
      .argument("[kid]", 'the key\'s id; one that begins with "-" after "--"'),
  )
    .option("--retired", "all that were retired longer than --token-lifetime ago")
    .addOption(createSettingOption(accountSettings.tokenLifetime).argParser(parseCount(1)))
    .addHelpText(
      "after",
      `
Examples:
  chatter key remove --retired --signing-key-file keys.json
  chatter key remove nXeEmGLkFGJqyQRJhGzQbtZCPMYzm_pRtkhzUrrSqBM --signing-key-file keys.json`,
    )
    .action(async (kid: string | undefined, options: RemoveOptions) => {
      if ((kid === undefined) !== (options.retired === true)) {
        throw keyOrRetired();
      }
      const removed = await removeKeys(keyFileAtHand(options), chosenBy(kid, options));
      if (kid !== undefined && removed.length === 0) {
        throw unknownKey({ kid: JSON.stringify(kid) });
      }
      process.stdout.write(removed.map((id) => `${id}\n`).join(""));
    });
}

function chosenBy(kid: string | undefined, { tokenLifetime }: RemoveOptions) {
  const expired = Date.now() - Number(tokenLifetime) * 1000;
  return ({ id, retiredAt }: KeyState) =>
    kid === undefined ? retiredAt !== undefined && retiredAt < expired : id === kid;
}

function addFileOptions(command: Command): Command {
  return command
    .addOption(createSettingOption(accountSettings.signingKeyFile))
    .addOption(createSettingOption(logSettings.dataDir));
}

function createAlgorithmOption(more = ""): Option {
  const description = `EdDSA (a key pair) or HS256 (a secret)${more && ` (${more})`}`;
  return new Option("--algorithm <name>", description).choices(signingAlgorithms);
}
