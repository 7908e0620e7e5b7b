import { isIPv6 } from "node:net";

/**
 * What counts as one address: for IPv6 the first 64 bits, because whoever has one such address has
 * all that begin with them. IPv4 in the form of IPv6 counts as IPv4.
 */
export function networkOf(address: string): string {
  if (!address.includes(":") || !isIPv6(address)) {
    return address;
  }
  if (address.startsWith(mapped) && address.includes(".")) {
    return address.slice(mapped.length);
  }
  const [head = "", tail] = address.split("%", 1)[0]!.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail ? tail.split(":") : [];
  const zeros = Array<string>(8 - left.length - right.length).fill("0");
  return [...left, ...zeros, ...right].slice(0, 4).join(":");
}

const mapped = "::ffff:";
