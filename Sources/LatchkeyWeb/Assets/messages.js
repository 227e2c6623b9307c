/**
 * The words of `<latchkey-keys>`: languages, and texts, numbers and times as a language writes them.
 *
 *   import { addLanguage } from "https://keys.example.com/ui/messages.js";
 *   addLanguage("fr", async () => ({ "heading": "Clés d’API", … })); // what is left out stays English
 *
 * A text is a string with `{name}` in it, or an object with a string for each plural form (`one`, `other`, …) of `{n}`.
 *
 * @module
 */
import english from "./messages-en.js";

const languages = new Map([
  ["en", async () => english],
  ["de", async () => (await import("./messages-de.js")).default],
]);

/**
 * @param {string} tag such as `fr` or `pt-BR`
 * @param {() => Promise<Record<string, string|Record<string, string>>>} load
 */
export function addLanguage(tag, load) {
  languages.set(tag.toLowerCase(), load);
}

/** The words of the first language that there are words of; else English. */
export async function loadWords(...wishes) {
  for (const wish of wishes.filter(Boolean)) {
    const parts = String(wish).split("-");
    for (; parts.length; parts.pop()) {
      const load = languages.get(parts.join("-").toLowerCase());
      if (load) return new Words(parts.join("-"), await load());
    }
  }
  return new Words("en", english);
}

const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];
const RIGHT_TO_LEFT_SCRIPT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const RIGHT_TO_LEFT = /^(ar|ckb|dv|fa|he|ks|ku-arab|ps|sd|ug|ur|yi)\b/i;

export class Words {
  #texts;

  constructor(language, texts) {
    this.language = language;
    this.direction = RIGHT_TO_LEFT.test(language) ? "rtl" : "ltr";
    this.#texts = texts;
    this.plural = new Intl.PluralRules(language);
    this.numbers = new Intl.NumberFormat(language);
    this.dates = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
    this.days = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
    this.spans = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  }

  has(key) {
    return Object.hasOwn(english, key);
  }

  /** The text of a key. Values that may run the other way stand apart in their direction. */
  text(key, values = {}) {
    const isolated = (value) => {
      if (typeof value === "number") return this.numbers.format(value);
      const isMixed = this.direction === "rtl" || RIGHT_TO_LEFT_SCRIPT.test(value);
      return isMixed ? `\u2068${value}\u2069` : value;
    };
    return this.#parts(key, values)
      .map((part) => (typeof part === "string" ? part : isolated(part.value)))
      .join("");
  }

  /** The same as nodes: values may be elements. */
  nodes(key, values = {}) {
    return this.#parts(key, values).map((part) => {
      if (typeof part === "string" || part.value instanceof Node) return part.value ?? part;
      const bdi = document.createElement("bdi");
      bdi.textContent = typeof part.value === "number" ? this.numbers.format(part.value) : part.value;
      return bdi;
    });
  }

  #parts(key, values) {
    const found = this.#texts[key] ?? english[key] ?? key;
    const text = typeof found === "string" ? found : (found[this.plural.select(values.n)] ?? found.other);
    return text
      .split(/(\{\w+\})/)
      .filter(Boolean)
      .map((part) => {
        const name = part.slice(1, -1);
        return part.startsWith("{") && name in values ? { value: values[name] } : part;
      });
  }

  /** "3 days ago", "in 2 months"; null for no time. */
  span(time, now = Date.now()) {
    const seconds = (Date.parse(time) - now) / 1000;
    if (Number.isNaN(seconds)) return null;
    const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? [];
    return unit ? this.spans.format(Math.trunc(seconds / size), unit) : this.text("time.now");
  }

  date(time) {
    return Number.isNaN(Date.parse(time)) ? null : this.dates.format(new Date(time));
  }
}
