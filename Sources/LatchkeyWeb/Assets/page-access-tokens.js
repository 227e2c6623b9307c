/** Access tokens: the list, and the form that makes one. One's own, or those of the app's services. */
import {
    ask,
    badge,
    button,
    choices,
    chosenIn,
    copyable,
    during,
    empty,
    errorPlace,
    field,
    h,
    notice,
    section,
    select,
    stored,
    toast,
    when,
} from "./page-parts.js";
import { amountIn } from "./page-budgets.js";
import { list, moment, money, number, t } from "./page-words.js";
import { refused } from "./shell.js";

const OVERLAPS = [0, 3600, 86_400, 604_800];
const LIFETIMES = [7, 30, 90, 365, 0];
const DAY = 86_400_000;
const MICROS = 1_000_000;

/**
 * @param {object} card
 * @param {"own" | "service"} card.kind
 * @param {object[]} card.tokens
 * @param {{list: Function, create: Function, revoke: Function, roll: Function}} card.calls
 * @param {object[]} card.providers of the catalogue
 */
export function accessTokensCard({ kind, tokens, calls, providers }) {
    const names = new Map(providers.map(({ id, name }) => [id, name]));
    const place = h("div", { class: "stack" });
    const formPlace = h("div", { class: "stack" });
    const { place: errors, show } = errorPlace();
    const opener = button(t("token.new"), () => openForm(), { kind: "primary", picture: "plus" });

    const draw = (tokens) => {
        const live = tokens.filter(({ state }) => state === "live");
        const gone = tokens.filter(({ state }) => state !== "live");
        const rows = (tokens) =>
            h(
                "ul",
                { class: "rows" },
                tokens.map((token) => row(token, names, { revoke, roll })),
            );
        place.replaceChildren(
            live.length ? rows(live) : empty("shield", t("token.none"), t(`token.none.${kind}`)),
            ...(gone.length
                ? [h("details", {}, h("summary", {}, t("token.gone", { n: gone.length })), rows(gone))]
                : []),
        );
    };
    const reload = async () => draw((await calls.list()).access_tokens);
    const openForm = () => {
        opener.hidden = true;
        const close = () => {
            formPlace.replaceChildren();
            opener.hidden = false;
            opener.focus();
        };
        const form = tokenForm({
            kind,
            providers,
            close,
            create: calls.create,
            made: async (token) => {
                reveal(token);
                await reload().catch((error) => refused(error, show));
            },
        });
        formPlace.replaceChildren(form);
        form.querySelector("input").focus();
    };
    const reveal = (token) => {
        opener.hidden = false;
        const shown = notice(
            "good",
            t("token.made"),
            h("p", {}, t("token.once")),
            copyable(token.token, t("token.value")),
            button(t("token.kept"), () => {
                formPlace.replaceChildren();
                opener.focus();
            }),
        );
        formPlace.replaceChildren(shown);
        shown.querySelector(".copyable button").focus();
    };
    const revoke = async (token) => {
        const done = await ask({
            title: t("token.revoke.title"),
            confirm: t("token.revoke"),
            kind: "danger",
            act: () => calls.revoke(token.id),
            body: h("p", {}, stored(token.label ?? token.id), " · ", t("token.revoke.text")),
        });
        if (!done) return;
        toast(t("token.revoked"));
        await reload().catch((error) => refused(error, show));
        opener.focus();
    };
    const roll = async (token) => {
        const overlap = field(
            t("token.overlap"),
            select(
                OVERLAPS.map((seconds) => [seconds, t(`token.overlap.${seconds}`)]),
                86_400,
            ),
        );
        const made = await ask({
            title: t("token.roll.title"),
            confirm: t("token.roll"),
            body: h("div", {}, h("p", {}, t("token.roll.text")), overlap.whole),
            act: () => calls.roll(token.id, { overlap_seconds: Number(overlap.control.value) }),
        });
        if (!made) return;
        reveal(made);
        await reload().catch((error) => refused(error, show));
    };
    draw(tokens);
    return section(
        t(`token.title.${kind}`),
        { id: "access-tokens", text: t(`token.text.${kind}`), actions: opener },
        formPlace,
        errors,
        place,
    );
}

function row(token, names, { revoke, roll }) {
    const { state, label, id, scopes, providers, models, networks, limits } = token;
    const facts = [
        providers.length > 0 &&
            t("token.for.providers", { list: list(providers.map((provider) => names.get(provider) ?? provider)) }),
        models.length > 0 && t("token.for.models", { list: list(models) }),
        networks.length > 0 && t("token.for.networks", { list: list(networks) }),
        ...limits.map(({ metric, per, amount }) =>
            t(`budget.limit.${metric}.${per}`, { amount: metric === "money" ? money(amount) : number(amount) }),
        ),
    ].filter(Boolean);
    const times = [
        token.last_used_at ? [t("token.lastUsed"), " ", when(token.last_used_at)] : t("token.neverUsed"),
        token.revoked_at
            ? [t("token.revokedAt"), " ", when(token.revoked_at)]
            : token.expires_at
              ? [
                    t(state === "expired" ? "token.expiredAt" : "token.expires"),
                    " ",
                    h("time", { datetime: token.expires_at }, moment(token.expires_at)),
                ]
              : t("token.noExpiry"),
        token.replaced_by && [t("token.replaced"), " ", h("code", {}, token.replaced_by)],
    ]
        .filter(Boolean)
        .flatMap((part, index) => (index ? [" · ", part] : [part]));
    const tone = { live: "good", spoilt: "bad" }[state] ?? "plain";
    return h(
        "li",
        { class: "row-item" },
        h(
            "div",
            { class: "row-main" },
            h(
                "p",
                { class: "row-title" },
                label ? stored(label) : h("span", { class: "quiet" }, t("token.noLabel")),
                state !== "live" && badge(t(`token.state.${state}`), tone),
            ),
            h(
                "p",
                { class: "badges" },
                scopes.map((scope) => badge(t(`scope.${scope}`))),
            ),
            facts.length > 0 &&
                h(
                    "ul",
                    { class: "facts" },
                    facts.map((fact) => h("li", {}, fact)),
                ),
            h("p", { class: "quiet" }, h("code", {}, `lk_${id}_…`), " · ", times),
        ),
        state === "live" &&
            h(
                "div",
                { class: "actions" },
                !token.replaced_by &&
                    !scopes.includes("resolve") &&
                    button(t("token.roll"), () => roll(token), { kind: "quiet" }),
                button(t("token.revoke"), () => revoke(token), { kind: "quiet danger" }),
            ),
    );
}

function tokenForm({ kind, providers, close, create, made }) {
    const label = field(t("token.label"), h("input", { type: "text", maxlength: 100, autocomplete: "off" }), {
        hint: t("token.label.hint"),
        optional: true,
    });
    const scopes = choices(
        "checkbox",
        "scope",
        t("token.scopes"),
        ["gateway", "status", "manage"].map((scope) => [scope, t(`scope.${scope}`), t(`scope.${scope}.text`)]),
        ["gateway"],
        { className: "boxes" },
    );
    const scopeMistake = h("p", { class: "mistake", role: "alert" });
    const lifetime = field(
        t("token.lifetime"),
        select(
            [...LIFETIMES.map((days) => [days, t(`token.lifetime.${days}`)]), ["date", t("token.lifetime.date")]],
            90,
        ),
    );
    const until = field(
        t("token.until"),
        h("input", { type: "date", min: new Date(Date.now() + DAY).toISOString().slice(0, 10) }),
    );
    until.whole.hidden = true;
    lifetime.control.addEventListener("change", () => {
        until.whole.hidden = lifetime.control.value !== "date";
    });
    const allowed = choices(
        "checkbox",
        "provider",
        t("token.providers"),
        providers.map(({ id, name }) => [id, name]),
        [],
        { className: "many", hint: t("token.providers.hint") },
    );
    const models = field(
        t("token.models"),
        h("input", { type: "text", autocomplete: "off", spellcheck: "false", dir: "ltr" }),
        { hint: t("token.models.hint"), optional: true },
    );
    const networks = field(
        t("token.networks"),
        h("input", { type: "text", autocomplete: "off", spellcheck: "false", dir: "ltr" }),
        { hint: t("token.networks.hint"), optional: true },
    );
    const limits = limitFields();
    const { place, show } = errorPlace();
    const submit = async (event) => {
        event.preventDefault();
        const chosen = chosenIn(scopes);
        scopeMistake.textContent = chosen.length ? "" : t("token.scopes.none");
        if (!chosen.length) return scopes.querySelector("input").focus();
        if (lifetime.control.value === "date") {
            until.error(until.control.value ? null : t("token.until.missing"));
            if (!until.control.value) return until.control.focus();
        }
        const limited = limits.read();
        if (!limited) return;
        const grant = {
            ...(label.control.value.trim() ? { label: label.control.value.trim() } : {}),
            scopes: chosen,
            providers: chosenIn(allowed),
            models: words(models.control.value),
            networks: words(networks.control.value),
            limits: limited,
            ...expiry(lifetime.control.value, until.control.value),
        };
        const token = await during(
            event.submitter ?? form.querySelector("[type=submit]"),
            () => create(grant),
            (text, error) => (error?.status === 401 ? refused(error, show) : show(text)),
        );
        if (token) await made(token);
    };
    const form = h(
        "form",
        { class: "form panel", onsubmit: submit, novalidate: true },
        h("h3", {}, t(`token.form.${kind}`)),
        label.whole,
        scopes,
        scopeMistake,
        h("div", { class: "grid" }, lifetime.whole, until.whole),
        h(
            "details",
            { class: "further" },
            h("summary", {}, t("token.restrict")),
            h("div", { class: "stack" }, allowed, models.whole, networks.whole, limits.whole),
        ),
        place,
        h(
            "div",
            { class: "form-end" },
            button(t("form.cancel"), close),
            button(t("token.make"), undefined, { kind: "primary", type: "submit" }),
        ),
    );
    return form;
}

/** One field for each of the limits that people set most; an empty one limits nothing. */
function limitFields() {
    const kinds = [
        ["money", "day"],
        ["money", "month"],
        ["tokens", "day"],
        ["requests", "minute"],
    ];
    const fields = kinds.map(([metric, per]) => ({
        metric,
        per,
        ...field(
            t(`token.limit.${metric}.${per}`),
            h("input", { type: "text", inputmode: "decimal", autocomplete: "off" }),
            { optional: true },
        ),
    }));
    const read = () => {
        const limits = [];
        for (const { metric, per, control, error } of fields) {
            const amount = control.value.trim() && amountIn(control.value, metric);
            error(
                control.value.trim() && !amount
                    ? t(`budget.amount.wrong.${metric === "money" ? "money" : "whole"}`)
                    : null,
            );
            if (control.value.trim() && !amount) {
                control.focus();
                return null;
            }
            if (amount)
                limits.push({ metric, per, amount: amount.amount ?? Math.round(Number(amount.amount_usd) * MICROS) });
        }
        return limits;
    };
    return {
        read,
        whole: h(
            "fieldset",
            { class: "choices" },
            h("legend", {}, t("token.limits")),
            h("p", { class: "hint" }, t("token.limits.hint")),
            h(
                "div",
                { class: "grid" },
                fields.map(({ whole }) => whole),
            ),
        ),
    };
}

const words = (text) => text.split(/[\s,;]+/).filter(Boolean);

function expiry(lifetime, until) {
    if (lifetime === "date") return { expires_at: `${until}T23:59:59Z` };
    if (lifetime === "0") return {};
    return { expires_at: new Date(Date.now() + Number(lifetime) * DAY).toISOString().replace(/\.\d+/, "") };
}
