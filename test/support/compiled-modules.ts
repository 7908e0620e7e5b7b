import { dirname, join, relative, resolve } from "node:path";
import type { Vite } from "vitest/node";
import { compiledFolder, root } from "./compiled-folder.js";

/**
 * A plugin that lets tests import the modules of `src` as compile.ts has compiled them: Node loads
 * them by itself, in half of the time. Not where tests are watched: then they are the sources, whose
 * changes are seen.
 */
export function compiledModules(): Vite.Plugin {
  const sources = join(root, "src/");
  let watched = false;
  return {
    name: "chatter-compiled-modules",
    enforce: "pre",
    configureVitest({ vitest }) {
      watched = vitest.config.watch;
    },
    resolveId(source, importer) {
      if (watched || !importer || !source.startsWith(".")) {
        return undefined;
      }
      const path = resolve(dirname(importer), source);
      return path.startsWith(sources)
        ? { id: join(compiledFolder, "modules", relative(sources, path)), external: true }
        : undefined;
    },
  };
}
