import { createMemoryLog } from "../../src/server/log/memory-log.js";
import { describeContract } from "./contract.js";

describeContract("the log in memory", async (options) => createMemoryLog(options));
