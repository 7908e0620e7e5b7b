/** How a file of the page can be sent. */
export interface PageEncoding {
  /** The value of the header content-encoding. */
  readonly name: string;
  /** Suffix of the compressed file's name. */
  readonly suffix: string;
}

/** The best first. */
const encodings: readonly PageEncoding[] = [
  { name: "br", suffix: ".br" },
  { name: "gzip", suffix: ".gz" },
];

/** The best encoding that a value of Accept-Encoding names; undefined: none (RFC 9110, 12.5.3). */
export function acceptedEncoding(acceptEncoding: string | null): PageEncoding | undefined {
  const accepted = new Set(
    (acceptEncoding ?? "")
      .toLowerCase()
      .split(",")
      .map((entry) => entry.split(";").map((part) => part.trim()))
      .filter(([, ...parameters]) => !parameters.some((text) => /^q=0(\.0*)?$/.test(text)))
      .map(([name]) => name),
  );
  return encodings.find(({ name }) => accepted.has(name));
}
