import { isIP } from "node:net";
import { invalidHost } from "./errors.js";
import { isLoopback } from "./loopback.js";
import { createTrustedProxies as createNetworks } from "./peer-address.js";

/**
 * Whether requests for this host are answered. `authority` is a `Host` header or an `:authority`,
 * with or without a port; undefined if the request names none.
 */
export type HostCheck = (authority: string | undefined) => boolean;

/** The names of this machine, which no page but its own can have. */
const loopbackHosts: readonly string[] = ["localhost", "*.localhost", "127.0.0.0/8", "[::1]"];

/**
 * The hosts that a server without TLS answers for unless they are set: on a loopback address the
 * names of this machine, elsewhere undefined, which means every host.
 */
export function defaultHosts(listensOn: string): readonly string[] | undefined {
  return isLoopback(listensOn) ? loopbackHosts : undefined;
}

/** A name without a port; an IPv6 address in brackets. */
const hostPattern = /^(?:\[[0-9a-f:.]+\]|[^\s:@/?#[\]\\*%]+)$/i;
const portPattern = /:\d{0,5}$/;

/**
 * Makes the check for a list of hosts: names ("chatter.example"), all names below one
 * ("*.chatter.example"), addresses ("192.0.2.1", "[2001:db8::1]"), networks ("10.0.0.0/8"), or "*"
 * for every host. Ports, case and a final dot are ignored.
 *
 * A request that names no host, which HTTP/1.0 allows, is answered.
 *
 * Throws a TypeError for anything that is not a host.
 */
export function createHostCheck(hosts: readonly string[]): HostCheck {
  const names = new Set<string>();
  const suffixes: string[] = [];
  const networks: string[] = [];
  for (const host of hosts) {
    if (host === "*") {
      return () => true;
    }
    const address = host.replace(/^\[(.*)\]/, "$1");
    const name = normalize(host.replace(/^\*\./, ""));
    if (isIP(address) !== 0 || host.includes("/")) {
      networks.push(address);
    } else if (name === undefined || (host.startsWith("*.") && isIP(name) !== 0)) {
      throw invalidHost({ host });
    } else if (host.startsWith("*.")) {
      suffixes.push(`.${name}`);
    } else {
      names.add(name);
    }
  }
  const isAllowedAddress = createNetworks(networks);
  function isAllowed(authority: string): boolean {
    const name = normalize(authority.replace(portPattern, ""));
    if (name === undefined) {
      return false;
    }
    const address = name.replace(/^\[(.*)\]$/, "$1");
    return isIP(address) !== 0
      ? isAllowedAddress(address)
      : names.has(name) || suffixes.some((suffix) => name.endsWith(suffix));
  }
  // Nearly all requests name the same host, so it is parsed only once.
  let last: { readonly authority: string; readonly allowed: boolean } | undefined;
  return (authority) => {
    if (authority === undefined) {
      return true;
    }
    if (authority !== last?.authority) {
      last = { authority, allowed: isAllowed(authority) };
    }
    return last.allowed;
  };
}

/**
 * The host as URLs have it: in lower case, addresses in one form. Undefined if it is not a host.
 */
function normalize(host: string): string | undefined {
  const url = `http://${host}`;
  return hostPattern.test(host) && URL.canParse(url)
    ? new URL(url).hostname.replace(/\.$/, "")
    : undefined;
}
