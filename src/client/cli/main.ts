import { runChatter } from "./program.js";

process.exitCode = await runChatter(process.argv.slice(2));
