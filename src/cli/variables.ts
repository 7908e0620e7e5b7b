/** The variables that the client's commands read. Those of the server are in its settings. */
export const clientVariables: readonly string[] = [
  "CHATTER_URL",
  "CHATTER_PROTOCOL",
  "CHATTER_CLIENT_CERT",
  "CHATTER_CLIENT_KEY",
  "CHATTER_TOKEN",
  "CHATTER_OUTPUT",
  "CHATTER_USER",
  "CHATTER_PASSWORD",
  "CHATTER_VIEW",
];
