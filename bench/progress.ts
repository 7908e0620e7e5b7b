/** Shows on standard error what is being done: one line that changes on a terminal. */
export function createProgress(): { say(text: string): void; clear(): void } {
  const { stderr } = process;
  if (!stderr.isTTY) {
    return { say: (text) => void stderr.write(`${text}\n`), clear() {} };
  }
  const clear = () => void stderr.write("\r\u001b[K");
  return {
    say(text) {
      clear();
      stderr.write(text.slice(0, stderr.columns - 1));
    },
    clear,
  };
}
