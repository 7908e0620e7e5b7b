import { registerCleanUps } from "./clean-up.js";

registerCleanUps();
