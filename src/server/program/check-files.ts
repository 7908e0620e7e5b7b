import { readCertificate } from "../http/tls/certificate.js";
import type { ServeSettings } from "../settings/settings.js";
import { requireTracing } from "../tracing/open-telemetry.js";
import type { Logger } from "../util/logger.js";
import { openAccounts } from "./accounts.js";

const silent: Logger = { info() {}, warn() {}, error() {} };

/**
 * Reads the files that the settings name, as the server does at its start, and changes nothing.
 * Rejects with the reason why a server would not start: a file that is missing or wrong, or a
 * package that is not installed. It does not check whether the port is free, another process has
 * the log open, or NATS is available.
 */
export async function checkFiles({ accounts, listen, log }: ServeSettings): Promise<void> {
  await requireTracing(process.env);
  if (!accounts.demo) {
    (await openAccounts(accounts, log.dataDir, silent)).close();
  }
  if (listen.certificate) {
    await readCertificate(listen.certificate);
  }
  if (log.nats) {
    const { checkNatsFiles } = await import("../log/nats/session.js");
    checkNatsFiles(log.nats.address);
  }
}
