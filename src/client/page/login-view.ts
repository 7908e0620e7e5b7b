import { element } from "./element.js";

/** An account, as it was typed. */
export interface Account {
  readonly user: string;
  readonly password: string;
}

/** The form to log in with. */
export class LoginView {
  readonly #view = element("login", HTMLElement);
  readonly #form = element("login-form", HTMLFormElement);
  readonly #user = element("user", HTMLInputElement);
  readonly #password = element("password", HTMLInputElement);
  readonly #error = element("login-error", HTMLElement);
  readonly #progress = element("login-progress", HTMLElement);

  /** @param onLogin gets each account that is to be tried */
  constructor(onLogin: (account: Account) => void) {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#error.textContent = "";
      onLogin({ user: this.#user.value, password: this.#password.value });
    });
    this.#user.focus();
  }

  /** Shows the form, with the reason if it was not asked for. */
  show(reason = ""): void {
    this.#view.hidden = false;
    this.#progress.textContent = "";
    this.#error.textContent = reason;
    this.#password.ariaInvalid = String(reason !== "");
    (reason === "" || this.#user.value === "" ? this.#user : this.#password).focus();
  }

  showProgress(text: string): void {
    this.#progress.textContent = text;
  }

  /** Nothing of the password is left in the document. */
  hide(): void {
    this.#view.hidden = true;
    this.#form.reset();
  }
}
