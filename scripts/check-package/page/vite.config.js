import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react(), { name: "modules", generateBundle: listModules }],
});

/** Writes down which files the bundle is made of. */
function listModules() {
  const source = JSON.stringify([...this.getModuleIds()]);
  this.emitFile({ type: "asset", fileName: "modules.json", source });
}
