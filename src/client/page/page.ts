/* The page at "/": logs in, shows what is posted, and posts. */
import { element } from "./element.js";
import { type Account, LoginView } from "./login-view.js";
import { Session } from "./session.js";

const chat = element("chat", HTMLElement);
const who = element("who", HTMLElement);
const login = new LoginView(begin);
let session: Session | undefined;

function begin(account: Account): void {
  session?.end(); // An attempt that still waits for the server.
  const begun = new Session(account, {
    onProgress: (text) => login.showProgress(text),
    onEntered() {
      login.hide();
      who.textContent = account.user;
      chat.hidden = false;
      begun.focus();
    },
    onLeft(reason) {
      session = undefined;
      chat.hidden = true;
      login.show(reason);
    },
  });
  session = begun;
}

element("logout", HTMLButtonElement).addEventListener("click", () => {
  const unsent = session?.unsent ?? 0;
  if (unsent === 0 || confirm(`Not sent yet: ${unsent}. Log out all the same?`)) {
    session?.end();
  }
});

addEventListener("beforeunload", (event) => {
  if (session && session.unsent > 0) {
    event.preventDefault(); // The browser asks.
  }
});
