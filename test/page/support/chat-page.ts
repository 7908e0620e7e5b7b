import type { BrowserContextOptions, Page } from "playwright-core";
import { afterEach, expect } from "vitest";
import { describeInChromium } from "../../support/chromium.js";

/** Opens the page of the server at `url`, in a browser profile of its own. */
export type OpenPage = (url: string, options?: BrowserContextOptions) => Promise<ChatPage>;

/** Tests with one browser for all of them; skipped, with a line, where there is none. */
export function describeInBrowser(name: string, tests: (open: OpenPage) => void): void {
  describeInChromium(name, (browser) => {
    const opened: ChatPage[] = [];

    afterEach(async () => {
      const pages = opened.splice(0);
      await Promise.all(pages.map(({ page }) => page.context().close()));
      expect(pages.flatMap(({ faults }) => faults)).toEqual([]);
    });

    tests(async (url, options) => {
      const context = await browser().newContext({ locale: "en-GB", ...options });
      const chat = new ChatPage(await context.newPage());
      opened.push(chat);
      await chat.page.goto(url);
      return chat;
    });
  });
}

/** The page as its user has it. */
export class ChatPage {
  /**
   * What the page has reported: a test that ends with any fails. Refused connections do not count.
   */
  readonly faults: string[] = [];

  constructor(readonly page: Page) {
    page.on("pageerror", (error) => this.faults.push(String(error)));
    page.on("console", (message) => {
      const isRefused = /^WebSocket connection to '.*' failed|net::ERR_CONNECTION_REFUSED/.test(
        message.text(),
      );
      if (message.type() === "error" && !isRefused) {
        this.faults.push(message.text());
      }
    });
  }

  async logIn(user = "goa", password = "rocks"): Promise<void> {
    await this.page.getByLabel("Name").fill(user);
    await this.page.getByLabel("Password").fill(password);
    await this.page.getByRole("button", { name: "Log in" }).click();
  }

  /** Logs in and waits until the messages are there. */
  async enter(user?: string, password?: string): Promise<void> {
    await this.logIn(user, password);
    await this.state("Live");
  }

  async post(text: string): Promise<void> {
    await this.page.getByLabel("Message", { exact: true }).fill(text);
    await this.page.getByRole("button", { name: "Send" }).click();
  }

  /** The texts of the messages in the document. */
  texts(): Promise<string[]> {
    return this.page.locator("#rows .text").allTextContents();
  }

  /** Resolves when the page says that it is in a state that begins so. */
  async state(text: string): Promise<void> {
    await this.page.locator("#state", { hasText: new RegExp(`^${text}`) }).waitFor();
  }

  /** Resolves when the page waits for its next try, for this reason. */
  async waiting(reason: string): Promise<void> {
    const state = this.page.locator(`#state[title*="${reason}"]`);
    await state.filter({ hasText: "Waiting: next try in" }).waitFor();
  }

  /** Resolves when a message with exactly this text is shown. */
  async shown(text: string): Promise<void> {
    await this.page.locator("#rows").getByText(text, { exact: true }).waitFor();
  }

  /** How far the messages are scrolled, in pixels from the end. */
  fromEnd(): Promise<number> {
    return this.page
      .locator("#scroller")
      .evaluate((scroller) => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight);
  }

  async scrollTo(place: "start" | "end"): Promise<void> {
    await this.page.locator("#scroller").evaluate((scroller, place) => {
      scroller.scrollTop = place === "start" ? 0 : scroller.scrollHeight;
    }, place);
  }
}
