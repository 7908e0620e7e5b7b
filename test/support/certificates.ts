import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";

/*
 * Certificates for tests, made when they are needed: no key is in the repository, and none expires.
 * Node reads X.509 but does not write it, so the few lines of DER are here.
 */

/** PEM, both. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface IssueOptions {
  /** Names, addresses, URIs and email addresses. Default: localhost, 127.0.0.1, ::1. */
  readonly names?: readonly string[];
  /** Default: since yesterday. */
  readonly from?: Date;
  /** Default: until tomorrow. */
  readonly to?: Date;
  /** What its key may be used for. Default: anything. */
  readonly usage?: "servers";
  /** What it is called; empty: it has no subject. Default: "test server". */
  readonly commonName?: string;
}

/** An authority that clients trust if they are configured to. */
export interface Authority {
  /** Its own certificate, PEM: for `ca` and NODE_EXTRA_CA_CERTS. */
  readonly cert: string;
  /** A new key and its certificate. */
  issue(options?: IssueOptions): KeyPair;
}

const dayMs = 86_400_000;

/** @param authorityName what it is called */
export function createAuthority(authorityName = "test authority"): Authority {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const make = (commonName: string, subjectKey: KeyObject, extensions: Buffer, dates: Date[]) =>
    certificateOf({
      ...{ authorityName, commonName, subjectKey, extensions, dates },
      signer: keys.privateKey,
    });
  const always = [new Date(Date.now() - dayMs), new Date(Date.now() + dayMs)];
  return {
    cert: make(authorityName, keys.publicKey, authorityExtension, always),
    issue({ names = ["localhost", "127.0.0.1", "::1"], from, to, usage, commonName } = {}) {
      const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const dates = [from ?? always[0]!, to ?? always[1]!];
      const extensions = Buffer.concat([
        namesExtension(names),
        ...(usage === undefined ? [] : [serversExtension]),
      ]);
      return {
        cert: make(commonName ?? "test server", own.publicKey, extensions, dates),
        key: own.privateKey.export({ type: "pkcs8", format: "pem" }) as string,
      };
    },
  };
}

interface Fields {
  readonly authorityName: string;
  readonly commonName: string;
  readonly subjectKey: KeyObject;
  readonly extensions: Buffer;
  readonly dates: readonly Date[];
  readonly signer: KeyObject;
}

/** RFC 5280, 4.1. */
function certificateOf(fields: Fields): string {
  const { authorityName, commonName, subjectKey, extensions, dates, signer } = fields;
  const algorithm = sequence(oid("2a8648ce3d040302")); // ecdsa-with-SHA256
  const body = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)])),
    algorithm,
    nameOf(authorityName),
    sequence(...dates.map(time)),
    nameOf(commonName),
    subjectKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(extensions)),
  );
  const signature = sign("sha256", body, signer);
  const whole = sequence(body, algorithm, der(0x03, Buffer.of(0), signature));
  const lines = whole.toString("base64").match(/.{1,64}/g)!;
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

/** An authority. */
const authorityExtension = sequence(
  oid("551d13"),
  der(0x01, Buffer.of(255)),
  der(0x04, sequence(der(0x01, Buffer.of(255)))),
);

/** For servers, and not for clients: an extended key usage. */
const serversExtension = sequence(oid("551d25"), der(0x04, sequence(oid("2b06010505070301"))));

/** Subject alternative names. */
function namesExtension(names: readonly string[]): Buffer {
  const items = names.map((name) => {
    if (isIP(name) !== 0) {
      return der(0x87, addressBytes(name));
    }
    return der(name.includes("://") ? 0x86 : name.includes("@") ? 0x81 : 0x82, Buffer.from(name));
  });
  return sequence(oid("551d11"), der(0x04, sequence(...items)));
}

function addressBytes(address: string): Buffer {
  return isIP(address) === 4
    ? Buffer.from(address.split(".").map(Number))
    : Buffer.concat([Buffer.alloc(15), Buffer.of(1)]); // ::1, the only one that tests need.
}

function nameOf(commonName: string): Buffer {
  const parts =
    commonName === "" ? [] : [sequence(oid("550403"), der(0x0c, Buffer.from(commonName)))];
  return sequence(...parts.map((part) => der(0x31, part)));
}

function time(date: Date): Buffer {
  return der(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]|\..*/g, "")}Z`));
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, "hex"));
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const bytes =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...bytes]), content]);
}
