import { create } from "@bufbuild/protobuf";
import { Command } from "commander";
import type { OutputOptions } from "../../cli/options.js";
import {
  ChatSummarySchema,
  type SummaryResponse,
  SummaryResponseSchema,
} from "../../gen/chatter_pb.js";
import { createErrorNotes } from "./connection-notes.js";
import { createResumingReader } from "./log-reader.js";
import {
  addPostingOptions,
  createRequests,
  inputHelp,
  type Posting,
  type PostingOptions,
  postForAnswer,
} from "./posting.js";
import { postReliably } from "./reliable-posts.js";

/** `chatter summary` */
export function createSummaryCommand(): Command {
  const command = new Command("summary").description(
    "Store each line of standard input as a message, and print at the end a summary of each. " +
      "The summaries have 4 MiB at most in all, unless --reliable collects them: chatter " +
      "listener has no such bound.",
  );
  return addPostingOptions(command)
    .addHelpText("after", inputHelp)
    .addHelpText("after", examples)
    .action((options: PostingOptions & OutputOptions) =>
      postForAnswer(options, SummaryResponseSchema, callSummary, collectSummaries),
    );
}

function callSummary(posting: Posting): Promise<SummaryResponse> {
  const { client, progress, signal } = posting;
  const requests = createRequests(posting, () => progress.count());
  return client.summary(requests, { signal });
}

/**
 * The answer of Summary, for posts that were answered one by one: these answers do not say when
 * each was stored, so the times are looked up in the history.
 */
async function collectSummaries(posting: Posting): Promise<SummaryResponse> {
  const { chatter, progress, room, signal } = posting;
  const rooms = [room];
  const before = await createResumingReader(posting, rooms).head();
  const sequences: bigint[] = [];
  await postReliably(posting, ({ sequence }) => {
    progress.count();
    sequences.push(sequence);
  });
  const response = create(SummaryResponseSchema);
  const { summaries } = response;
  if (sequences.length > 0) {
    const onState = createErrorNotes(posting, () => progress.hide());
    for await (const stored of chatter.history({ rooms, after: before, signal, onState })) {
      // Messages of other users are between them.
      if (stored.sequence === sequences[summaries.length]) {
        const { message, length, sentAt, sequence, room } = stored;
        summaries.push(create(ChatSummarySchema, { message, length, sentAt, sequence, room }));
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
