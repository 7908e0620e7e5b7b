import { create } from "@bufbuild/protobuf";
import { Command } from "commander";
import type { OutputOptions } from "../../cli/options.js";
import { type ListenerResponse, ListenerResponseSchema } from "../../gen/chatter_pb.js";
import {
  addPostingOptions,
  createRequests,
  inputHelp,
  type Posting,
  type PostingOptions,
  postForAnswer,
} from "./posting.js";
import { postReliably } from "./reliable-posts.js";

/** `chatter listener` */
export function createListenerCommand(): Command {
  const command = new Command("listener").description(
    "Store each line of standard input as a message, and print at the end how many are stored.",
  );
  return addPostingOptions(command)
    .addHelpText("after", inputHelp)
    .addHelpText("after", examples)
    .action((options: PostingOptions & OutputOptions) =>
      postForAnswer(options, ListenerResponseSchema, callListener, countPosts),
    );
}

function callListener(posting: Posting): Promise<ListenerResponse> {
  const { client, progress, signal } = posting;
  return client.listener(
    createRequests(posting, () => progress.count()),
    { signal },
  );
}

/** The answer of Listener, for posts that were answered one by one. */
async function countPosts(posting: Posting): Promise<ListenerResponse> {
  const response = create(ListenerResponseSchema);
  await postReliably(posting, ({ sequence }) => {
    posting.progress.count();
    response.stored++;
    response.lastSequence = sequence;
  });
  return response;
}

const examples = `
Examples:
  chatter listener < messages.txt
  seq 100000 | chatter listener
  chatter listener --reliable < messages.txt
  chatter listener --url https://chat.example.com --protocol grpc`;
