import { readFileSync } from "node:fs";

const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

/** What a project shares with the package: their types and errors meet. */
const shared = ["@bufbuild/protobuf", "@connectrpc/connect", "@connectrpc/connect-node"];

/**
 * The projects that the package is installed into: Node, and what a project has of its own. The
 * oldest are those that the package declares; `docs/install.md` has the same numbers.
 */
export const projects = [
  {
    name: "the oldest of everything",
    node: `${/[\d.]+/.exec(manifest.engines.node)[0]}.0`,
    packages: {
      ...Object.fromEntries(shared.map((name) => [name, oldest(manifest.dependencies[name])])),
      "@bufbuild/protoc-gen-es": oldest(manifest.dependencies["@bufbuild/protobuf"]),
      "@types/node": "20.19.0",
      "@types/react": "18",
      "@types/react-dom": "18",
      "@vitejs/plugin-react": "4",
      react: "18",
      "react-dom": "18",
      typescript: "5.7",
      vite: "6",
    },
  },
  {
    name: "the newest of everything",
    node: "24", // The newest of which `process.release.lts` has a name.
    packages: {
      ...Object.fromEntries(shared.map((name) => [name, "latest"])),
      "@bufbuild/protoc-gen-es": "latest",
      "@types/node": "24",
      "@types/react": "latest",
      "@types/react-dom": "latest",
      "@vitejs/plugin-react": "latest",
      react: "latest",
      "react-dom": "latest",
      typescript: "latest",
      vite: "latest",
    },
  },
];

/** The oldest version of a range such as "^2.13.0". */
function oldest(range) {
  return range.replace(/^[\^~]/, "");
}
