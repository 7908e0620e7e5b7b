/* Chatter's `listen`: one port for all. */

import { methods } from "../service/service.js";
import { listenAs } from "./listen-as.js";

await listenAs(methods);
