/**
 * The words of a claim, as identity providers write them: a text of words separated by spaces, a
 * list of texts, or an object whose keys are the words, except those with the value false or null.
 *
 * @param path the claim's name, or the names that lead to it, separated by dots:
 * `realm_access.roles`. A name may contain dots: the longest existing one counts
 */
export function claimWords(claims: object, path: string): string[] {
  const claim = find(claims, path);
  if (typeof claim === "string") {
    return claim.split(" ");
  }
  if (Array.isArray(claim)) {
    return claim.filter((word) => typeof word === "string");
  }
  return isObject(claim)
    ? Object.keys(claim).filter((word) => claim[word] !== false && claim[word] !== null)
    : [];
}

function find(value: unknown, path: string): unknown {
  if (!isObject(value)) {
    return undefined;
  }
  if (Object.hasOwn(value, path)) {
    return value[path];
  }
  for (let at = path.lastIndexOf("."); at > 0; at = path.lastIndexOf(".", at - 1)) {
    const name = path.slice(0, at);
    if (Object.hasOwn(value, name)) {
      const found = find(value[name], path.slice(at + 1));
      if (found !== undefined) {
        return found;
      }
    }
  }
  return undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
