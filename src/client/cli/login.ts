import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Command, Option } from "commander";
import { withoutToken } from "./call.js";
import { addServerOptions, type ServerOptions } from "./options.js";
import { askHidden, readSecret } from "./password.js";
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
    "Exchange a user name and a password for a token, and print the token.\n" +
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
    .option("--save", "keep the token for later commands with the same --url")
    .addHelpText("after", createHelp())
    .action(login);
}

async function login(options: LoginOptions, command: Command): Promise<void> {
  const password = await findPassword(options, command);
  await withoutToken(options, async ({ client, signal }) => {
    const { token, expiresAt } = await client.login(
      { user: options.user, password },
      { signal, timeoutMs: loginTimeout },
    );
    if (options.save) {
      await saveToken(options.url, token, expiresAt && timestampDate(expiresAt));
    }
    process.stdout.write(`${token}\n`);
  });
}

async function findPassword(options: LoginOptions, command: Command): Promise<string> {
  if (options.passwordStdin) {
    if (command.getOptionValueSource("password") === "cli") {
      command.error("error: --password and --password-stdin do not go together");
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
    command.error("error: no password: give --password-stdin, or run it on a terminal to be asked");
  }
  const [password = ""] = await askHidden(`Password of ${options.user}: `);
  return password;
}

function createHelp(): string {
  return `
--save keeps the token in ${savedTokensFile()}, which only you may read.
It is sent to the origin of its --url and to no other.

Examples:
  export CHATTER_TOKEN=$(chatter login --user goa --password rocks)
  chatter login --user goa --password-stdin --save < password.txt
  chatter login --user goa --save`;
}
