import pino, { type DestinationStream, type Logger } from "pino";
import type { ReportSettings } from "./settings/report-settings.js";

export interface LoggerOptions {
  readonly level: ReportSettings["logLevel"];
  /** Lines for people, as on a terminal, in place of JSON. Default: if standard error is one. */
  readonly pretty?: boolean;
  /** Default: standard error. */
  readonly destination?: DestinationStream;
}

/**
 * The program's own log: JSON, one object a line; on a terminal lines that read easily.
 * What is logged is written before the next line of code runs: a crash loses none of it.
 */
export async function createLogger({
  level,
  pretty = process.stderr.isTTY,
  destination = createStandardError(),
}: LoggerOptions): Promise<Logger> {
  return pretty
    ? pino(
        { level, base: undefined, serializers: { err: withStackLines } },
        await createPrettyStream(destination),
      )
    : pino({ level, base: undefined }, destination);
}

/** How many characters of lines wait for a log that cannot be written; what comes then is dropped. */
const maxUnwritten = 1024 * 1024;

/**
 * Standard error, whose disk may be full: the line of a call must not fail the call. The lines are
 * written when there is room again.
 */
function createStandardError(): DestinationStream {
  const destination = pino.destination({ dest: 2, sync: true, maxLength: maxUnwritten });
  destination.on("error", () => {}); // There is nobody else to be told.
  return destination;
}

/** An error whose stack is read line by line. */
function withStackLines(error: unknown): unknown {
  if (!(error instanceof Error)) {
    return error;
  }
  const { stack, ...fields } = pino.stdSerializers.err(error);
  return { ...fields, stack: stack.split("\n").map((line) => line.trim()) };
}

/** Loaded only where it is used. In this process: a worker would lose lines at a crash. */
async function createPrettyStream(destination: DestinationStream): Promise<DestinationStream> {
  const { prettyFactory } = await import("pino-pretty");
  const prettify = prettyFactory({
    colorize: !process.env.NO_COLOR,
    translateTime: "SYS:HH:MM:ss.l",
    singleLine: true,
  });
  return { write: (line) => destination.write(escapeControls(prettify(line) ?? "")) };
}

/**
 * Fields are written as JSON, which escapes the controls up to 0x1f, but not these, which a
 * terminal may obey too: DEL, C1, line separators, and what turns the direction of text.
 */
function escapeControls(text: string): string {
  return text.replace(
    /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
