import { readFile } from "node:fs/promises";
import { cannotReadFile } from "../../cli/errors.js";
import { systemReason } from "../../errors/system-reason.js";
import type { ClientTls } from "../transport/client-tls.js";
import { halfAClientCertificate } from "./errors.js";

/** Reads a client certificate and its key. Undefined: none was given. */
export async function readClientCertificate(
  certFile: string | undefined,
  keyFile: string | undefined,
): Promise<ClientTls | undefined> {
  if (!certFile && !keyFile) {
    return undefined;
  }
  if (!certFile || !keyFile) {
    throw halfAClientCertificate();
  }
  const [cert, key] = await Promise.all([read(certFile), read(keyFile)]);
  return { cert, key };
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw cannotReadFile({ path, reason: systemReason(cause), cause });
  }
}
