import { element } from "./element.js";

/** The box grows to so many lines. */
const maxLines = 6;

/** Where messages are written. */
export class Composer {
  readonly #form = element("composer", HTMLFormElement);
  readonly #text = element("text", HTMLTextAreaElement);

  /** @param onPost gets each text that is to be posted */
  constructor(onPost: (text: string) => void, signal: AbortSignal) {
    signal.addEventListener("abort", () => this.write(""), { once: true });
    this.#text.addEventListener("input", () => this.#grow(), { signal });
    this.#text.addEventListener(
      "keydown",
      (event) => {
        // While an input method composes, Enter is its own.
        if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
          event.preventDefault();
          this.#form.requestSubmit();
        }
      },
      { signal },
    );
    this.#form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        const text = this.#text.value;
        this.#text.focus();
        if (text.trim() !== "") {
          this.write("");
          onPost(text);
        }
      },
      { signal },
    );
  }

  /** Puts a text in, to be written on. */
  write(text: string): void {
    this.#text.value = text;
    this.#grow();
  }

  focus(): void {
    this.#text.focus();
  }

  #grow(): void {
    this.#text.rows = Math.min(maxLines, this.#text.value.split("\n").length);
  }
}
