// Calls of all four kinds, each through a WebSocket: over TLS, all on the page's own connection.
import { createClient } from "@connectrpc/connect";
import { createWebSocketTransport } from "chatter";
import { ElizaService } from "./gen/connectrpc/eliza/v1/eliza_pb.js";
import { NewsService } from "./gen/news/v1/news_pb.js";

const transport = createWebSocketTransport({ baseUrl: location.origin });
const eliza = createClient(ElizaService, transport);
const news = createClient(NewsService, transport);
const sentence = document.querySelector("#sentence");
const said = [];

function show(text) {
  const line = document.createElement("li");
  line.textContent = text;
  document.querySelector("#lines").append(line);
}

/** What the form is sent with, as it is sent. */
async function* sentences() {
  for (;;) {
    yield await new Promise((resolve) => {
      document.querySelector("form").onsubmit = (event) => {
        event.preventDefault();
        said.push(sentence.value);
        resolve({ sentence: sentence.value });
        sentence.value = "";
      };
    });
  }
}

async function follow() {
  for await (const { text } of news.follow({}, { onHeader: () => show("You follow the news.") })) {
    show(`News: ${text}`);
  }
}

async function talk() {
  for await (const line of eliza.introduce({ name: "you" })) {
    show(line.sentence); // Server stream.
  }
  show((await eliza.say({ sentence: "Hello" })).sentence); // Unary.
  for await (const line of eliza.converse(sentences())) {
    show(line.sentence); // Both directions.
  }
}

document.querySelector("#publish").onclick = async () => {
  async function* texts() {
    yield* said.splice(0).map((text) => ({ text }));
  }
  const { published } = await news.publish(texts()); // Client stream.
  show(`${published} published.`);
};

const onFailure = (error) => show(String(error));
follow().catch(onFailure);
talk().catch(onFailure);
