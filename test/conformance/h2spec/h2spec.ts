/* The program h2spec: where it is, and a run of it. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findGoProgram, go } from "../go-programs.js";

/** The last there is. It is of 2019, from before RFC 9113. */
const version = "v2.2.1";

/** How to get it, for people. */
export const installation = "go install github.com/summerwind/h2spec/cmd/h2spec@latest";

/** Resolves to the path of h2spec; undefined if it is not here, or another version. */
export function findH2spec(): Promise<string | undefined> {
  return findGoProgram("h2spec", async (path) =>
    Boolean((await go("version", "-m", path))?.includes(`summerwind/h2spec\t${version}`)),
  );
}

export interface Target {
  readonly port: number;
  readonly path: string;
  readonly tls: boolean;
}

/** A case that was run. */
export interface CaseResult {
  /** Its section and its title: "http2/5.1 closed: Sends a DATA frame". */
  readonly name: string;
  /** What was expected and what came; undefined if it did not fail. */
  readonly failure: string | undefined;
  /** It could not be run: the server does not use what it is about. */
  readonly isSkipped: boolean;
}

/** How long a case waits for an answer that does not come, in seconds. */
const timeoutSeconds = 3;

/** Runs all cases on a server. Rejects if h2spec does not run. */
export async function runH2spec(
  program: string,
  { port, path, tls }: Target,
): Promise<CaseResult[]> {
  const folder = await mkdtemp(join(tmpdir(), "chatter-h2spec-"));
  try {
    const report = join(folder, "report.xml");
    const args = ["--port", `${port}`, "--path", path, "--timeout", `${timeoutSeconds}`];
    args.push("--junit-report", report, ...(tls ? ["--tls", "--insecure"] : []));
    // Its status says that a case has failed, which the report does too.
    const output = await new Promise<string>((resolve) => {
      execFile(program, args, (_, stdout, stderr) => resolve(stdout + stderr));
    });
    const results = parseReport(await readFile(report, "utf8").catch(() => ""));
    if (results.length === 0) {
      throw new Error(`h2spec has run no case: ${output}`);
    }
    return results;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The cases of a report in the form of JUnit. */
function parseReport(xml: string): CaseResult[] {
  const cases = xml.matchAll(
    /<testcase package="([^"]*)" classname="([^"]*)"[^>]*>(.*?)<\/testcase>/gs,
  );
  return [...cases].map(([, section, title, inside]) => ({
    name: `${section} ${title}`.replaceAll("&#39;", "'").replaceAll("&#34;", '"'),
    // JUnit's word for what went wrong differs from h2spec's.
    failure: failureOf(/<(?:error|failure)>(.*?)<\//s.exec(inside!)?.[1]),
    isSkipped: inside!.includes("<skipped>"),
  }));
}

/** What of a failed case is in a report: a line each for what would be right, and one for what came. */
function failureOf(text: string | undefined): string | undefined {
  const lines = text?.split("\n");
  const came = lines?.pop();
  return lines && `expected ${lines.join(" or ")}; got ${came}`;
}
