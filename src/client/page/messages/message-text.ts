import { shown } from "../element.js";

/*
 * The text of a message, with its links and `code`: as anchors and text nodes, never as HTML. Each
 * alternative of the pattern ends at the first character that it excludes, so that parsing takes
 * linear time.
 */
const special = /```\n?([\s\S]+?)```|`([^`\s](?:[^`\n]*[^`\s])?)`|https?:\/\/[^\s<>"`]+/gi;

/**
 * Characters that end a sentence, or close a bracket around a link, and are not part of the link.
 */
const trailing = new Set(".,;:!?'\")]}*_");

/** Creates the nodes of a text. */
export function textNodes(text: string): (Node | string)[] {
  const nodes: (Node | string)[] = [];
  const visible = shown(text);
  let end = 0;
  for (const { 0: found, 1: block, 2: code, index } of visible.matchAll(special)) {
    const link = block === undefined && code === undefined ? createLink(found) : undefined;
    const node = link ?? createCode(block ?? code, block !== undefined);
    if (node === undefined) {
      continue;
    }
    nodes.push(visible.slice(end, index), node);
    end = index + (link ? link.textContent!.length : found.length);
  }
  nodes.push(visible.slice(end));
  return nodes.filter((node) => node !== "");
}

function createCode(text: string | undefined, isBlock: boolean): HTMLElement | undefined {
  if (text === undefined) {
    return undefined;
  }
  const code = document.createElement("code");
  code.classList.toggle("block", isBlock);
  code.textContent = text;
  return code;
}

/**
 * Undefined if the text is not a valid URL. The link opens a new tab without access to the page.
 */
function createLink(found: string): HTMLAnchorElement | undefined {
  const address = withoutTrailing(found);
  try {
    new URL(address);
  } catch {
    return undefined;
  }
  const link = document.createElement("a");
  link.href = address;
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  link.textContent = address;
  return link;
}

/** A closing bracket belongs to the link if the link has opened one. */
function withoutTrailing(link: string): string {
  let unopened = link.split(")").length - link.split("(").length;
  let end = link.length;
  for (let last = link[end - 1]!; trailing.has(last); last = link[--end - 1]!) {
    if (last === ")" && unopened-- <= 0) {
      break;
    }
  }
  return link.slice(0, end);
}
