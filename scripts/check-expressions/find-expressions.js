import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "@babel/parser";

/** Methods that make an expression of a string that they are given. */
const makers = new Set(["match", "matchAll", "search"]);

/**
 * Every regular expression in the TypeScript and JavaScript files of a folder, as
 * `{ file, line, source, flags }`; `source` is undefined where the expression is made at run time,
 * so that nothing can be said of it.
 */
export function findExpressions(folder) {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.[cm]?[jt]s$/.test(name))
    .sort()
    .flatMap((name) => expressionsIn(join(folder, name)));
}

function expressionsIn(file) {
  const found = [];
  const tree = parse(readFileSync(file, "utf8"), {
    sourceType: "module",
    plugins: ["typescript", "explicitResourceManagement"],
  });
  visit(tree.program, (node) => {
    const expression = expressionOf(node);
    if (expression) {
      found.push({ file, line: node.loc.start.line, ...expression });
    }
  });
  return found;
}

function visit(node, look) {
  look(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child?.type === "string") {
        visit(child, look);
      }
    }
  }
}

function expressionOf(node) {
  if (node.type === "RegExpLiteral") {
    return { source: node.pattern, flags: node.flags };
  }
  if (!/^(Optional)?CallExpression$|^NewExpression$/.test(node.type)) {
    return undefined;
  }
  const [source, flags] = node.arguments;
  const { callee } = node;
  if (callee.name === "RegExp" || callee.property?.name === "RegExp") {
    return source?.type === "RegExpLiteral" && flags === undefined
      ? undefined // It is found by itself.
      : { source: textOf(source), flags: flags === undefined ? "" : textOf(flags) };
  }
  return makers.has(callee.property?.name) && textOf(source) !== undefined
    ? { source: textOf(source), flags: "" }
    : undefined;
}

function textOf(node) {
  if (node?.type === "TemplateLiteral" && node.expressions.length === 0) {
    return node.quasis[0].value.cooked;
  }
  return node?.type === "StringLiteral" ? node.value : undefined;
}
