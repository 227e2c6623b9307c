/** Budgets: how they stand, and a form that sets one. For oneself, or for a user by an administrator. */
import {
    ask,
    badge,
    button,
    during,
    empty,
    errorPlace,
    field,
    h,
    section,
    select,
    stored,
    toast,
} from "./page-parts.js";
import { ago, list, moment, money, number, percent, t } from "./page-words.js";
import { refused } from "./shell.js";

const METRICS = ["money", "tokens", "requests"];
const PERIODS = ["month", "day", "minute"];

/**
 * @param {object} card
 * @param {object[]} card.budgets as listed
 * @param {{list: Function, set: Function, remove: Function}} card.calls `set` takes a budget, `remove` what names one
 * @param {"user" | "operator"} card.setBy whose budgets may be changed here
 * @param {{provider: string, name: string}[]} card.keys that a budget may be for
 * @param {Map<string, string>} card.names of providers
 */
export function budgetsCard({ budgets, calls, setBy, keys, names }) {
    const place = h("div", { class: "stack" });
    const { place: errors, show } = errorPlace();
    const formPlace = h("div", {});
    const opener = button(t("budget.new"), () => edit(), { picture: "plus" });

    const draw = (budgets) => {
        const rows = budgets.map((budget) => row(budget, names, budget.set_by === setBy && { edit, remove }));
        place.replaceChildren(
            rows.length
                ? h("ul", { class: "rows" }, rows)
                : empty("budget", t("budget.none"), t(setBy === "user" ? "budget.none.text" : "budget.none.operator")),
        );
    };
    const reload = async () => draw((await calls.list()).budgets);
    const edit = (budget) => {
        const close = () => {
            formPlace.replaceChildren();
            opener.hidden = false;
            opener.focus();
        };
        const saved = async () => {
            close();
            toast(t("budget.saved"));
            await reload().catch((error) => refused(error, show));
        };
        opener.hidden = true;
        const form = budgetForm({ budget, keys, names, set: calls.set, saved, close });
        formPlace.replaceChildren(form);
        form.querySelector("select, input").focus();
    };
    const remove = async (budget) => {
        const which = { metric: budget.metric, per: budget.per, provider: budget.provider, key: budget.key };
        const gone = await ask({
            title: t("budget.remove.title"),
            body: h("p", {}, sentence(budget)),
            confirm: t("budget.remove"),
            kind: "danger",
            act: () => calls.remove(which),
        });
        if (!gone) return;
        toast(t("budget.removed"));
        await reload().catch((error) => refused(error, show));
        opener.focus();
    };
    draw(budgets);
    return section(
        t("budget.title"),
        { id: "budgets", text: t(`budget.text.${setBy}`), actions: opener },
        formPlace,
        errors,
        place,
    );
}

const amountOf = (metric, amount) => (metric === "money" ? money(amount) : number(amount));
const sentence = ({ metric, per, amount }) => t(`budget.limit.${metric}.${per}`, { amount: amountOf(metric, amount) });

function row(budget, names, may) {
    const { metric, amount, used, reserved, per } = budget;
    const share = amount > 0 ? used / amount : 1;
    const tone = share >= 1 ? "bad" : budget.warned.length ? "warning" : "good";
    const bar = h(
        "div",
        { class: `meter ${tone}`, "aria-hidden": "true" },
        h("span", { class: "meter-fill" }),
        budget.warnings.filter((warning) => warning < 100).map((warning) => mark(warning)),
    );
    bar.firstChild.style.setProperty("inline-size", `${Math.min(share, 1) * 100}%`);
    const subject = {
        user: () => t("budget.for.all"),
        key: () => [
            t("budget.for.key"),
            " ",
            stored(budget.key === "default" ? t("key.default") : budget.key),
            " · ",
            names.get(budget.provider) ?? budget.provider,
        ],
        token: () => [t("budget.for.token"), " ", h("code", {}, budget.token_id)],
    }[budget.subject]();
    return h(
        "li",
        { class: "row-item budget" },
        h(
            "div",
            { class: "row-main" },
            h(
                "p",
                { class: "row-title" },
                sentence(budget),
                share >= 1
                    ? badge(t("budget.reached"), "bad", "warning")
                    : budget.warned.length > 0 &&
                          badge(
                              t("budget.warned", { percent: percent(Math.max(...budget.warned) / 100) }),
                              "warning",
                              "warning",
                          ),
            ),
            h("p", { class: "quiet" }, subject),
            bar,
            h(
                "p",
                { class: "quiet" },
                t("budget.used", {
                    used: amountOf(metric, used),
                    amount: amountOf(metric, amount),
                    percent: percent(share),
                }),
                reserved > 0 && [" · ", t("budget.reserved", { amount: amountOf(metric, reserved) })],
                per !== "minute" && [
                    " · ",
                    h("span", { title: moment(budget.resets_at) }, t("budget.resets", { when: ago(budget.resets_at) })),
                ],
                budget.warnings.length > 0 && [
                    " · ",
                    t("budget.warnsAt", { at: list(budget.warnings.map((warning) => percent(warning / 100))) }),
                ],
            ),
        ),
        h(
            "div",
            { class: "actions" },
            may
                ? [
                      button(t("budget.change"), () => may.edit(budget), { kind: "quiet" }),
                      button(t("budget.remove"), () => may.remove(budget), { kind: "quiet danger" }),
                  ]
                : h("span", { class: "quiet" }, t(`budget.setBy.${budget.set_by}`)),
        ),
    );
}

function mark(warning) {
    const line = h("span", { class: "meter-mark" });
    line.style.setProperty("inset-inline-start", `${warning}%`);
    return line;
}

function budgetForm({ budget, keys, names, set, saved, close }) {
    const metric = field(
        t("budget.metric"),
        select(
            METRICS.map((id) => [id, t(`budget.metric.${id}`)]),
            budget?.metric,
        ),
    );
    const per = field(
        t("budget.per"),
        select(
            PERIODS.map((id) => [id, t(`budget.per.${id}`)]),
            budget?.per,
        ),
    );
    const written = budget && (budget.metric === "money" ? budget.amount_usd : String(budget.amount));
    const amount = field(
        t("budget.amount"),
        h("input", { type: "text", inputmode: "decimal", autocomplete: "off", required: true, value: written }),
    );
    const subjects = keys.map(({ provider, name }) => [
        `${provider} ${name}`,
        t("usage.keyOf", {
            name: name === "default" ? t("key.default") : name,
            provider: names.get(provider) ?? provider,
        }),
    ]);
    const subject = field(
        t("budget.for"),
        select(
            [["", t("budget.for.all")], ...subjects],
            budget?.subject === "key" ? `${budget.provider} ${budget.key}` : "",
        ),
    );
    const warnings = field(
        t("budget.warnings"),
        h("input", {
            type: "text",
            inputmode: "numeric",
            autocomplete: "off",
            value: (budget?.warnings ?? [80, 100]).join(", "),
        }),
        { hint: t("budget.warnings.hint") },
    );
    // What names a budget cannot be changed: that would be another one.
    if (budget) for (const { control } of [metric, per, subject]) control.disabled = true;
    const { place, show } = errorPlace();
    const label = () => {
        const unit = metric.whole.querySelector("select").value;
        amount.whole.querySelector("label").textContent = t(`budget.amount.${unit}`);
    };
    metric.control.addEventListener("change", label);
    label();

    const submit = async (event) => {
        event.preventDefault();
        const [provider, key] = subject.control.value.split(" ");
        const parsed = amountIn(amount.control.value, metric.control.value);
        const percents = percentsIn(warnings.control.value);
        amount.error(parsed ? null : t(`budget.amount.wrong.${metric.control.value === "money" ? "money" : "whole"}`));
        warnings.error(percents ? null : t("budget.warnings.wrong"));
        if (!parsed) return amount.control.focus();
        if (!percents) return warnings.control.focus();
        const body = {
            metric: metric.control.value,
            per: per.control.value,
            ...parsed,
            warnings: percents,
            ...(provider ? { provider, key } : {}),
        };
        await during(
            event.submitter ?? form.querySelector("[type=submit]"),
            async () => {
                await set(body);
                await saved();
            },
            (text, error) => (error?.status === 401 ? refused(error, show) : show(text)),
        );
    };
    const form = h(
        "form",
        { class: "form panel", onsubmit: submit, novalidate: true },
        h("div", { class: "grid" }, metric.whole, amount.whole, per.whole, subject.whole, warnings.whole),
        place,
        h(
            "div",
            { class: "form-end" },
            button(t("form.cancel"), close),
            button(t("budget.save"), undefined, { kind: "primary", type: "submit" }),
        ),
    );
    return form;
}

/**
 * An amount as the service takes it, or null for what is none. A comma may stand for the point, as many people write
 * it; what could be thousands as well as decimals ("1,000", "1.000") is none.
 */
export function amountIn(text, metric) {
    const plain = text
        .trim()
        .replace(/^\$|\$$/g, "")
        .trim();
    if (metric === "money") {
        const isClear = /^\d{1,9}([.,]\d{1,2})?$/.test(plain) || /^(0\.\d{1,6}|\d{1,9}\.\d{4,6})$/.test(plain);
        return isClear ? { amount_usd: plain.replace(",", ".") } : null;
    }
    const isWhole = /^(\d{1,15}|\d{1,3}([\s.,'\u202f\u2019]\d{3}){1,4})$/.test(plain);
    return isWhole ? { amount: Number(plain.replace(/\D/g, "")) } : null;
}

/** Percents, each once and in order; null for what is none. */
export function percentsIn(text) {
    const parts = text.split(/[\s,;%]+/).filter(Boolean);
    if (parts.length > 10 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) >= 1 && Number(part) <= 100))
        return null;
    return [...new Set(parts.map(Number))].sort((one, other) => one - other);
}
