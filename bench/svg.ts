/* The few shapes of the charts. */

const round = (value: number) => Math.round(value * 10) / 10;
const escaped = (value: string) =>
  value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** A drawing on white, so that it can be read on any page; its title is what a screen reader says. */
export function svg(
  width: number,
  height: number,
  title: string,
  parts: readonly string[],
): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12" fill="#24292f" role="img" aria-labelledby="title">`,
    `<title id="title">${escaped(title)}</title>`,
    rect(0, 0, width, height, "#ffffff"),
    ...parts,
    "</svg>\n",
  ].join("\n");
}

export function rect(x: number, y: number, width: number, height: number, fill: string): string {
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" fill="${fill}"/>`;
}

export function line(x1: number, y1: number, x2: number, y2: number, stroke: string): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${stroke}"/>`;
}

export function circle(x: number, y: number, radius: number, fill: string): string {
  return `<circle cx="${round(x)}" cy="${round(y)}" r="${radius}" fill="${fill}"/>`;
}

export function polyline(points: readonly (readonly [number, number])[], stroke: string): string {
  const places = points.map(([x, y]) => `${round(x)},${round(y)}`).join(" ");
  return `<polyline points="${places}" fill="none" stroke="${stroke}" stroke-width="2"/>`;
}

export function text(
  x: number,
  y: number,
  content: string,
  options: { readonly anchor?: "middle" | "end"; readonly bold?: boolean } = {},
): string {
  const anchor = options.anchor ? ` text-anchor="${options.anchor}"` : "";
  const weight = options.bold ? ' font-weight="600"' : "";
  return `<text x="${round(x)}" y="${round(y)}"${anchor}${weight}>${escaped(content)}</text>`;
}
