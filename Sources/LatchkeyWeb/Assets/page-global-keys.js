/** Shared keys, which serve whoever has none of their own: the list, and the form that adds one. */
import {
    ask,
    badge,
    button,
    during,
    empty,
    errorPlace,
    field,
    h,
    notice,
    select,
    stored,
    toast,
    when,
} from "./page-parts.js";
import { hasWords, t } from "./page-words.js";
import { refused } from "./shell.js";

const GOOD = ["valid", "restricted", "no_credit", "rate_limited", "retiring"];
const SERVES_BADLY = ["restricted", "no_credit", "rate_limited", "retiring", "unknown", "blocked"];

/** A verdict as a word with a sign, so that colour is not all there is. */
export function verdictBadge(verdict) {
    const tone =
        verdict === "unknown"
            ? "plain"
            : SERVES_BADLY.includes(verdict)
              ? "warning"
              : GOOD.includes(verdict)
                ? "good"
                : "bad";
    const picture = { good: "check", bad: "cross", warning: "warning", plain: "clock" }[tone];
    return badge(hasWords(`verdict.${verdict}`) ? t(`verdict.${verdict}`) : verdict, tone, picture);
}

/**
 * The keys there are.
 * @param {object[]} keys @param {string[]} environment @param {Map<string, string>} names
 * @param {{check: Function, remove: Function, changed: Function, show: Function}} [may] for administrators
 */
export function globalKeyRows(keys, environment, names, may) {
    if (keys.length + environment.length === 0) return empty("key", t("shared.none"), t("shared.none.text"));
    const title = ({ provider, name, label }) => [
        h("strong", {}, names.get(provider) ?? provider),
        (label || name !== "default") && [" · ", stored(label ?? name)],
    ];
    return h(
        "ul",
        { class: "rows" },
        keys.map((key) =>
            h(
                "li",
                { class: "row-item" },
                h(
                    "div",
                    { class: "row-main" },
                    h("p", { class: "row-title" }, title(key), verdictBadge(key.verdict)),
                    h(
                        "p",
                        { class: "quiet" },
                        key.key_hint
                            ? [t("shared.ending"), " ", h("code", {}, `…${key.key_hint}`)]
                            : t("shared.hidden"),
                        " · ",
                        key.last_validated
                            ? [t("shared.checked"), " ", when(key.last_validated)]
                            : t("shared.notChecked"),
                        " · ",
                        key.last_used_at ? [t("shared.used"), " ", when(key.last_used_at)] : t("shared.notUsed"),
                    ),
                ),
                may &&
                    h(
                        "div",
                        { class: "actions" },
                        button(t("shared.check"), (event) => check(event.currentTarget, key, names, may), {
                            kind: "quiet",
                            picture: "again",
                        }),
                        button(t("shared.remove"), () => remove(key, names, may), { kind: "quiet danger" }),
                    ),
            ),
        ),
        environment.map((provider) =>
            h(
                "li",
                { class: "row-item" },
                h(
                    "div",
                    { class: "row-main" },
                    h(
                        "p",
                        { class: "row-title" },
                        h("strong", {}, names.get(provider) ?? provider),
                        badge(t("shared.environment")),
                    ),
                    h("p", { class: "quiet" }, t("shared.environment.text")),
                ),
            ),
        ),
    );
}

async function check(control, key, names, { check, changed, show }) {
    await during(
        control,
        async () => {
            const fresh = await check(key);
            toast(
                t("shared.checkedNow", {
                    provider: names.get(key.provider) ?? key.provider,
                    verdict: t(`verdict.${fresh.verdict}`),
                }),
            );
            await changed();
        },
        (text, error) => (error?.status === 401 ? refused(error, show) : show(text)),
    );
}

async function remove(key, names, { remove, changed, show }) {
    const provider = names.get(key.provider) ?? key.provider;
    const done = await ask({
        title: t("shared.remove.title", { provider }),
        body: h("p", {}, t("shared.remove.text")),
        confirm: t("shared.remove"),
        kind: "danger",
        act: () => remove(key),
    });
    if (!done) return;
    toast(t("shared.removed"));
    await changed().catch((error) => refused(error, show));
}

/**
 * The form that stores a shared key. What was typed stays until it is stored.
 * @param {object} form
 * @param {object[]} form.providers of the catalogue
 * @param {(provider: string, key: string, options: object) => Promise<object>} form.set
 * @param {(key: object, isLast: boolean) => void} form.saved
 * @param {boolean} [form.mayFinish] whether there is a second button that ends the set-up
 */
export function globalKeyForm({ providers, set, saved, mayFinish = false }) {
    const sorted = [...providers].sort((one, other) => one.name.localeCompare(other.name));
    const provider = field(
        t("shared.provider"),
        select([["", t("shared.choose")], ...sorted.map(({ id, name }) => [id, name])], ""),
    );
    const key = field(
        t("shared.key"),
        h("input", {
            type: "password",
            autocomplete: "off",
            spellcheck: "false",
            autocapitalize: "off",
            dir: "ltr",
            "data-1p-ignore": true,
            "data-lpignore": "true",
        }),
    );
    const name = field(
        t("shared.name"),
        h("input", { type: "text", autocomplete: "off", dir: "ltr", spellcheck: "false" }),
        { hint: t("shared.name.hint"), optional: true },
    );
    const label = field(t("shared.label"), h("input", { type: "text", autocomplete: "off", maxlength: 100 }), {
        optional: true,
    });
    const where = h("p", { class: "hint where" });
    const extra = h("div", { class: "grid" });
    const { place, show } = errorPlace();
    const result = h("div", { role: "status" });
    let further = [];

    provider.control.addEventListener("change", () => {
        const chosen = providers.find(({ id }) => id === provider.control.value);
        provider.error(null);
        further = (chosen?.fields ?? []).map((entry) => ({
            ...entry,
            ...field(entry.label, h("input", { type: "text", autocomplete: "off", dir: "ltr", spellcheck: "false" }), {
                optional: !entry.required,
            }),
        }));
        extra.replaceChildren(...further.map(({ whole }) => whole));
        where.replaceChildren(
            ...(chosen && /^https:\/\//.test(chosen.keys_url)
                ? [
                      h(
                          "a",
                          { href: chosen.keys_url, target: "_blank", rel: "noopener noreferrer" },
                          t("shared.where", { provider: chosen.name }),
                      ),
                  ]
                : []),
        );
    });

    const submit = async (event) => {
        event.preventDefault();
        const isLast = event.submitter?.value === "finish";
        provider.error(provider.control.value ? null : t("shared.provider.missing"));
        key.error(key.control.value.trim() ? null : t("shared.key.missing"));
        if (!provider.control.value) return provider.control.focus();
        if (!key.control.value.trim()) return key.control.focus();
        for (const { required, control, error } of further) {
            error(required && !control.value.trim() ? t("shared.field.missing") : null);
            if (required && !control.value.trim()) return control.focus();
        }
        const fields = Object.fromEntries(
            further
                .filter(({ control }) => control.value.trim())
                .map(({ name, control }) => [name, control.value.trim()]),
        );
        const options = {
            finish: isLast || undefined,
            name: name.control.value.trim() || undefined,
            label: label.control.value.trim() || undefined,
            fields: Object.keys(fields).length ? fields : undefined,
        };
        const stored = await during(
            event.submitter ?? form.querySelector("[type=submit]"),
            () => set(provider.control.value, key.control.value.trim(), options),
            (text, error) => (error?.status === 401 && !mayFinish ? refused(error, show) : show(text)),
        );
        if (!stored) return;
        for (const { control } of [key, name, label]) control.value = "";
        result.replaceChildren(said(stored, sorted));
        key.control.focus();
        saved(stored, isLast);
    };
    const submitButton = (text, kind, value) => button(text, undefined, { kind, type: "submit", value });
    const form = h(
        "form",
        { class: "form", onsubmit: submit, novalidate: true, autocomplete: "off" },
        h("div", { class: "grid" }, h("div", {}, provider.whole, where), key.whole),
        extra,
        h(
            "details",
            { class: "further" },
            h("summary", {}, t("shared.further")),
            h("div", { class: "grid" }, label.whole, name.whole),
        ),
        place,
        result,
        h(
            "div",
            { class: "form-end" },
            mayFinish && submitButton(t("setup.saveAndFinish"), "", "finish"),
            submitButton(t("shared.save"), "primary", "save"),
        ),
    );
    return form;
}

/** What became of a key that was saved: its verdict, and what to do about it. */
function said(key, providers) {
    const provider = providers.find(({ id }) => id === key.provider)?.name ?? key.provider;
    const tone = GOOD.includes(key.verdict) ? "good" : "warning";
    return notice(
        tone,
        t("shared.saved", { provider, verdict: t(`verdict.${key.verdict}`) }),
        h("p", {}, t(`verdict.${key.verdict}.do`, { provider })),
        (key.warnings ?? []).map((warning) => h("p", { class: "quiet" }, warning)),
    );
}
