import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Command, Option } from "commander";
import { paragraph } from "../../cli/help.js";
import { askHidden, readSecret } from "../../cli/password.js";
import { visible } from "../../protocol/visible-text.js";
import { withoutToken } from "./call.js";
import { addServerOptions, type ServerOptions } from "./call-options.js";
import { noPassword, twoPasswords } from "./errors.js";
import { savedTokensFile, saveToken } from "./saved-tokens.js";

interface LoginOptions extends ServerOptions {
  readonly user: string;
  readonly password?: string;
  readonly passwordStdin?: true;
  readonly save?: true;
}

/** Milliseconds that a login may take. */
const loginTimeout = 30_000;

/** `chatter login` */
export function createLoginCommand(): Command {
  const command = new Command("login").description(
    "Exchange a user name and a password for a token, and print the token. " +
      "Without --password and --password-stdin the terminal asks for the password.",
  );
  return addServerOptions(command)
    .addOption(new Option("--user <name>", "the account").env("CHATTER_USER").makeOptionMandatory())
    .addOption(
      new Option(
        "--password <password>",
        "its password; process lists show it, the variable does not",
      ).env("CHATTER_PASSWORD"),
    )
    .option("--password-stdin", "read the password from standard input")
    .option(
      "--save",
      "keep the token for later commands with the same --url, and do not print it on a terminal",
    )
    .addHelpText(
      "after",
      paragraph(
        `--save keeps the token in ${savedTokensFile()}, which only you may read, and does not print it on a terminal. It is sent to the origin of its --url and to no other.`,
      ),
    )
    .addHelpText("after", examples)
    .action(login);
}

async function login(options: LoginOptions, command: Command): Promise<void> {
  const password = await findPassword(options, command);
  await withoutToken(options, async ({ client, signal }) => {
    const { token, expiresAt } = await client.login(
      { user: options.user, password },
      { signal, timeoutMs: loginTimeout },
    );
    const until = expiresAt && timestampDate(expiresAt);
    if (options.save) {
      await saveToken(options.url, token, until);
      if (process.stdout.isTTY) {
        // Nobody should read it over the user's shoulder.
        const time = until ? ` until ${until.toISOString()}` : "";
        process.stderr.write(`chatter: logged in${time}; the token is in ${savedTokensFile()}\n`);
        return;
      }
    }
    process.stdout.write(`${visible(token)}\n`); // Perhaps on a terminal.
  });
}

async function findPassword(options: LoginOptions, command: Command): Promise<string> {
  if (options.passwordStdin) {
    if (command.getOptionValueSource("password") === "cli") {
      throw twoPasswords();
    }
    return readSecret();
  }
  if (options.password !== undefined) {
    if (process.stderr.isTTY && command.getOptionValueSource("password") === "cli") {
      process.stderr.write(
        "chatter: everybody on this machine can read --password in the list of processes; --password-stdin is safer\n",
      );
    }
    return options.password;
  }
  if (!process.stdin.isTTY) {
    throw noPassword();
  }
  const [password = ""] = await askHidden(`Password of ${options.user}: `);
  return password;
}

const examples = `
Examples:
  export CHATTER_TOKEN=$(chatter login --user goa --password rocks)
  chatter login --user goa --password-stdin --save < password.txt
  chatter login --user goa --save`;
