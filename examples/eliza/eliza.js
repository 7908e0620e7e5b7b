// Connect's public demo: a therapist who answers with what she was told.
const answers = [
  [/\bi (?:am|feel) (.+)/i, (state) => `Why do you think you are ${state}?`],
  [/\bi (?:want|need) (.+)/i, (thing) => `What would it mean to you to have ${thing}?`],
  [/\bmy (\w+)/i, (whose) => `Tell me more about your ${whose}.`],
  [/\b(?:bye|goodbye)\b/i, () => "Goodbye. It was good to talk to you."],
  [/\b(?:hello|hi)\b/i, () => "Hello. How are you today?"],
  [/\?$/, () => "Why do you ask?"],
];

function answerTo(sentence) {
  const text = sentence.trim().replace(/[.!]+$/, "");
  for (const [pattern, answer] of answers) {
    const found = pattern.exec(text);
    if (found) {
      return answer(found[1]);
    }
  }
  return "Please go on.";
}

export const eliza = {
  say({ sentence }) {
    return { sentence: answerTo(sentence) };
  },

  async *converse(requests) {
    for await (const { sentence } of requests) {
      yield { sentence: answerTo(sentence) };
    }
  },

  async *introduce({ name }) {
    yield { sentence: `Hello ${name || "there"}. I am Eliza.` };
    yield { sentence: "I listen, and I ask." };
    yield { sentence: "How are you today?" };
  },
};
