/* The client library's entry for browsers, with Node's fetch. */
import { createChatterClient } from "../../../src/client/index.js";
import { runClient } from "./client-program.js";
import { openChatter } from "./open-chatter.js";

await runClient((request) => openChatter(createChatterClient, request));
