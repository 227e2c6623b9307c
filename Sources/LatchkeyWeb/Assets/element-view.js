/**
 * What `<latchkey-keys>` shows, as a function of its state. Buttons say in `data-act` what they do.
 *
 * @module
 */
import { h, icon, outward, plain, stored, webAddress } from "./element-dom.js";

/** How many providers without a key are shown before somebody asks for all. */
const FIRST = 6;
const DAY = 86_400_000;
const SKELETON = [1, 2, 3, 4, 5, 6];

export const TONES = {
  valid: "good",
  restricted: "fair",
  no_credit: "fair",
  rate_limited: "fair",
  retiring: "fair",
  blocked: "bad",
  expired: "bad",
  invalid: "bad",
  unknown: "none",
};

export const idOf = (key) => `${key.provider}/${key.name}`;

/** The verdict as it holds now: a date that has passed meanwhile is obeyed. */
export const verdictOf = (key) => {
  const isOver = key.expires_at && Date.parse(key.expires_at) <= Date.now();
  return isOver ? "expired" : Object.hasOwn(TONES, key.verdict) ? key.verdict : "unknown";
};

/** What a person calls the key. */
export function titleOf(key, words) {
  if (key.label) return plain(key.label).slice(0, 120);
  return key.key_hint ? words.text("key.ending", { hint: plain(key.key_hint) }) : words.text("key.untitled");
}

/** @param state of the element, see `latchkey-keys.js` */
export function view(state) {
  const { words, phase, isSetup } = state;
  const t = (key, values) => words.text(key, values);
  const isLoading = phase === "loading" || phase === "waiting";
  return h(
    "div",
    { class: "root", part: "root", lang: words.language, dir: state.direction, "aria-busy": phase === "loading" },
    h(
      "header",
      { class: "top" },
      h("slot", { name: "heading" }, [
        h("h2", { part: "heading" }, t(isSetup ? "heading.setup" : "heading")),
        h("p", { class: "lead" }, t(isSetup ? "lead.setup" : "lead")),
      ]),
    ),
    h("div", { class: "alert-place", role: "alert" }, state.problem && alert(state)),
    phase === "waiting" && state.isLate && h("p", { class: "quiet note" }, t("waiting")),
    isLoading ? skeleton(t) : phase === "ready" ? content(state, t) : null,
    h("slot", { name: "footer" }),
  );
}

/** As high as what comes after it, so that nothing moves. */
function skeleton(t) {
  const bar = (kind) => h("span", { class: `bar ${kind}` });
  return h(
    "div",
    { class: "skeleton", "data-key": "skeleton", role: "img", "aria-label": t("loading") },
    h("div", { class: "bar field" }),
    h("div", { class: "title" }, bar("short")),
    h(
      "ul",
      { class: "rows" },
      SKELETON.map(() => h("li", { class: "row" }, bar("tile"), bar("text"), bar("button"))),
    ),
  );
}

/** What went wrong, in words, and what to do. */
export function alert({ problem, words, phase }) {
  const known = words.has(`problem.${problem.code}`);
  return h(
    "div",
    { class: "alert", part: "alert" },
    h("p", {}, words.text(known ? `problem.${problem.code}` : "problem"), !known && [" ", stored(problem.detail, 300)]),
    !known &&
      problem.requestId &&
      h("p", { class: "small" }, words.nodes("problem.request", { id: stored(problem.requestId, 64) })),
    phase === "failed"
      ? h("button", { type: "button", class: "button", "data-act": "reload" }, words.text("again"))
      : h(
          "button",
          { type: "button", class: "plain", "data-act": "dismiss", "aria-label": words.text("form.close") },
          icon("close"),
        ),
  );
}

function content(state, t) {
  const { isSetup } = state;
  const asked = plain(state.query).trim().toLowerCase();
  const matches = (provider) => !asked || `${provider.name} ${provider.id}`.toLowerCase().includes(asked);
  const found = state.providers.filter(matches);
  const owned = found.filter((provider) => provider.keys.length);
  const others = found.filter((provider) => !provider.keys.length);
  const shown = state.showsAll || asked ? others : others.slice(0, FIRST);
  const hasKeys = state.providers.some((provider) => provider.keys.length);
  return [
    h(
      "div",
      { class: "search", "data-key": "search" },
      h("label", { class: "hidden", for: "search" }, t("search")),
      h("input", {
        id: "search",
        part: "search",
        type: "search",
        placeholder: t("search"),
        autocomplete: "off",
        spellcheck: "false",
      }),
    ),
    !hasKeys &&
      !asked &&
      h(
        "div",
        { class: "empty", "data-key": "empty" },
        h("slot", { name: "empty" }, icon("key"), h("p", {}, t("empty"))),
      ),
    owned.length > 0 && [
      h("h3", { class: "title", "data-key": "yours" }, t(isSetup ? "shared" : "yours")),
      owned.map((provider) => card(provider, state)),
    ],
    others.length > 0 && [
      h("h3", { class: "title", "data-key": "others" }, t(hasKeys ? "others.more" : "others")),
      h(
        "ul",
        { class: "rows", part: "providers", "data-key": "rows" },
        shown.map((provider) => row(provider, state)),
      ),
    ],
    others.length > FIRST &&
      !asked &&
      h(
        "button",
        {
          type: "button",
          class: "plain wide",
          "data-act": "all",
          "data-key": "all",
          "aria-expanded": String(state.showsAll),
        },
        state.showsAll ? t("others.fewer") : t("others.all", { n: others.length - FIRST }),
      ),
    found.length === 0 &&
      h(
        "p",
        { class: "quiet note", "data-key": "nothing" },
        state.words.nodes("search.none", { query: asked.slice(0, 60) }),
      ),
    state.settings &&
      h("div", { class: "switches", "data-key": "switches" }, [
        toggle("global_fallback", "fallback", state, t),
        toggle("key_failover", "failover", state, t),
      ]),
  ];
}

function tile(provider) {
  return h("span", { class: "tile", "aria-hidden": "true" }, [...provider.name.trim()][0]?.toUpperCase() ?? "?");
}

function getLink(provider, words) {
  const link = outward(provider.keys_url, words.text("get"));
  link?.setAttribute("aria-label", words.text("get.label", { provider: provider.name }));
  return link;
}

/** A provider without a key of one's own. */
function row(provider, state) {
  const { words } = state;
  const served = serves(provider, state);
  return h(
    "li",
    { class: "row", part: "provider", "data-key": provider.id },
    tile(provider),
    h(
      "div",
      { class: "who" },
      h("span", { class: "name" }, stored(provider.name)),
      served && h("span", { class: "small" }, served),
    ),
    getLink(provider, words),
    addButton(provider, words, "add"),
  );
}

function addButton(provider, words, text) {
  const attributes = {
    type: "button",
    class: "button",
    part: "button",
    "data-act": "add",
    "data-provider": provider.id,
    "aria-label": words.text(`${text}.label`, { provider: provider.name }),
  };
  return h("button", attributes, words.text(text));
}

/** Which key serves a call at this provider, and why. */
function serves(provider, { words, status, isSetup }) {
  if (isSetup) return provider.isInEnvironment ? words.text("serves.environment") : null;
  const { choice } = provider;
  if (choice?.source === "user") {
    const key = provider.keys.find((key) => key.name === choice.name);
    if (!choice.is_valid && choice.verdict !== "unknown") return words.text("serves.user.bad");
    return key ? words.nodes("serves.user", { key: titleOf(key, words) }) : null;
  }
  if (choice?.source === "global" || choice?.source === "environment") {
    const isGood = choice.is_valid || choice.source === "environment" || choice.verdict === "unknown";
    return words.text(isGood ? "serves.shared" : "serves.shared.bad");
  }
  if (provider.keys.length) return words.text("serves.named");
  return words.text(status.global_fallback ? "serves.none" : "serves.off");
}

/** A provider with keys of one's own. */
function card(provider, state) {
  const { words } = state;
  const served = serves(provider, state);
  return h(
    "section",
    { class: "card", part: "card", "data-key": `card-${provider.id}`, "aria-label": provider.name },
    h(
      "div",
      { class: "row" },
      tile(provider),
      h(
        "div",
        { class: "who" },
        h("h4", { class: "name" }, stored(provider.name)),
        served && h("span", { class: "small" }, served),
      ),
      getLink(provider, words),
      addButton(provider, words, "add.another"),
    ),
    h(
      "ul",
      { class: "keys" },
      provider.keys.map((key, index) => entry(key, index, provider, state)),
    ),
  );
}

function entry(key, index, provider, state) {
  const { words } = state;
  const id = idOf(key);
  const title = titleOf(key, words);
  const verdict = verdictOf(key);
  const isChecking = state.busy.get(id) === "checking";
  const isOpen = state.open.has(id);
  const panel = `details-${provider.index}-${index}`;
  const more = {
    type: "button",
    class: "plain more",
    "data-act": "details",
    "data-id": id,
    "aria-expanded": String(isOpen),
    "aria-controls": panel,
    "aria-label": words.text("key.more.label", { key: title }),
  };
  return h(
    "li",
    { class: "key", part: "key", "data-key": id, "data-busy": state.busy.get(id) },
    h(
      "div",
      { class: "line" },
      h(
        "div",
        { class: "who" },
        h(
          "span",
          { class: "name" },
          stored(title),
          key.name === "default"
            ? h("span", { class: "chip" }, words.text("key.default"))
            : h("code", { class: "chip" }, stored(key.name, 40)),
        ),
        h(
          "span",
          { class: "small" },
          key.label && key.key_hint && h("code", { dir: "ltr" }, "••••\u00a0", stored(key.key_hint, 8)),
          times(key, words),
        ),
      ),
      isChecking
        ? h("span", { class: "verdict none" }, h("i", { class: "spinner" }), words.text("key.checking"))
        : badge(verdict, words),
      h("button", more, icon("chevron")),
    ),
    verdict !== "valid" && !isChecking && advice(verdict, provider, words, [remedy(verdict, id, words)]),
    h(
      "div",
      { class: "details", id: panel, role: "group", "aria-label": title, hidden: !isOpen },
      isOpen && details(key, id, provider, state),
    ),
  );
}

/** The verdict as a word with its colour. */
export function badge(verdict, words) {
  return h(
    "span",
    { class: `verdict ${TONES[verdict]}`, part: "verdict" },
    h("i", { class: "dot" }),
    words.text(`verdict.${verdict}`),
  );
}

/** What the verdict means, and what to do about it. */
export function advice(verdict, provider, words, rest = []) {
  const text = words.nodes(`verdict.${verdict}.do`, { provider: provider.name });
  return h("div", { class: `advice ${TONES[verdict]}` }, h("p", {}, text), rest);
}

function remedy(verdict, id, words) {
  const isNewNeeded = ["invalid", "expired", "retiring"].includes(verdict);
  const [act, text] = isNewNeeded ? ["replace", "key.replace"] : ["check", "key.check"];
  return h("button", { type: "button", class: "link", "data-act": act, "data-id": id }, words.text(text));
}

/** Last use and a near end, each in words. */
function times(key, words) {
  const ends = key.expires_at && Date.parse(key.expires_at) - Date.now();
  const spoken = (text, time) =>
    h("time", { datetime: time, title: words.date(time) }, words.text(text, { when: words.span(time) }));
  return [
    key.last_used_at ? spoken("key.used", key.last_used_at) : h("span", {}, words.text("key.unused")),
    ends &&
      ends < 30 * DAY &&
      h(
        "span",
        { class: ends < 14 * DAY ? "soon" : null },
        spoken(ends < 0 ? "key.over" : "key.expires", key.expires_at),
      ),
  ];
}

function details(key, id, provider, state) {
  const { words, isSetup } = state;
  const t = (name) => words.text(name);
  const act = (name, text, kind = "button") =>
    h(
      "button",
      { type: "button", class: kind, part: "button", "data-act": name, "data-id": id, disabled: state.busy.has(id) },
      t(text),
    );
  const when = (time, none) => (time ? h("time", { datetime: time }, words.date(time)) : t(none));
  const facts = [
    ["key.checked", when(key.evidence?.checked_at ?? key.last_validated, "key.never")],
    ["key.answer", answer(key.evidence, words)],
    ["key.lastUsed", when(key.last_used_at, "key.never")],
    ["key.expiry", when(key.expires_at, "key.noExpiry")],
    ["key.added", when(key.created_at, "key.never")],
    ["key.name", h("code", {}, stored(key.name, 64))],
    ["key.address", h("code", {}, stored(key.base_url, 80))],
  ];
  const isPostponed = key.evidence?.decisive === false && key.evidence.checked_at;
  return [
    isPostponed &&
      h("p", { class: "small" }, words.nodes("verdict.postponed", { code: evidence(key.evidence, words) })),
    h(
      "dl",
      {},
      facts.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, t(name)), h("dd", {}, value))),
    ),
    h(
      "div",
      { class: "actions" },
      !isSetup && act("check", "key.check"),
      !isSetup && key.name !== "default" && act("makeDefault", "key.makeDefault"),
      act("replace", "key.replace"),
      !isSetup && act("remove", "key.remove", "button danger"),
    ),
  ];
}

function evidence({ code }, words) {
  return words.has(`evidence.${code}`) ? words.text(`evidence.${code}`) : stored(code ?? "?", 80);
}

function answer(found, words) {
  if (!found?.checked_at || (!found.http_status && !found.code)) return null;
  return [found.http_status && `${Number(found.http_status)} `, found.code && evidence(found, words)];
}

function toggle(setting, text, state, t) {
  const isOn = state.settings[setting] === true;
  const id = `switch-${text}`;
  return h(
    "div",
    { class: "switch", part: "switch", "data-key": id },
    h(
      "div",
      {},
      h("label", { for: id }, t(`switch.${text}`)),
      h("p", { class: "small", id: `${id}-note` }, t(`switch.${text}.note`)),
    ),
    h("input", {
      type: "checkbox",
      role: "switch",
      id,
      checked: isOn,
      "data-setting": setting,
      "aria-describedby": `${id}-note`,
    }),
  );
}

/** Where a key is made, as people say it: `platform.openai.com`. */
export function siteOf(provider) {
  return webAddress(provider.keys_url)?.host ?? null;
}
