import pino, { type DestinationStream, type Logger } from "pino";
import { visible } from "../../protocol/visible-text.js";
import type { ReportSettings } from "../settings/report-settings.js";

export interface LoggerOptions {
  readonly level: ReportSettings["logLevel"];
  /**
   * Lines for people, as on a terminal, instead of JSON. Default: if standard error is a terminal.
   */
  readonly pretty?: boolean;
  /** Where the lines go. */
  readonly destination: DestinationStream;
}

/** The server log: JSON, one object a line; on a terminal, lines that are easy to read. */
export async function createLogger({
  level,
  pretty = process.stderr.isTTY,
  destination,
}: LoggerOptions): Promise<Logger> {
  return pretty
    ? pino(
        { level, base: undefined, serializers: { err: withStackLines } },
        await createPrettyStream(destination),
      )
    : pino({ level, base: undefined, hooks: { streamWrite: visibleLine } }, destination);
}

/** An error whose stack is logged as a list of lines. */
function withStackLines(error: unknown): unknown {
  if (!(error instanceof Error)) {
    return error;
  }
  const { stack, ...fields } = pino.stdSerializers.err(error);
  return { ...fields, stack: stack.split("\n").map((line) => line.trim()) };
}

/** Loaded only where it is used. In this process: a worker would lose lines in a crash. */
async function createPrettyStream(destination: DestinationStream): Promise<DestinationStream> {
  const { default: pretty } = await import("pino-pretty");
  const prettify = pretty.prettyFactory({
    colorize: !process.env.NO_COLOR,
    translateTime: "SYS:HH:MM:ss.l",
    singleLine: true,
  });
  return { write: (line) => destination.write(visible(prettify(line) ?? "", ownControls)) };
}

/** The ends and colours of lines for people. Fields are JSON, which escapes its own. */
const ownControls = "\n\u001b";

/** JSON leaves characters unescaped that a terminal on which somebody reads the log may obey. */
function visibleLine(line: string): string {
  return `${visible(line.trimEnd())}\n`;
}
