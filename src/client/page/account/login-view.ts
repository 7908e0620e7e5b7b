import { element, shown } from "../element.js";

/** The account in the form. */
export interface Account {
  readonly user: string;
  readonly password: string;
}

/** The login form. */
export class LoginView {
  readonly #view = element("login", HTMLElement);
  readonly #form = element("login-form", HTMLFormElement);
  readonly #user = element("user", HTMLInputElement);
  readonly #password = element("password", HTMLInputElement);
  readonly #error = element("login-error", HTMLElement);
  readonly #progress = element("login-progress", HTMLElement);

  /** @param onLogin gets each account to try */
  constructor(onLogin: (account: Account) => void) {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#error.textContent = "";
      onLogin({ user: this.#user.value, password: this.#password.value });
    });
  }

  /**
   * Shows the form, with the reason if a login or session has failed, and with the last user's
   * name.
   */
  show(reason = "", user = ""): void {
    this.#view.hidden = false;
    this.#user.value ||= user;
    this.#progress.textContent = "";
    this.#error.textContent = shown(reason);
    this.#password.ariaInvalid = String(reason !== "");
    (reason === "" || this.#user.value === "" ? this.#user : this.#password).focus();
  }

  showProgress(text: string): void {
    this.#progress.textContent = shown(text);
  }

  /** Removes the password from the document. */
  hide(): void {
    this.#view.hidden = true;
    this.#form.reset();
  }
}
