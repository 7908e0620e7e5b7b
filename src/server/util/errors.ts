import { Code } from "@connectrpc/connect";
import { defineError } from "../../errors/define.js";

/**
 * Others could change a file that decides who may do what.
 *
 * Remedy: Run `chmod go-w FILE`.
 */
export const writableByOthers = defineError(
  Code.FailedPrecondition,
  "<source> has mode <mode>, so that <who> may write it: take that away (chmod go-w)",
);
