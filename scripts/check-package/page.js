import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

/** The parts of the package that a page may have. */
const parts = /^chatter\/dist\/(async|client(?!\/cli)|errors|gen|protocol)\//;
/** The other packages. */
const others = /^(@bufbuild\/protobuf|@connectrpc\/connect|react|react-dom|scheduler)\//;

/** Makes the page of a project, and posts and reads with it in Chromium. */
export async function checkPage(project) {
  project.run("tsc", "-p", "page");
  project.run("vite", "build", "page", "--logLevel", "warn");
  checkModules(JSON.parse(readFileSync(join(project.folder, "page/dist/modules.json"), "utf8")));

  const preview = start(
    project,
    /Local:\s+(http:\S+?)\/?$/,
    "vite",
    "preview",
    "page",
    "--port",
    "0",
  );
  let server;
  try {
    const pageUrl = await preview.url;
    server = start(
      project,
      /(http:\S+)/,
      "chatter",
      "serve",
      "--demo",
      "--log-level",
      "error",
      "--port",
      "0",
      "--allowed-origins",
      pageUrl,
    );
    await openPage(`${pageUrl}/?chatter=${await server.url}`);
  } finally {
    await Promise.all([preview.stop(), server?.stop()]);
  }
}

/** Nothing of the server, and no package but those that a client needs. */
function checkModules(modules) {
  const names = modules
    .map((id) => id.split("/node_modules/").at(-1).split("?")[0])
    .filter((_, i) => modules[i].includes("/node_modules/"));
  const wrong = names.filter((name) => !parts.test(name) && !others.test(name));
  if (wrong.length > 0 || !names.some((name) => parts.test(name))) {
    throw new Error(`the page's bundle has ${wrong.join(", ") || "nothing of the package"}`);
  }
}

async function openPage(url) {
  const executablePath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: ["--headless", "--no-sandbox"] });
  try {
    const page = await browser.newPage();
    const faults = [];
    page.on("pageerror", (error) => faults.push(String(error)));
    await page.goto(url);
    await page.getByRole("button", { name: "Post" }).click();
    await page.getByText("goa: from a page").waitFor();
    if (faults.length > 0) {
      throw new Error(faults.join("\n"));
    }
  } finally {
    await browser.close();
  }
}

/** Starts a program of the project, which prints its URL in a line that matches. */
function start({ folder, environment }, line, ...[program, ...args]) {
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...environment, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const url = new Promise((resolve, reject) => {
    createInterface(child.stdout).on("line", (text) => {
      const match = line.exec(text);
      if (match) {
        resolve(match[1]);
      }
    });
    exited.then(([code]) => reject(new Error(`${program} has ended with ${code}`)), reject);
  });
  url.catch(() => {}); // Whoever waits for it gets the error.
  return {
    url,
    stop() {
      child.kill();
      return exited;
    },
  };
}
