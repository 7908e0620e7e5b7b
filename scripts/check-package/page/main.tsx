// A page that posts one message, and shows what is added to the log.
import { createChatterClient } from "chatter";
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

const url = new URLSearchParams(location.search).get("chatter") ?? location.origin;
const chatter = createChatterClient({ url, auth: { user: "goa", password: "rocks" } });

function Messages() {
  const [messages, setMessages] = useState<readonly string[]>([]);
  const [status, setStatus] = useState("connecting");
  useEffect(() => {
    const subscription = chatter.subscribe({ onState: (state) => setStatus(state.status) });
    async function follow() {
      for await (const { sender, message } of subscription) {
        setMessages((before) => [...before, `${sender}: ${message}`]);
      }
    }
    follow().catch((error: unknown) => setMessages([String(error)]));
    return () => void subscription.return?.();
  }, []);
  return (
    <>
      <button
        type="button"
        disabled={status !== "live"}
        onClick={() => void chatter.publisher().post("from a page")}
      >
        Post
      </button>
      <ul>
        {messages.map((text) => (
          <li key={text}>{text}</li>
        ))}
      </ul>
    </>
  );
}

createRoot(document.getElementById("root")!).render(<Messages />);
