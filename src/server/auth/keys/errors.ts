import { Code } from "@connectrpc/connect";
import { defineError } from "../../../errors/define.js";

/**
 * The demo keeps its key in `--data-dir`, which cannot be read or written.
 *
 * Remedy: Correct the permissions of the folder.
 */
export const demoKeyUnusable = defineError(
  Code.FailedPrecondition,
  "signing key <path> can be neither read nor made (<reason>)",
);

/**
 * The file of the demo was deleted while the server ran. The keys in memory stay valid.
 *
 * Remedy: Put the file back, or restart the server.
 */
export const signingKeyMissing = defineError(Code.NotFound, "signing key <path> does not exist");

/**
 * Others than its owner may read the key.
 *
 * Remedy: Delete the file. All tokens that it signed become invalid.
 */
export const signingKeyExposed = defineError(
  Code.FailedPrecondition,
  "<source> has mode <mode>, so others can make tokens with it: delete it, and the next start makes a new one with mode 0600",
);

/**
 * Something deletes files in `--data-dir`.
 *
 * Remedy: Start again.
 */
export const signingKeyVanished = defineError(
  Code.FailedPrecondition,
  "signing key <path> was deleted while it was being made: start again",
);

/**
 * `chatter key new` was run twice.
 *
 * Remedy: Use `chatter key rotate`, or another path.
 */
export const keyFileExists = defineError(
  Code.AlreadyExists,
  '<file> already exists: "chatter key rotate" adds a key to it',
);

/**
 * The key that signs now is to be removed.
 *
 * Remedy: Rotate first, and remove the old key when its tokens have expired.
 */
export const keySigns = defineError(
  Code.FailedPrecondition,
  'key <id> signs: run "chatter key rotate --signs-in 0" first',
);

/**
 * `--signing-key-file` names no file.
 *
 * Remedy: Correct the path, or make the file.
 */
export const keyFileMissing = defineError(
  Code.NotFound,
  '<file> does not exist: make it with "chatter key new"',
);

/**
 * The variable `CHATTER_SIGNING_KEY` has several keys.
 *
 * Remedy: Use `--signing-key-file` for several keys.
 */
export const severalKeys = defineError(
  Code.FailedPrecondition,
  "<source> has <count> keys, not one",
);

/**
 * `--signing-key-file` names no file.
 *
 * Remedy: Correct the path, or make the file.
 */
export const keyMissing = defineError(
  Code.NotFound,
  '<source> does not exist: make one with "openssl rand -base64 32"',
);

/**
 * The file of `--signing-key-file` cannot be read.
 *
 * Remedy: Correct its permissions.
 */
export const keyUnreadable = defineError(
  Code.FailedPrecondition,
  "<source> cannot be read (<reason>)",
);

/**
 * The signing key is too short to be safe.
 *
 * Remedy: Make another one.
 */
export const shortSecret = defineError(
  Code.FailedPrecondition,
  '<source> has <bytes> bytes, and a secret needs at least <least>: make one with "openssl rand -base64 32"',
);

/**
 * The signing key begins like PEM, and is something else.
 *
 * Remedy: Make another one.
 */
export const notAKeyPair = defineError(
  Code.FailedPrecondition,
  '<source> <fault>, and a key pair needs the private key of Ed25519 in PEM: make one with "openssl genpkey -algorithm ed25519"',
);
