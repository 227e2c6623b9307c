/**
 * `<latchkey-keys>`: a person's provider keys, in any page.
 *
 *   <script type="module" src="https://keys.example.com/ui/latchkey-keys.js"></script>
 *   <latchkey-keys endpoint="https://keys.example.com"></latchkey-keys>
 *   document.querySelector("latchkey-keys").token = () => auth.accessToken();
 *
 * Attributes, all also properties:
 *   endpoint    the service's address; the page's own origin if left out
 *   providers   ids with commas: only these are shown, in this order (as a property also a list)
 *   lang        the language; the page's if left out, and English where there are no words of it
 *   dir         the direction; the language's if left out
 *   theme       `light`, `dark`, or `auto` for the system's; the page's `color-scheme` if left out
 *   session     on Latchkey's own pages: the session cookie says who is calling
 * Properties:
 *   token       a JWT, or a function that gives one, also as a promise
 *   service     an `APIKeyService` in place of endpoint, token and session; with a set-up token the shared keys are shown
 * Method: refresh()
 * Events (they bubble and leave shadow trees; no key is ever in `detail`): key-saved, key-removed, key-validated
 *   {provider, name, verdict, is_valid}, default-changed {provider, name}, settings-changed, latchkey-error
 *   {code, status, detail, requestId}
 * Slots: heading, empty, footer. Parts and custom properties: docs/front-end.md
 *
 * @module
 */
import { APIKeyService, ProblemError } from "./api-key-service.js";
import { h, patch, plain } from "./element-dom.js";
import { styles } from "./element-styles.js";
import { idOf, titleOf, verdictOf, view } from "./element-view.js";
import { loadWords } from "./messages.js";

const PROPERTIES = ["service", "token", "endpoint", "providers", "theme", "session"];
/** After this long without anybody signed in, the element says so. */
const PATIENCE = 2500;

export class LatchkeyKeys extends HTMLElement {
  static observedAttributes = ["endpoint", "providers", "lang", "dir", "session"];

  #service = null;
  #token = null;
  #loading = null;
  #isScheduled = false;
  #timer;
  #root;
  #live = h("div", { class: "hidden", role: "status" });
  #form;
  #removal;
  #catalogue = [];

  /** What is shown. `busy` and `open` go by `provider/name`. */
  state = {
    words: null,
    direction: null,
    phase: "waiting",
    isLate: false,
    isSetup: false,
    providers: [],
    status: null,
    settings: null,
    problem: null,
    query: "",
    showsAll: false,
    busy: new Map(),
    open: new Set(),
  };

  constructor() {
    super();
    const shadow = this.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [styles];
    this.#root = h("div", { class: "root" });
    shadow.append(this.#root, this.#live);
    shadow.addEventListener("click", (event) => this.#clicked(event));
    shadow.addEventListener("input", (event) => {
      if (event.target.id !== "search") return;
      this.state.query = event.target.value;
      this.#render();
      this.#say("search.found", { n: this.#root.querySelectorAll(".card, .rows > .row").length });
    });
    shadow.addEventListener("change", (event) => {
      const { setting } = event.target.dataset ?? {};
      if (setting) this.#switch(setting, event.target.checked);
    });
  }

  connectedCallback() {
    // Set before this module was there, they hide the accessors.
    for (const name of PROPERTIES.filter((name) => Object.hasOwn(this, name))) {
      const value = this[name];
      delete this[name];
      this[name] = value;
    }
    this.#timer = setTimeout(() => {
      this.state.isLate = true;
      this.#render();
    }, PATIENCE);
    this.#schedule();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    this.#loading?.abort();
    this.#loading = null;
    this.#form?.element.close();
    this.#removal?.element.close();
  }

  attributeChangedCallback(name, before, after) {
    if (this.isConnected && before !== after) this.#schedule();
  }

  get service() {
    return this.#service;
  }

  set service(service) {
    this.#service = service ?? null;
    this.#schedule();
  }

  get token() {
    return this.#token;
  }

  set token(token) {
    this.#token = token ?? null;
    this.#schedule();
  }

  get endpoint() {
    return this.getAttribute("endpoint") ?? "";
  }

  set endpoint(endpoint) {
    this.#reflect("endpoint", endpoint);
  }

  get theme() {
    return this.getAttribute("theme") ?? "";
  }

  set theme(theme) {
    this.#reflect("theme", theme);
  }

  get session() {
    return this.hasAttribute("session");
  }

  set session(isOn) {
    this.toggleAttribute("session", Boolean(isOn));
  }

  /** @returns {string[]} */
  get providers() {
    return (this.getAttribute("providers") ?? "").split(/[\s,]+/).filter(Boolean);
  }

  set providers(ids) {
    this.#reflect("providers", Array.isArray(ids) ? ids.join(",") : ids);
  }

  #reflect(name, value) {
    if (value === null || value === undefined || value === "") this.removeAttribute(name);
    else this.setAttribute(name, String(value));
  }

  // Loading.

  /** One load for all that is set in one go. */
  #schedule() {
    if (this.#isScheduled || !this.isConnected) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (this.isConnected) this.#load();
    });
  }

  /** Loads everything anew. What is shown stays until then. */
  async refresh() {
    await this.#load();
  }

  #client() {
    if (this.#service) return this.#service;
    const { endpoint } = this;
    return new APIKeyService({ endpoint, token: this.#token, session: this.session });
  }

  async #load() {
    this.#loading?.abort();
    const loading = (this.#loading = new AbortController());
    const { signal } = loading;
    const page = document.documentElement;
    const language = this.getAttribute("lang") || this.closest("[lang]")?.lang || page.lang || navigator.language;
    const words = await loadWords(language);
    if (signal.aborted) return;
    // The words bring their direction, whatever the page's is, unless it is said here.
    const direction = this.hasAttribute("dir") ? null : words.direction;
    Object.assign(this.state, { words, direction });
    if (!this.#service && !this.#token && !this.session) {
      this.state.phase = "waiting";
      return this.#render();
    }
    if (this.state.phase !== "ready") this.state.phase = "loading";
    this.#render();
    try {
      const client = this.#client();
      const [catalogue, status, settings] = await Promise.all([
        client.listProviders({ signal }),
        client.getStatus({ signal }),
        client.getSettings({ signal }).catch((error) => {
          if (error.code !== "not_signed_in") throw error;
          return null;
        }),
      ]);
      if (signal.aborted) return;
      this.#catalogue = catalogue.providers;
      Object.assign(this.state, { phase: "ready", problem: null, settings });
      this.#take(status);
      (globalThis.requestIdleCallback ?? setTimeout)(() => loadDialogs().catch(() => {}));
    } catch (error) {
      if (signal.aborted) return;
      this.state.phase = "failed";
      this.#failed(error);
    }
  }

  /** Joins catalogue and status to one list. */
  #take(status) {
    const isSetup = !status.providers;
    const wanted = this.providers;
    const byID = new Map(this.#catalogue.map((provider) => [provider.id, provider]));
    // Keys of a provider that the catalogue no longer has are still one's own.
    for (const { provider: id } of status.keys) {
      if (!byID.has(id)) byID.set(id, { id, name: id, base_url: "", keys_url: "", patterns: [], fields: [] });
    }
    const chosen = wanted.length ? wanted.map((id) => byID.get(id)).filter(Boolean) : [...byID.values()];
    this.state.status = status;
    this.state.isSetup = isSetup;
    this.state.providers = chosen.map((provider, index) => ({
      ...provider,
      name: [...plain(provider.name)].slice(0, 80).join(""),
      index,
      choice: isSetup ? null : status.providers[provider.id],
      isInEnvironment: isSetup && status.environment?.includes(provider.id),
      keys: status.keys
        .filter((key) => key.provider === provider.id)
        .sort(
          (one, other) => (other.name === "default") - (one.name === "default") || (one.name < other.name ? -1 : 1),
        ),
    }));
    this.#render();
  }

  async #reload() {
    try {
      this.#take(await this.#client().getStatus({ signal: this.#loading?.signal }));
    } catch (error) {
      this.#failed(error);
    }
  }

  #render() {
    if (!this.state.words) return;
    patch(this.#root, view(this.state));
  }

  // What people do.

  #clicked(event) {
    const button = event.target.closest?.("[data-act]");
    if (!button || button.closest("dialog")) return;
    const { act, id, provider } = button.dataset;
    const { state } = this;
    if (act === "reload") {
      state.problem = null;
      return this.#load();
    }
    if (act === "dismiss") {
      state.problem = null;
      this.#render();
      return this.#root.querySelector("#search")?.focus();
    }
    if (act === "all") {
      state.showsAll = !state.showsAll;
      return this.#render();
    }
    if (act === "details") {
      if (!state.open.delete(id)) state.open.add(id);
      return this.#render();
    }
    if (act === "add") return this.#openForm(this.#provider(provider));
    const key = this.#key(id);
    if (!key) return;
    if (act === "check") return this.#check(key);
    if (act === "makeDefault") return this.#makeDefault(key);
    if (act === "replace") return this.#openForm(this.#provider(key.provider), key);
    if (act === "remove") this.#openRemoval(this.#provider(key.provider), key);
  }

  async #openForm(provider, key) {
    const dialogs = await this.#dialogs();
    if (!dialogs) return;
    this.#form ??= new dialogs.KeyForm(this);
    this.#form.open(provider, key);
  }

  async #openRemoval(provider, key) {
    const dialogs = await this.#dialogs();
    if (!dialogs) return;
    this.#removal ??= new dialogs.RemoveDialog(this);
    this.#removal.open(provider, key);
  }

  /** Loaded when there is nothing else to do, so that they are there before the first click. */
  async #dialogs() {
    try {
      return await loadDialogs();
    } catch (cause) {
      const detail = "A part of this page could not be loaded.";
      this.#failed(new ProblemError({ code: "network_error", detail, cause }));
      return null;
    }
  }

  #provider(id) {
    return this.state.providers.find((provider) => provider.id === id);
  }

  #key(id) {
    return this.state.status?.keys.find((key) => idOf(key) === id);
  }

  /** For the form. Gives the stored key; throws what went wrong. */
  async save(provider, apiKey, options) {
    const { words } = this.state;
    let key;
    try {
      key = await this.#client().setKey(provider.id, apiKey, options);
    } catch (error) {
      this.#tell("latchkey-error", failure(error));
      throw error;
    }
    this.#merge(key);
    this.#tell("key-saved", about(key));
    const verdict = words.text(`verdict.${verdictOf(key)}`);
    this.#say("said.saved", { provider: provider.name, verdict });
    this.#reload();
    return key;
  }

  /** A card may have taken the place of the button that opened the form. */
  formClosed(provider, saved) {
    if (this.shadowRoot.activeElement || !provider) return;
    if (saved) return this.#focusDetails(idOf(saved));
    const opener = this.#root.querySelector(`[data-act="add"][data-provider="${CSS.escape(provider.id)}"]`);
    (opener ?? this.#root.querySelector("#search"))?.focus();
  }

  async #check(key) {
    const id = idOf(key);
    if (this.state.busy.has(id)) return;
    await this.#during(id, "checking", async (client) => {
      const fresh = await client.validateKey(key.provider, { name: key.name });
      this.#merge(fresh);
      this.#tell("key-validated", about(fresh));
      const { words } = this.state;
      this.#say("said.checked", { key: titleOf(fresh, words), verdict: words.text(`verdict.${verdictOf(fresh)}`) });
    });
    this.#reload();
  }

  async #makeDefault(key) {
    await this.#during(idOf(key), "moving", async (client) => {
      await client.setDefault(key.provider, key.name);
      this.#tell("default-changed", { provider: key.provider, name: key.name });
      this.#say("said.default", { key: titleOf(key, this.state.words) });
      this.state.open.delete(idOf(key));
      this.state.open.add(`${key.provider}/default`);
    });
    await this.#reload();
    this.#focusDetails(`${key.provider}/default`);
  }

  /** For the dialog. The row goes at once, and comes back if the service says no. */
  async remove(key) {
    const { status } = this.state;
    const focusNext = this.#neighbour(idOf(key));
    this.state.open.delete(idOf(key));
    this.#take({ ...status, keys: status.keys.filter((other) => other !== key) });
    focusNext();
    try {
      await this.#client().removeKey(key.provider, { name: key.name });
    } catch (error) {
      if (error.code !== "key_not_found") {
        this.#take(status);
        return this.#failed(error);
      }
    }
    this.#tell("key-removed", { provider: key.provider, name: key.name });
    this.#say("said.removed", { key: titleOf(key, this.state.words) });
    this.#reload();
  }

  /** Where the focus goes when a row is gone: to the next one, else to the provider. */
  #neighbour(id) {
    const all = [...this.#root.querySelectorAll(".key")].map((row) => row.dataset.key);
    const at = all.indexOf(id);
    const next = all[at + 1] ?? all[at - 1];
    return () => this.#focusDetails(next);
  }

  #focusDetails(id) {
    const row = id && this.#root.querySelector(`[data-act="details"][data-id="${CSS.escape(id)}"]`);
    (row || this.#root.querySelector("#search"))?.focus();
  }

  /** Turned at once, and back if the service says no. */
  async #switch(setting, isOn) {
    const { settings } = this.state;
    this.state.settings = { ...settings, [setting]: isOn };
    this.#render();
    try {
      this.state.settings = await this.#client().putSettings({ [setting]: isOn });
      this.#tell("settings-changed", { ...this.state.settings });
      this.#say("said.settings");
      this.#reload();
    } catch (error) {
      this.state.settings = settings;
      this.#failed(error);
    }
  }

  async #during(id, what, work) {
    this.state.busy.set(id, what);
    this.state.problem = null;
    this.#render();
    try {
      await work(this.#client());
    } catch (error) {
      this.#failed(error);
    } finally {
      this.state.busy.delete(id);
      this.#render();
    }
  }

  #merge(key) {
    const { status } = this.state;
    const { keys } = status;
    this.#take({ ...status, keys: [...keys.filter((other) => idOf(other) !== idOf(key)), key] });
  }

  #failed(error) {
    if (!this.isConnected || error?.name === "AbortError") return;
    const { words } = this.state;
    this.state.problem = failure(error);
    this.#render();
    this.#tell("latchkey-error", failure(error));
    if (!words) console.error(error);
  }

  #say(text, values) {
    this.#live.textContent = this.state.words.text(text, values);
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

async function loadDialogs() {
  const [{ KeyForm }, { RemoveDialog }] = await Promise.all([
    import("./element-form.js"),
    import("./element-dialogs.js"),
  ]);
  return { KeyForm, RemoveDialog };
}

function about({ provider, name, verdict, is_valid }) {
  return { provider, name, verdict, is_valid };
}

function failure(error) {
  if (!(error instanceof ProblemError)) {
    console.error(error);
    return { code: "internal", status: 0, detail: "An error in the element; the console has more.", requestId: null };
  }
  const { code, status, detail, requestId } = error;
  return { code, status, detail, requestId };
}

if (!customElements.get("latchkey-keys")) customElements.define("latchkey-keys", LatchkeyKeys);
