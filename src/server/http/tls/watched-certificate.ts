import { ConnectError } from "@connectrpc/connect";
import type { Logger } from "pino";
import { onReloadSignal } from "../../util/reload-signal.js";
import { type WatchedFile, watchFile } from "../../util/watched-file.js";
import { type CertificateFiles, type CheckedCertificate, readCertificate } from "./certificate.js";

/** A certificate, and what happens to it. `close` stops the watching. */
export type WatchedCertificate = Pick<
  WatchedFile<CheckedCertificate>,
  "value" | "onChange" | "close"
>;

/**
 * The certificate, its key and the authorities of clients, read again when their files change and
 * at SIGHUP. While they do not match, for example when only one of them has been written yet, the
 * previous ones stay, and the server log says why.
 *
 * Rejects as `readCertificate` does if they are invalid at the start.
 */
export async function watchCertificate(
  files: CertificateFiles,
  logger: Logger,
): Promise<WatchedCertificate> {
  const { certFile, keyFile, clientCaFile } = files;
  const paths = [certFile, keyFile, ...(clientCaFile === undefined ? [] : [clientCaFile])];
  const watched = await watchFile(paths, {
    load: () => readCertificate(files),
    onError: (error) =>
      logger.error(
        { error: ConnectError.from(error).rawMessage },
        "the certificate was not reloaded: the previous one stays in use",
      ),
  });
  tellOfDates(watched.value, logger);
  watched.onChange(() => {
    const { names, validTo } = watched.value;
    logger.info({ names, validTo }, "the certificate was reloaded");
    tellOfDates(watched.value, logger);
  });
  const ignoreSignal = onReloadSignal(() => watched.reload());
  return {
    get value() {
      return watched.value;
    },
    onChange: watched.onChange,
    close() {
      ignoreSignal();
      watched.close();
    },
  };
}

/** A server whose clock is wrong must start too; its clients decide what they accept. */
function tellOfDates({ names, validFrom, validTo }: CheckedCertificate, logger: Logger): void {
  const now = Date.now();
  if (now > validTo.getTime()) {
    logger.warn({ names, validTo }, "the certificate has expired: clients will refuse it");
  } else if (now < validFrom.getTime()) {
    logger.warn({ names, validFrom }, "the certificate is not valid yet: clients will refuse it");
  }
}
