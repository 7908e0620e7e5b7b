import { create } from "@bufbuild/protobuf";
import { Command } from "commander";
import {
  ChatSummarySchema,
  type SummaryResponse,
  SummaryResponseSchema,
} from "../../gen/chatter_pb.js";
import { createErrorNotes } from "./connection-notes.js";
import { createResumingReader } from "./log-reader.js";
import { addCallOptions, addOutputOption, type OutputOptions } from "./options.js";
import { createPrinter } from "./output.js";
import {
  addReliableOption,
  createRequests,
  inputHelp,
  type Posting,
  type PostingOptions,
  postLines,
} from "./posting.js";
import { postReliably } from "./reliable-posts.js";

/** `chatter summary` */
export function createSummaryCommand(): Command {
  const command = new Command("summary").description(
    "Store each line of standard input as a message, and print at the end a summary of each.\n" +
      "The summaries have 4 MiB at most in all, unless --reliable collects them: chatter\n" +
      "listener has no such bound.",
  );
  addOutputOption(addReliableOption(addCallOptions(command)));
  return command
    .addHelpText("after", `${inputHelp}\n${examples}`)
    .action((options: PostingOptions & OutputOptions) =>
      postLines(options, options.reliable ? "stored" : "sent", async (posting) => {
        const response = await (options.reliable
          ? collectSummaries(posting)
          : callSummary(posting));
        posting.progress.end();
        const printer = createPrinter(options, posting.signal);
        await printer.message(SummaryResponseSchema, response, true);
      }),
    );
}

function callSummary({ client, lines, progress, signal }: Posting): Promise<SummaryResponse> {
  const requests = createRequests(lines, () => progress.count());
  return client.summary(requests, { signal });
}

/**
 * What Summary answers, of posts that were answered one by one: these answers do not say
 * when each was stored, so they are looked up in the history.
 */
async function collectSummaries(posting: Posting): Promise<SummaryResponse> {
  const { chatter, progress, signal } = posting;
  const before = await createResumingReader(posting).head();
  const sequences: bigint[] = [];
  await postReliably(posting, ({ sequence }) => {
    progress.count();
    sequences.push(sequence);
  });
  const response = create(SummaryResponseSchema);
  const { summaries } = response;
  if (sequences.length > 0) {
    const onState = createErrorNotes(posting, () => progress.hide());
    for await (const stored of chatter.history({ after: before, signal, onState })) {
      // Those of others lie between them.
      if (stored.sequence === sequences[summaries.length]) {
        const { message, length, sentAt, sequence } = stored;
        summaries.push(create(ChatSummarySchema, { message, length, sentAt, sequence }));
        if (summaries.length === sequences.length) {
          break;
        }
      }
    }
  }
  return response;
}

const examples = `
Examples:
  printf 'one\\ntwo\\n' | chatter summary --output pretty
  chatter summary < messages.txt | jq '.summaries[].length'
  chatter summary --reliable < messages.txt`;
