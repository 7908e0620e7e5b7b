import { defineFailure } from "../../errors/define.js";

/*
 * A program that mounts Chatter gave an invalid option. `chatter serve` reports them as errors of
 * the settings.
 */

/**
 * `allowedOrigins`, or `origins` of a WebSocket bridge, contains something that is not an origin.
 *
 * Remedy: Write the scheme, the host, and the port unless it is the scheme's own.
 */
export const invalidOrigin = defineFailure(
  '"<origin>" is not a valid origin: write it as in "https://app.example:8443"',
  TypeError,
);

/**
 * `allowedHosts` contains something that is not a host.
 *
 * Remedy: Correct it as the text says.
 */
export const invalidHost = defineFailure(
  '"<host>" is not a host: write a name such as "chatter.example" or "*.chatter.example", an address such as "192.0.2.1" or "[2001:db8::1]", or a network such as "10.0.0.0/8", without a port',
  TypeError,
);

/**
 * `trustedProxies` contains something that is not an address or a network.
 *
 * Remedy: Correct it as the text says.
 */
export const invalidNetwork = defineFailure(
  '"<network>" is not a valid address or network: write 192.0.2.1 or 10.0.0.0/8',
  TypeError,
);
