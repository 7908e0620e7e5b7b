import { Command, Option } from "commander";
import { type GivenSettings, SettingError } from "../../server/settings/setting.js";
import { checkSettings, settings, settingsOfEnvironment } from "../../server/settings/settings.js";
import { outliveReaders } from "./closed-output.js";

/** `chatter serve` */
export function createServeCommand(): Command {
  const command = new Command("serve").description(
    "Serve Chatter on one port: Connect, gRPC, gRPC-Web and WebSockets, over HTTP/1.1 and HTTP/2.",
  );
  for (const setting of Object.values(settings)) {
    const usual = setting.default === undefined ? "" : `, default: ${setting.default}`;
    command.addOption(
      new Option(setting.flag, `${setting.description} (env: ${setting.variable}${usual})`),
    );
  }
  return command
    .addHelpText(
      "after",
      `
Examples:
  chatter serve --demo
  chatter serve --users-file users.json --signing-key-file key --data-dir /var/lib/chatter
  CHATTER_PORT=9000 chatter serve --demo --log memory`,
    )
    .action(serve);
}

async function serve(flags: GivenSettings, command: Command): Promise<void> {
  const { serve } = await import("../../server/main.js");
  const settings = settingsInForce(flags, command);
  outliveReaders();
  await serve(settings);
}

function settingsInForce(flags: GivenSettings, command: Command) {
  const warn = (text: string) => process.stderr.write(`chatter: ${text}\n`);
  try {
    const given = { ...settingsOfEnvironment(process.env, warn), ...flags };
    return checkSettings(given, process.env.CHATTER_SIGNING_KEY || undefined);
  } catch (error) {
    if (error instanceof SettingError) {
      return command.error(`error: ${error.message}`);
    }
    throw error;
  }
}
