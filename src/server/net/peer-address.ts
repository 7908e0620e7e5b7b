import { BlockList, isIP, SocketAddress } from "node:net";
import { createContextKey } from "@connectrpc/connect";
import { invalidNetwork } from "./errors.js";

/**
 * The address of all peers of a Unix socket that `listen` serves: to limits they are one, and log
 * lines name it. As a trusted proxy it stands for whoever can connect to the socket.
 */
export const unixPeer = "unix";

/**
 * The address of the client of a call: "192.0.2.7", "2001:db8::7", or "unix". Set by every wire.
 * IPv4 is never written as IPv6. Empty where there is none: the connection is gone already, or
 * is one of a server that is not Chatter's own, and not of TCP.
 */
export const peerAddressKey = createContextKey("", { description: "the client's address" });

/**
 * Finds the address of a client, from that of its connection and its `X-Forwarded-For`; several
 * such headers are joined with commas.
 */
export type PeerAddress = (
  connectionAddress: string | undefined,
  forwardedFor: string | string[] | undefined,
) => string;

/** Whether an address is that of a trusted proxy. */
export type IsTrustedProxy = (address: string | undefined) => boolean;

/**
 * Makes the function that knows the trusted proxies, each an address ("192.0.2.1"), a
 * network ("10.0.0.0/8") or "unix". Throws a TypeError if one of them is something else.
 */
export function createTrustedProxies(trustedProxies: readonly string[] = []): IsTrustedProxy {
  if (trustedProxies.length === 0) {
    return () => false;
  }
  const trusted = new BlockList();
  for (const proxy of trustedProxies) {
    if (proxy !== unixPeer) {
      addNetwork(trusted, proxy);
    }
  }
  const trustsUnix = trustedProxies.includes(unixPeer);
  return (address = "") => {
    const version = isIP(address);
    return version === 0
      ? trustsUnix && address === unixPeer
      : trusted.check(address, version === 6 ? "ipv6" : "ipv4");
  };
}

/**
 * Makes the function that finds a client's address. The header of a proxy counts only if the proxy
 * is trusted: the client is then the last address of the list that is not a trusted proxy itself,
 * because the client may have written what comes before it. If the list cannot be read, the
 * connection's address counts.
 */
export function createPeerAddress(isTrusted: IsTrustedProxy): PeerAddress {
  return (connectionAddress = "", forwardedFor = "") => {
    const connection = connectionAddress.replace(mappedPrefix, "");
    if (forwardedFor.length === 0 || !isTrusted(connection)) {
      return connection;
    }
    let client = connection;
    for (const hop of String(forwardedFor).split(",").reverse()) {
      const address = readAddress(hop.trim());
      if (address === undefined) {
        return connection;
      }
      client = address;
      if (!isTrusted(client)) {
        break;
      }
    }
    return client;
  };
}

/** The prefix that sockets listening on IPv6 put before an IPv4 address. */
const mappedPrefix = /^::ffff:(?=\d+\.)/;

function addNetwork(list: BlockList, text: string): void {
  const [address = "", prefix, ...rest] = text.split("/");
  const version = isIP(address);
  const bits = prefix === undefined ? undefined : Number(prefix);
  const most = version === 6 ? 128 : 32;
  const isPrefix = bits === undefined || (/^\d{1,3}$/.test(prefix!) && bits <= most);
  if (version === 0 || !isPrefix || rest.length > 0 || address.includes("%")) {
    throw invalidNetwork({ network: text });
  }
  list.addSubnet(address, bits ?? most, version === 6 ? "ipv6" : "ipv4");
}

/** An address as proxies write it, some with the port. Undefined: it is not a valid address. */
function readAddress(text: string): string | undefined {
  const address = text.replace(/^\[(.*)\](:\d+)?$/, "$1").replace(/^([\d.]+):\d+$/, "$1");
  const version = isIP(address);
  if (version === 0 || address.includes("%")) {
    return undefined;
  }
  const family = version === 6 ? "ipv6" : "ipv4";
  return new SocketAddress({ address, family }).address.replace(mappedPrefix, "");
}
