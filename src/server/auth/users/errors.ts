import { Code } from "@connectrpc/connect";
import { defineError } from "../../../errors/define.js";

/**
 * `chatter user add` was given the name of an account.
 *
 * Remedy: Choose another name, or replace the account with `--replace`.
 */
export const userExists = defineError(Code.AlreadyExists, "user <name> is already in <file>");

/**
 * `chatter user remove` was given a name that no account has.
 *
 * Remedy: Correct the name; `chatter user list` prints them.
 */
export const unknownUser = defineError(Code.NotFound, "user <name> is not in <file>");

/**
 * `--users-file` names no file.
 *
 * Remedy: Correct the path, or make the file.
 */
export const usersFileMissing = defineError(
  Code.NotFound,
  '<file> does not exist: make it with "chatter user add NAME"',
);
