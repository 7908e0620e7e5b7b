import { Command, Option } from "commander";
import { addOutputOption, type OutputOptions } from "../cli/options.js";
import { createPrinter, visibleLines, writeOutput } from "../cli/output.js";
import { Progress } from "../cli/progress.js";
import { withToken } from "../client/cli/call.js";
import { addCallOptions, type CallOptions } from "../client/cli/call-options.js";
import { type ExportFile, openExportFile } from "../server/cli/export-file.js";
import type { CopySource } from "../server/log/transfer/copied-message.js";
import { ExportWriter } from "../server/log/transfer/export-format.js";
import { openFolderSource } from "../server/log/transfer/folder-source.js";

interface ExportOptions extends CallOptions, OutputOptions {
  readonly dataDir?: string;
}

/** `chatter log export` */
export function createExportCommand(): Command {
  const command = new Command("export")
    .summary("write the whole log to a file or to standard output")
    .description(
      "Write the whole log, as text with checksums: messages with their sequences, times and " +
        "senders, the message ids that are remembered, and the log's identity. It is read from " +
        "a running server, or from a folder. An existing file is continued: an interrupted " +
        "export is completed, a complete one gets what was added since.",
    )
    .argument("[file]", "where to write it (default: standard output)")
    .addOption(
      new Option(
        "--data-dir <folder>",
        "read the log in this folder, which no server may have open, and not a server's",
      ),
    );
  return addOutputOption(addCallOptions(command))
    .addHelpText(
      "after",
      `
Examples:
  chatter log export backup.jsonl
  chatter log export | gzip > backup.jsonl.gz
  chatter log export --data-dir /var/lib/chatter backup.jsonl`,
    )
    .action(async (path: string | undefined, options: ExportOptions) => {
      const progress = new Progress("exported", path !== undefined || !process.stdout.isTTY);
      try {
        await exportLog(path, options, progress);
      } finally {
        progress.end();
      }
    });
}

async function exportLog(
  path: string | undefined,
  options: ExportOptions,
  progress: Progress,
): Promise<void> {
  const { dataDir } = options;
  const warn = (text: string) => {
    progress.hide();
    process.stderr.write(`chatter: ${text}\n`);
  };
  const copy = async (source: CopySource, signal: AbortSignal) => {
    try {
      await copyTo(path, source, options, progress, signal);
    } finally {
      await source.close();
    }
  };
  if (dataDir !== undefined) {
    await copy(await openFolderSource(dataDir, warn), new AbortController().signal);
    return;
  }
  const { openServerSource } = await import("./server-source.js");
  await withToken(options, async (call) => {
    await copy(await openServerSource(call, () => progress.hide()), call.signal);
  });
}

async function copyTo(
  path: string | undefined,
  source: CopySource,
  options: OutputOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  if (path === undefined) {
    const print = (block: Buffer) =>
      writeOutput(process.stdout.isTTY ? visibleLines(block.toString()) : block, signal);
    await writeExport(source, print, undefined, progress, signal);
    return;
  }
  const file = await openExportFile(path, source);
  let added = 0;
  try {
    added = await writeExport(source, (block) => file.write(block), file.from, progress, signal);
  } finally {
    await file.close();
  }
  progress.end();
  const { identity, head } = source;
  const messages = (file.from?.messages ?? 0) + added;
  await createPrinter(options).object({ file: path, identity, through: head, messages, added });
}

/** Writes what follows `from`; resolves to the number of these messages. */
async function writeExport(
  source: CopySource,
  write: (block: Buffer) => Promise<void>,
  from: ExportFile["from"],
  progress: Progress,
  signal: AbortSignal,
): Promise<number> {
  if (from?.complete && from.through === source.head) {
    return 0;
  }
  const writer = new ExportWriter(source, from);
  let added = 0;
  for await (const messages of source.read(from?.through ?? source.first - 1, signal)) {
    for (const block of writer.add(messages)) {
      await write(block);
    }
    added += messages.length;
    progress.count(messages.length);
  }
  await write(writer.end(source.head));
  return added;
}
