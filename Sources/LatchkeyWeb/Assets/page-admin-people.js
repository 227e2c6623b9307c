/** For administrators: keys that fail, users, and one user's usage and budgets. */
import { budgetsCard } from "./page-budgets.js";
import { verdictBadge } from "./page-global-keys.js";
import { button, during, empty, errorPlace, field, h, icon, section, stored, when } from "./page-parts.js";
import { count, t } from "./page-words.js";
import { loadUsage, rangeOf, usageView } from "./page-usage-views.js";
import { refused } from "./shell.js";

const PAGE = 25;

/** A list that grows page by page. */
function paged({ first, row, next, none }) {
    const list = h("ul", { class: "rows tight" });
    const foot = h("div", { class: "more" });
    const { place, show } = errorPlace();
    const add = (page) => {
        const { rows, after } = page;
        list.append(...rows.map(row));
        foot.replaceChildren(
            ...(after
                ? [
                      button(t("admin.more"), (event) =>
                          during(
                              event.currentTarget,
                              async () => {
                                  const before = list.lastElementChild;
                                  add(await next(after));
                                  before.nextElementSibling?.querySelector("a, button")?.focus();
                              },
                              (text, error) => (error?.status === 401 ? refused(error, show) : show(text)),
                          ),
                      ),
                  ]
                : []),
        );
    };
    add(first);
    return [list.children.length ? list : none, place, foot];
}

export async function failingKeys({ service, names }) {
    const read = async (after) => {
        const { keys, next } = await service.listFailingKeys({ limit: PAGE, after });
        return { rows: keys, after: next };
    };
    const row = (key) =>
        h(
            "li",
            { class: "row-item" },
            h(
                "div",
                { class: "row-main" },
                h(
                    "p",
                    { class: "row-title" },
                    h("a", { href: userLink(key.user_id) }, stored(key.user_id)),
                    h(
                        "span",
                        { class: "quiet" },
                        " · ",
                        names.get(key.provider) ?? stored(key.provider),
                        key.name !== "default" && [" · ", stored(key.name)],
                        key.label && [" · ", stored(key.label)],
                    ),
                    verdictBadge(key.verdict),
                ),
                h("p", { class: "quiet" }, facts(key)),
            ),
        );
    const none = empty("check", t("admin.noFailing"), t("admin.noFailing.text"));
    return section(
        t("admin.view.failing"),
        { id: "failing-keys", text: t("admin.failing.text") },
        paged({ first: await read(), row, next: read, none }),
    );
}

function facts(key) {
    const code = key.check_code ?? (key.check_status === null ? null : String(key.check_status));
    const parts = [
        key.key_hint && [t("shared.ending"), " ", h("code", {}, `…${key.key_hint}`)],
        key.checked_at ? [t("shared.checked"), " ", when(key.checked_at)] : t("shared.notChecked"),
        code && [t("admin.answer"), " ", h("code", {}, h("bdi", {}, code))],
        key.last_used_at ? [t("shared.used"), " ", when(key.last_used_at)] : t("shared.notUsed"),
    ];
    return parts.filter(Boolean).flatMap((part, index) => (index ? [" · ", part].flat() : [part].flat()));
}

const userLink = (user) => `#user?id=${encodeURIComponent(user)}`;

export async function users({ service, query }) {
    const search = field(
        t("admin.search"),
        h("input", { type: "search", autocomplete: "off", spellcheck: "false", value: query.get("search") ?? "" }),
        { hint: t("admin.search.hint") },
    );
    const place = h("div", { class: "stack", "aria-live": "polite" });
    const { place: errors, show } = errorPlace();
    const row = (user) =>
        h(
            "li",
            { class: "row-item" },
            h(
                "div",
                { class: "row-main" },
                h("p", { class: "row-title" }, h("a", { href: userLink(user.user_id) }, stored(user.user_id))),
                h(
                    "p",
                    { class: "quiet" },
                    count("admin.keysOf", user.keys),
                    user.failing > 0 && [
                        " · ",
                        h("span", { class: "bad" }, icon("warning"), " ", count("admin.failingOf", user.failing)),
                    ],
                    " · ",
                    user.last_used_at ? [t("shared.used"), " ", when(user.last_used_at)] : t("shared.notUsed"),
                ),
            ),
        );
    let turn = 0;
    const update = async () => {
        const mine = (turn += 1);
        const prefix = search.control.value.trim() || undefined;
        const read = async (after) => {
            const { users, next } = await service.listUsers({ limit: PAGE, search: prefix, after });
            return { rows: users, after: next };
        };
        try {
            const first = await read();
            if (mine !== turn) return;
            show(null);
            const none = prefix
                ? empty("person", t("admin.noMatch"), t("admin.noMatch.text"))
                : empty("person", t("admin.noUsers"), t("admin.noUsers.text"));
            place.replaceChildren(...paged({ first, row, next: read, none }));
        } catch (error) {
            if (mine === turn) refused(error, show);
        }
    };
    let pause;
    search.control.addEventListener("input", () => {
        clearTimeout(pause);
        pause = setTimeout(update, 200);
    });
    await update();
    return section(
        t("admin.view.users"),
        { id: "users-list", text: t("admin.users.text") },
        search.whole,
        errors,
        place,
    );
}

export async function oneUser({ service, names, query }) {
    const user = query.get("id") ?? "";
    const read = (asked) => service.getAllUsage({ ...asked, user });
    const [first, { budgets }] = await Promise.all([loadUsage(read, rangeOf("30")), service.listUserBudgets(user)]);
    const calls = {
        list: () => service.listUserBudgets(user),
        set: (budget) => service.setUserBudget(user, budget),
        remove: (which) => service.removeUserBudget(user, which),
    };
    const calls30 = first.days.totals.requests;
    const keys = first.keys.usage.map(({ provider, key }) => ({ provider, name: key ?? "default" }));
    return [
        section([h("span", { class: "unseen" }, t("admin.user"), " "), stored(user)], {
            id: "user",
            text: calls30 ? count("admin.user.calls", calls30) : t("admin.user.noCalls"),
            actions: h("a", { href: "#users" }, t("admin.backToUsers")),
        }),
        usageView({ read, readCSV: (asked) => service.getAllUsageCSV({ ...asked, user }), names, first }),
        budgetsCard({ budgets, calls, setBy: "operator", keys, names }),
    ];
}
