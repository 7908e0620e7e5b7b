import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { ConnectError } from "@connectrpc/connect";
import { systemReason } from "../../../errors/system-reason.js";
import { readGuardedFile } from "../../util/guarded-file.js";
import {
  certificateUnreadable,
  keyMismatch,
  notACertificate,
  notAPrivateKey,
  unusableCertificate,
} from "../errors.js";

/** The certificate that a TLS server presents, and its key. */
export interface Certificate {
  /** PEM: the server's certificate, then those that lead to a root. */
  readonly cert: string | Buffer;
  /** PEM, without a passphrase. */
  readonly key: string | Buffer;
  /** PEM: the authorities of client certificates. Default: clients are asked for none. */
  readonly clientCa?: string | Buffer | undefined;
}

/** The files of a certificate, all PEM. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile?: string | undefined;
}

/** A certificate that was read and matches its key. */
export interface CheckedCertificate extends Certificate {
  /** The names that it is for, as in "DNS:chatter.example, IP Address:192.0.2.1". */
  readonly names: string;
  readonly validFrom: Date;
  readonly validTo: Date;
}

/**
 * Reads a certificate, its key, and the authorities of client certificates. Rejects with
 * `failed_precondition`, saying which file is wrong and why: it cannot be read, is not PEM, has a
 * passphrase, or certificate and key do not match. An expired certificate is accepted: the caller
 * may report it.
 */
export async function readCertificate(files: CertificateFiles): Promise<CheckedCertificate> {
  const certSource = `the certificate file ${JSON.stringify(files.certFile)}`;
  const keySource = `the key file ${JSON.stringify(files.keyFile)}`;
  const [cert, key, clientCa] = await Promise.all([
    readPem(files.certFile, certSource),
    readPem(files.keyFile, keySource),
    files.clientCaFile === undefined ? undefined : readAuthorities(files.clientCaFile),
  ]);
  const certificate = parseCertificate(cert, certSource);
  if (!certificate.checkPrivateKey(parseKey(key, keySource))) {
    throw keyMismatch({ keyFile: keySource, certFile: certSource });
  }
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    // For example, an incomplete chain, or a key that is too short.
    throw unusableCertificate({ file: certSource, reason: (cause as Error).message, cause });
  }
  return {
    cert,
    key,
    clientCa,
    names: certificate.subjectAltName ?? certificate.subject,
    validFrom: new Date(certificate.validFrom),
    validTo: new Date(certificate.validTo),
  };
}

const certificateEnd = "-----END CERTIFICATE-----";

/** Node ignores what it cannot read of them: here, each must be a certificate. */
async function readAuthorities(path: string): Promise<Buffer> {
  const source = `the client authority file ${JSON.stringify(path)}`;
  const bytes = await readPem(path, source);
  const parts = bytes.toString("latin1").split(certificateEnd).slice(0, -1);
  for (const part of parts.length > 0 ? parts : [""]) {
    parseCertificate(Buffer.from(`${part}${certificateEnd}\n`, "latin1"), source);
  }
  return bytes;
}

async function readPem(path: string, source: string): Promise<Buffer> {
  try {
    return await readGuardedFile(path, source);
  } catch (cause) {
    if (cause instanceof ConnectError) {
      throw cause;
    }
    const { code } = cause as NodeJS.ErrnoException;
    const fault = code === "ENOENT" ? "does not exist" : `cannot be read (${systemReason(cause)})`;
    throw certificateUnreadable({ file: source, fault, cause });
  }
}

function parseCertificate(pem: Buffer, source: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw notACertificate({ file: source, cause });
  }
}

function parseKey(pem: Buffer, source: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw notAPrivateKey({ file: source, cause });
  }
}
