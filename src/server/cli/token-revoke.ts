import { Argument, Command } from "commander";
import { decodeJwt } from "jose";
import { readSecret } from "../../cli/password.js";
import type { RevokedToken } from "../auth/revocations/revocations.js";
import { revokeToken } from "../auth/revocations/revocations-file.js";
import { tokenIdOf } from "../auth/token-id.js";
import { createRevocationsFileOption, type RevocationOptions } from "./admin-options.js";
import { alreadyExpired, noTokenGiven, notAToken } from "./errors.js";

/** `chatter token revoke` */
export function createTokenRevokeCommand(): Command {
  return new Command("revoke")
    .summary("end one token before it expires")
    .description(
      "Refuse a token from now on, and end its calls within seconds. It is named by its " +
        'id, the "jti" that chatter token inspect prints, or read from standard input.',
    )
    .addArgument(
      new Argument("<id>", 'the token\'s id, or "-" for the token itself on standard input'),
    )
    .addOption(createRevocationsFileOption())
    .addHelpText(
      "after",
      `
Examples:
  chatter token revoke - --revocations-file revocations.json < token.txt
  chatter token revoke 0b7c5a1e-6f0d-4f0e-9d0e-5d1f2a3b4c5d --revocations-file revocations.json`,
    )
    .action(async (given: string, { revocationsFile }: RevocationOptions) => {
      const text = given === "-" ? (await readSecret()).trim() : given;
      await revokeToken(revocationsFile, revokedToken(text));
    });
}

/** The last time that a Date can have. */
const latestTime = 8.64e15;

/** The token itself shows when its revocation may be forgotten. */
function revokedToken(text: string): RevokedToken {
  if (text === "") {
    throw noTokenGiven();
  }
  if (text.split(".").length !== 3) {
    return { id: text };
  }
  const { jti, exp } = claimsOf(text);
  const expiresAt = Number(exp) * 1000;
  if (expiresAt <= Date.now()) {
    throw alreadyExpired();
  }
  // An invalid time, or one beyond all times, says nothing.
  return { id: tokenIdOf(text, jti), expiresAt: expiresAt <= latestTime ? expiresAt : undefined };
}

function claimsOf(token: string) {
  try {
    return decodeJwt(token);
  } catch {
    throw notAToken();
  }
}
