const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

/** Whether this Node.js can let several servers listen on one port. */
export const sharesPorts = major > 22 || (major === 22 && minor >= 12);
