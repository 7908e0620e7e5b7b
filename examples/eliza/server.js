// Chatter's server with services of your own, which anyone may call, and a page of your own.
import { readFile } from "node:fs/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { createChatter, createMemoryLog, listen } from "chatter/server";
import { eliza } from "./eliza.js";
import { ElizaService } from "./gen/connectrpc/eliza/v1/eliza_pb.js";
import { NewsService } from "./gen/news/v1/news_pb.js";
import { news } from "./news.js";

const { PORT = 8443, TLS_CERT, TLS_KEY } = process.env;
const read = (file) => readFile(new URL(file, import.meta.url));
const files = new Map([
  ["/", { type: "text/html; charset=utf-8", bytes: await read("page.html") }],
  ["/page.js", { type: "text/javascript; charset=utf-8", bytes: await read("gen/page.js") }],
]);

const nobody = async () => {
  throw new ConnectError("there are no accounts here", Code.Unauthenticated);
};
const chatter = createChatter({
  log: createMemoryLog(),
  auth: { login: nobody, verify: nobody },
  page: false,
  routes(router, access) {
    router.service(ElizaService, eliza).service(NewsService, news);
    access.open(ElizaService, NewsService); // access.require("stream:write", …) asks for a token.
  },
});

const server = await listen(
  {
    ...chatter,
    // HTTP/1.1.
    requestListener(request, response) {
      const file = files.get(request.url);
      if (file) {
        response.setHeader("content-type", file.type).end(file.bytes);
      } else {
        chatter.requestListener(request, response);
      }
    },
    // HTTP/2, with the WebSockets that browsers open over it.
    streamListener(stream, headers) {
      const file = files.get(headers[":path"]);
      if (file) {
        stream.on("error", () => {}); // The client has left.
        stream.respond({ ":status": 200, "content-type": file.type });
        stream.end(file.bytes);
      } else {
        chatter.streamListener(stream, headers);
      }
    },
  },
  {
    port: Number(PORT),
    tls: TLS_CERT && { cert: await readFile(TLS_CERT), key: await readFile(TLS_KEY) },
  },
);
console.log(server.url);
process.once("SIGTERM", () => server.close(5_000));
