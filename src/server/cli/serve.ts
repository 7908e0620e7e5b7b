import { Command } from "commander";
import { outliveReaders } from "../../cli/closed-output.js";
import type { GivenSettings } from "../settings/setting.js";
import { addSettingOptions, checkGiven, readGiven } from "./serve-settings.js";

/** `chatter serve` */
export function createServeCommand(): Command {
  const command = new Command("serve").description(
    "Serve Chatter on one port: Connect, gRPC, gRPC-Web and WebSockets, over HTTP/1.1 and HTTP/2.",
  );
  return addSettingOptions(command)
    .addHelpText(
      "after",
      `
OpenTelemetry's variables (OTEL_EXPORTER_OTLP_ENDPOINT and so on) turn traces on.

Examples:
  chatter serve --demo
  chatter serve --users-file users.json --signing-key-file key --data-dir /var/lib/chatter
  CHATTER_PORT=9000 chatter serve --demo --log memory`,
    )
    .action(serve);
}

async function serve(flags: GivenSettings): Promise<void> {
  outliveReaders();
  const { serve } = await import("../program/serve.js");
  const settings = checkGiven(readGiven(flags));
  await serve(settings);
}
