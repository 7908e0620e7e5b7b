import { InvalidArgumentError } from "commander";
import { defineKind } from "../errors/define.js";
import { exitStatus } from "./exit.js";

/**
 * Defines what is wrong with the value of an option; commander names the option before the text.
 */
export function defineInvalidValue<const Text extends string>(text: Text) {
  return defineKind(
    text,
    { exitStatus: exitStatus.usage },
    (text) => new InvalidArgumentError(`${text}.`),
  );
}
