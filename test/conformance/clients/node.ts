/* The client library's entry for Node. */
import { createChatterClient } from "../../../src/client/node.js";
import { runClient } from "./client-program.js";
import { openChatter } from "./open-chatter.js";

await runClient((request) => openChatter(createChatterClient, request));
