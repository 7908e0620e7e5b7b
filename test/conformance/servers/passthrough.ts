/* Chatter's `listen`, with streams that go past Connect's pipeline. */
import { passthroughMethods } from "../service/passthrough.js";
import { listenAs } from "./listen-as.js";

await listenAs(passthroughMethods);
