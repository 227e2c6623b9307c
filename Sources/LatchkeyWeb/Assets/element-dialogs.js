/**
 * Dialogs of `<latchkey-keys>`: what they have in common, and the one that asks before a key is removed.
 *
 * @module
 */
import { h, plain, stored } from "./element-dom.js";
import { titleOf } from "./element-view.js";

/** A native dialog whose content is made anew with each step; gives the focus back where it came from. */
export class Dialog {
  constructor(host, kind) {
    this.host = host;
    this.element = h("dialog", { class: `dialog ${kind}`, part: "dialog", "aria-labelledby": `${kind}-title` });
    this.element.addEventListener("close", () => this.closed());
    this.element.addEventListener("click", (event) => {
      if (event.target.closest?.("[data-act=close]")) this.element.close();
    });
    host.shadowRoot.append(this.element);
  }

  get words() {
    return this.host.state.words;
  }

  show(...content) {
    this.element.lang = this.words.language;
    this.element.dir = this.host.state.direction ?? "";
    this.element.replaceChildren(...content);
    if (!this.element.open) this.element.showModal();
  }

  closed() {
    this.element.replaceChildren();
  }

  part(name) {
    return this.element.querySelector(`#${name}`);
  }
}

export class RemoveDialog extends Dialog {
  constructor(host) {
    super(host, "remove");
    this.element.addEventListener("click", (event) => {
      if (event.target.closest?.("[data-act=remove]")) {
        const { key } = this;
        this.isSure = true;
        this.element.close();
        this.host.remove(key);
      }
    });
  }

  open(provider, key) {
    Object.assign(this, { key, isSure: false });
    const { words } = this;
    const t = (name, values) => words.text(name, values);
    const isMissed = key.name === "default";
    this.show(
      h(
        "div",
        { class: "step" },
        h(
          "div",
          { class: "head" },
          h("h2", { id: "remove-title" }, stored(t("remove.title", { key: titleOf(key, words) }), 160)),
        ),
        h(
          "div",
          { class: "body" },
          h("p", {}, words.nodes("remove.text", { provider: provider.name })),
          isMissed && h("p", {}, t("remove.default")),
        ),
        h(
          "div",
          { class: "foot" },
          h("button", { type: "button", class: "button", "data-act": "close", autofocus: true }, t("form.cancel")),
          h("button", { type: "button", class: "button primary danger", "data-act": "remove" }, t("key.remove")),
        ),
      ),
    );
  }
}
