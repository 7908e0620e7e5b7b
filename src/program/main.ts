import { endWithOutput, outputTaken } from "../cli/closed-output.js";
import { runChatter } from "./program.js";

endWithOutput();

const status = await runChatter(process.argv.slice(2));

// Prints everything that is left, then ends the process, whatever a library may have left open: a
// stream that was not read to its end would keep its connection, and the process, for ever.
await outputTaken();
process.exit(status);
