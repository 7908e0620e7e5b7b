import { visible } from "../../protocol/visible-text.js";

/** The element with this id. Throws if the page's HTML has none of that type. */
export function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) {
    throw new Error(`index.html has no ${type.name} with the id "${id}"`);
  }
  return found;
}

/** Text from other users as an element shows it: line breaks and tabs are its only controls. */
export function shown(text: string): string {
  return visible(text, "\n\t");
}

/** Creates an element with classes and a text, which is never parsed as HTML. */
export function create<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  text = "",
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = shown(text);
  return made;
}
