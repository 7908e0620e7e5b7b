/* The page at "/": logs in, shows messages, and posts. */
import { Login } from "./account/login.js";
import { LoginView } from "./account/login-view.js";
import { element, shown } from "./element.js";
import { Session } from "./session.js";

const chat = element("chat", HTMLElement);
const who = element("who", HTMLElement);
const loginView = new LoginView((account) => begin(Login.with(account)));
let session: Session | undefined;

function begin(login: Login): Session {
  session?.end(); // It may still wait for the server.
  const begun = new Session(login, {
    onProgress: (text) => loginView.showProgress(text),
    onEntered: () => enter(begun),
    onLeft(reason) {
      session = undefined;
      chat.hidden = true;
      loginView.show(reason, reason === "" ? "" : login.user);
    },
  });
  session = begun;
  return begun;
}

function enter(begun: Session): void {
  loginView.hide();
  who.textContent = shown(begun.user);
  chat.hidden = false;
}

const kept = Login.kept();
if (kept) {
  enter(begin(kept));
} else {
  loginView.show();
}

element("logout", HTMLButtonElement).addEventListener("click", () => {
  const unsent = session?.unsent ?? 0;
  if (unsent === 0 || confirm(`Not sent yet: ${unsent}. Log out all the same?`)) {
    session?.end();
    // The next user of this tab need not see the last room.
    history.replaceState(null, "", location.pathname + location.search);
  }
});

addEventListener("beforeunload", (event) => {
  if (session && session.unsent > 0) {
    event.preventDefault(); // The browser asks.
  }
});
