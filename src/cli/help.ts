import type { AddHelpTextContext } from "commander";

/** A paragraph after the options of a command's help, wrapped like the rest of it. */
export function paragraph(text: string): (context: AddHelpTextContext) => string {
  return ({ command }) => {
    const help = command.createHelp();
    const width = command.configureOutput().getOutHelpWidth?.() ?? 80;
    return `\n${help.boxWrap(text, width)}`;
  };
}
