import { Code } from "@connectrpc/connect";
import { defineError } from "../../../errors/define.js";

/**
 * `--revocations-file` names no file.
 *
 * Remedy: Correct the path. The first `chatter token revoke` makes the file.
 */
export const revocationsMissing = defineError(Code.NotFound, "<file> does not exist");

/**
 * The server started without the file.
 *
 * Remedy: None needed if nothing is to be revoked; else correct the path.
 */
export const nothingRevoked = defineError(
  Code.NotFound,
  "<problem>: nothing is revoked until it exists",
);
