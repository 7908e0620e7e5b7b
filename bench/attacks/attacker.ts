/* The attacker's process: runs one attack until it is stopped. */
import { setMaxListeners } from "node:events";
import { attacks } from "./attacks.js";

const [name, port, token] = process.argv.slice(2);
const attack = attacks.find((each) => each.name === name)!;
const over = new AbortController();
setMaxListeners(0, over.signal); // Each connection and each wait adds listeners.
process.on("message", () => over.abort());
process.on("disconnect", () => process.exit());
await attack.run({ port: Number(port), token: token! }, over.signal);
process.send?.("done");
process.disconnect();
