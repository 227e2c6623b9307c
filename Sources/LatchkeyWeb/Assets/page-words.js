/**
 * The words of the pages in the reader's language, and numbers, money and times as that language writes them.
 * Days are those of UTC, as everywhere in the service.
 */

/** The languages there are, each by its own name. */
export const LANGUAGES = { en: "English", de: "Deutsch" };
export const language = document.documentElement.lang in LANGUAGES ? document.documentElement.lang : "en";

const { default: messages } = await import(`./page-messages-${language}.js`);

/** @param {string} key @returns {boolean} */
export const hasWords = (key) => Object.hasOwn(messages, key);

/**
 * The text of a key, with `{name}` replaced. What is put in stands apart in its direction, so that a stored name that
 * is written from right to left does not turn the sentence around.
 * @param {string} key @param {Record<string, unknown>} [values] @returns {string}
 */
export function t(key, values) {
    const text = messages[key] ?? key;
    if (!values) return text;
    return text.replace(/\{(\w+)\}/g, (whole, name) => {
        if (!(name in values)) return whole;
        return typeof values[name] === "number" ? number(values[name]) : `\u2068${values[name]}\u2069`;
    });
}

/** The same in the number's form: `KEY.one` or `KEY.other`, with `{n}`. @returns {string} */
export function count(key, n, values = {}) {
    return t(`${key}.${plural.select(n) === "one" ? "one" : "other"}`, { ...values, n });
}

/** The text of a key as nodes, where values may be elements. @returns {(string | Node)[]} */
export function rich(key, values) {
    return (messages[key] ?? key).split(/(\{\w+\})/).map((part) => {
        const name = /^\{(\w+)\}$/.exec(part)?.[1];
        return name && name in values ? values[name] : part;
    });
}

const plural = new Intl.PluralRules(language);
const plain = new Intl.NumberFormat(language);
const short = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
const percents = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
const dollars = (least, most) =>
    new Intl.NumberFormat(language, {
        style: "currency",
        currency: "USD",
        currencyDisplay: "narrowSymbol",
        minimumFractionDigits: least,
        maximumFractionDigits: most,
    });
const exactDollars = dollars(2, 6);
const centDollars = dollars(2, 2);
const wholeDollars = dollars(0, 0);

export const number = (n) => plain.format(n);
export const shortNumber = (n) => (Math.abs(n) < 10_000 ? plain.format(n) : short.format(n));
export const percent = (share) => percents.format(share);

/** Micro-dollars to the last of them. */
export const money = (micros) => exactDollars.format(micros / 1_000_000);

/** Micro-dollars for a headline: cents, and for less than a cent as much as it takes to see something. */
export function shortMoney(micros) {
    return micros !== 0 && Math.abs(micros) < 10_000 ? money(micros) : centDollars.format(micros / 1_000_000);
}

/** Micro-dollars for an axis: no two of its marks read alike. */
export function axisMoney(micros) {
    if (micros % 10_000 !== 0) return money(micros);
    return (micros % 1_000_000 === 0 ? wholeDollars : centDollars).format(micros / 1_000_000);
}

const formats = {
    day: new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: "UTC" }),
    shortDay: new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: "UTC" }),
    month: new Intl.DateTimeFormat(language, { month: "short", year: "numeric", timeZone: "UTC" }),
    weekday: new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long", year: "numeric" }),
    clock: new Intl.DateTimeFormat(language, { timeStyle: "short" }),
    moment: new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }),
};

/** `2026-08-01` or a moment of it, as a day of UTC. @param {"day" | "shortDay" | "month"} [form] */
export const day = (text, form = "day") => formats[form].format(new Date(text.slice(0, 10)));
/** A moment in the reader's own time. @param {"moment" | "clock" | "weekday"} [form] */
export const moment = (text, form = "moment") => formats[form].format(new Date(text));

const steps = [
    ["day", 86_400_000],
    ["hour", 3_600_000],
    ["minute", 60_000],
];
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

/** "3 hours ago" within a month, else the day. */
export function ago(text) {
    const difference = Date.parse(text) - Date.now();
    if (Math.abs(difference) > 30 * 86_400_000) return moment(text);
    const [unit, size] = steps.find(([, size]) => Math.abs(difference) >= size) ?? ["minute", 60_000];
    return Math.abs(difference) < 60_000 ? t("time.now") : relative.format(Math.round(difference / size), unit);
}

const names = new Intl.ListFormat(language, { type: "conjunction" });
/** "a, b and c". @param {string[]} parts */
export const list = (parts) => names.format(parts);
