/**
 * The dialog of `<latchkey-keys>` that takes a key.
 *
 * @module
 */
import { Dialog } from "./element-dialogs.js";
import { h, icon, outward, plain, stored } from "./element-dom.js";
import { advice, badge, siteOf, titleOf, verdictOf } from "./element-view.js";

/** Keeps browsers and password managers from offering to remember a key. */
const FORGETFUL = {
  autocomplete: "off",
  autocapitalize: "off",
  autocorrect: "off",
  spellcheck: "false",
  "data-1p-ignore": true,
  "data-lpignore": "true",
  "data-bwignore": true,
  "data-form-type": "other",
};
const MASKED = /[•●*]{3}|…|\.\.\./;

export class KeyForm extends Dialog {
  /** @param host what holds the state and sends: see `latchkey-keys.js` */
  constructor(host) {
    super(host, "form");
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.element.addEventListener("input", (event) => this.typed(event.target));
    this.element.addEventListener("click", (event) => {
      const act = event.target.closest?.("[data-act]")?.dataset.act;
      if (act === "show") this.showTyped(this.part("key").type === "password");
      if (act === "another") this.open(this.provider, this.saved);
    });
  }

  /** @param key the one to replace; none to add one */
  open(provider, key = null) {
    Object.assign(this, { provider, key, saved: null, isSending: false });
    const { words } = this;
    const t = (name, values) => words.text(name, values);
    const { name } = provider;
    this.show(
      h(
        "form",
        { novalidate: true, autocomplete: "off" },
        this.head(key ? t("form.replace", { key: titleOf(key, words) }) : t("form.add", { provider: name })),
        h(
          "div",
          { class: "body" },
          this.whereToGet(),
          this.keyField(),
          provider.fields.map((field) =>
            this.field(`field-${field.name}`, stored(field.label || field.name), { isOptional: !field.required }),
          ),
          this.field("label", t("form.label"), { isOptional: true, value: key?.label, maxlength: 120 }),
          h("details", {}, h("summary", {}, t("form.more")), this.nameField(), this.expiryField(), this.addressField()),
        ),
        h("div", { role: "alert", id: "form-problem" }),
        h(
          "div",
          { class: "foot" },
          h("button", { type: "button", class: "button", "data-act": "close" }, t("form.cancel")),
          h("button", { class: "button primary", part: "button primary-button", id: "save" }, t("form.save")),
        ),
      ),
    );
    this.part("key").focus();
  }

  head(title) {
    const { words } = this;
    const close = { type: "button", class: "plain", "data-act": "close", "aria-label": words.text("form.close") };
    return h(
      "div",
      { class: "head" },
      h("h2", { id: "form-title", tabindex: "-1" }, stored(title, 160)),
      h("button", close, icon("close")),
    );
  }

  whereToGet() {
    const link = outward(this.provider.keys_url, siteOf(this.provider));
    if (!link) return null;
    link.setAttribute("aria-label", this.words.text("get.label", { provider: this.provider.name }));
    return h("p", { class: "quiet" }, this.words.nodes("form.get", { site: link }));
  }

  keyField() {
    const { words } = this;
    return h(
      "div",
      { class: "field" },
      h("label", { for: "key" }, words.text("form.key")),
      h(
        "div",
        { class: "secret" },
        h("input", {
          id: "key",
          type: "password",
          dir: "ltr",
          required: true,
          maxlength: 4096,
          "aria-describedby": "key-hint",
          ...FORGETFUL,
        }),
        h(
          "button",
          { type: "button", class: "plain", id: "show", "data-act": "show", "aria-pressed": "false" },
          words.text("form.show"),
        ),
      ),
      h("p", { class: "small", id: "key-hint", role: "status" }, words.text("form.hint")),
    );
  }

  field(id, label, { isOptional = false, value = null, note = null, ...attributes } = {}) {
    const { words } = this;
    const input = h("input", {
      id,
      type: "text",
      required: !isOptional,
      "aria-describedby": note && `${id}-note`,
      ...FORGETFUL,
      ...attributes,
    });
    if (value) input.value = value;
    return h(
      "div",
      { class: "field" },
      h("label", { for: id }, label, isOptional && h("span", { class: "quiet" }, ` · ${words.text("form.optional")}`)),
      input,
      note && h("p", { class: "small", id: `${id}-note` }, note),
    );
  }

  nameField() {
    if (this.key) return null;
    const note = this.words.text("form.name.note");
    return this.field("name", this.words.text("form.name"), {
      isOptional: true,
      maxlength: 64,
      dir: "ltr",
      placeholder: this.nameFor(""),
      note,
    });
  }

  expiryField() {
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
    const value = this.key?.expires_at?.slice(0, 10);
    const note = this.words.text("form.expires.note");
    return this.field("expires", this.words.text("form.expires"), {
      isOptional: true,
      type: "date",
      min: tomorrow,
      value,
      note,
    });
  }

  addressField() {
    const { provider } = this;
    const kept =
      this.key && !provider.fields.length && this.key.base_url !== provider.base_url ? this.key.base_url : null;
    const note = this.words.text("form.address.note");
    const attributes = { isOptional: true, type: "url", dir: "ltr", placeholder: provider.base_url, value: kept, note };
    return this.field("address", this.words.text("form.address"), attributes);
  }

  /** `default` for the first key of a provider; for further ones out of the label. */
  nameFor(label) {
    const taken = new Set(this.provider.keys.map((key) => key.name));
    if (!taken.has("default")) return "default";
    const ascii = label
      .normalize("NFKD")
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-+|-+$/g, "")
      .slice(0, 40);
    const base = ascii || "key";
    let name = ascii || "key-2";
    for (let number = 2; taken.has(name); number += 1) name = `${base}-${number}`;
    return name;
  }

  showTyped(isShown) {
    const { words } = this;
    this.part("key").type = isShown ? "text" : "password";
    this.part("show").setAttribute("aria-pressed", String(isShown));
    this.part("show").textContent = words.text(isShown ? "form.hide" : "form.show");
  }

  typed(field) {
    if (field.id === "label" && !this.key) this.part("name").placeholder = this.nameFor(field.value);
    if (field.id !== "key") return;
    const [hint, values] = this.hint(field.value.trim());
    const place = this.part("key-hint");
    const text = this.words.text(hint, values);
    if (place.textContent !== text) place.textContent = text;
    place.classList.toggle("fair", hint !== "form.hint");
  }

  /** A hint, never a gate: providers change their formats without notice. */
  hint(value) {
    if (MASKED.test(value)) return ["form.hint.masked"];
    if (value.length < 8 || fits(value, this.provider) || !this.provider.patterns.length) return ["form.hint"];
    const other = this.host.state.providers.find((provider) => fits(value, provider, true));
    const { name } = other ?? this.provider;
    return [other ? "form.hint.other" : "form.hint.odd", { provider: name }];
  }

  /** What is missing or cannot be, as the id of the field and a text; else null. */
  missing(asked) {
    const { words } = this;
    if (!asked.apiKey) return ["key", words.text("form.missing")];
    const field = this.provider.fields.find((field) => field.required && !asked.fields?.[field.name]);
    if (field)
      return [`field-${field.name}`, words.text("form.missing.field", { field: plain(field.label || field.name) })];
    const isTaken = !this.key && this.provider.keys.some((key) => key.name === asked.name);
    return isTaken ? ["name", words.text("form.taken", { name: asked.name })] : null;
  }

  asked() {
    const value = (id) => this.part(id)?.value.trim() ?? "";
    const fields = this.provider.fields.map(({ name }) => [
      name,
      this.element.querySelector(`[id="field-${CSS.escape(name)}"]`).value.trim(),
    ]);
    const day = value("expires");
    return {
      // Blanks and what cannot be seen come along from pages and mails.
      apiKey: this.part("key").value.replace(/^[\s\u200b\ufeff]+|[\s\u200b\ufeff]+$/g, ""),
      name: this.key?.name ?? (value("name") || this.nameFor(value("label"))),
      label: value("label"),
      fields: fields.length ? Object.fromEntries(fields.filter(([, value]) => value)) : undefined,
      expiresAt: day
        ? day === this.key?.expires_at?.slice(0, 10)
          ? this.key.expires_at
          : `${day}T00:00:00Z`
        : undefined,
      baseURL: value("address"),
    };
  }

  async send() {
    if (this.isSending || this.saved) return;
    const asked = this.asked();
    const missing = this.missing(asked);
    if (missing) return this.refused(...missing);
    this.isSending = true;
    this.showTyped(false);
    this.wait(true);
    const { provider } = this;
    try {
      const { apiKey, ...options } = asked;
      const key = await this.host.save(provider, apiKey, options);
      if (this.provider === provider && this.element.open) this.done(key);
    } catch (problem) {
      // Nothing is stored: what was pasted stays in its field.
      if (this.provider === provider && this.element.open) this.failed(problem);
    }
  }

  wait(isWaiting) {
    const { words } = this;
    const text = isWaiting ? words.text("form.saving", { provider: this.provider.name }) : words.text("form.save");
    this.part("save").replaceChildren(isWaiting ? h("i", { class: "spinner" }) : "", text);
    this.part("save").setAttribute("aria-disabled", String(isWaiting));
    for (const input of this.element.querySelectorAll("input")) input.readOnly = isWaiting;
    if (isWaiting) this.part("form-problem").replaceChildren();
  }

  refused(id, text) {
    const field = this.element.querySelector(`[id="${CSS.escape(id)}"]`);
    field.closest("details")?.setAttribute("open", "");
    this.part("form-problem").replaceChildren(h("p", { class: "alert" }, text));
    for (const input of this.element.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }

  failed(problem) {
    this.isSending = false;
    this.wait(false);
    const field =
      { invalid_name: "name", invalid_expiry: "expires", base_url_not_allowed: "address", invalid_label: "label" }[
        problem.code
      ] ?? "key";
    const { words } = this;
    const known = words.has(`problem.${problem.code}`);
    this.refused(
      this.part(field) ? field : "key",
      known ? words.text(`problem.${problem.code}`) : [words.text("problem"), " ", stored(problem.detail, 300)],
    );
  }

  /** A key that works needs no more words; with any other verdict the dialog says what to do. */
  done(key) {
    this.wipe();
    this.saved = key;
    const verdict = verdictOf(key);
    const warnings = this.warnings(key, verdict);
    if (verdict === "valid" && !warnings.length) return this.element.close();
    const { words, provider } = this;
    const another = h("button", { type: "button", class: "button", "data-act": "another" }, words.text("form.retry"));
    this.show(
      h(
        "div",
        { class: "step" },
        this.head(words.text("form.saved")),
        h(
          "div",
          { class: "body" },
          badge(verdict, words),
          advice(verdict, provider, words),
          verdict === "invalid" || verdict === "expired" ? this.whereToGet() : null,
          warnings.map((warning) => h("p", { class: "small" }, warning)),
        ),
        h(
          "div",
          { class: "foot" },
          (verdict === "invalid" || verdict === "expired") && another,
          h("button", { type: "button", class: "button primary", "data-act": "close" }, words.text("form.done")),
        ),
      ),
    );
    this.part("form-title").focus();
  }

  /** The service's, in the reader's words where they are known. How a key looks is no news once it works. */
  warnings(key, verdict) {
    const { words } = this;
    const doubted = ["invalid", "unknown", "blocked"].includes(verdict);
    return (key.warnings ?? []).slice(0, 5).flatMap((warning) => {
      if (/^this looks like an administrator's key/.test(warning)) return words.text("form.hint.powerful");
      if (!/^this does not look like the keys/.test(warning)) return stored(warning, 300);
      return doubted ? words.text("form.odd", { provider: this.provider.name }) : [];
    });
  }

  wipe() {
    const field = this.part("key");
    if (field) field.value = "";
  }

  closed() {
    this.wipe();
    super.closed();
    this.host.formClosed(this.provider, this.saved);
  }
}

/** A repeat of something that has a repeat in it: matching could take longer than anybody waits. */
const SLOW = /[+*}][^()]*\)+[+*{]/;

/** Whether a key looks as this provider's do. `isTelling`: only patterns that begin with a prefix of the provider's own. */
function fits(value, provider, isTelling = false) {
  return provider.patterns.some((pattern) => {
    if (pattern.length > 512 || SLOW.test(pattern)) return !isTelling;
    if (value.length > 512 || (isTelling && !/^\^[A-Za-z]{2,}[-_]/.test(pattern))) return false;
    try {
      return new RegExp(pattern).test(value);
    } catch {
      return !isTelling;
    }
  });
}
