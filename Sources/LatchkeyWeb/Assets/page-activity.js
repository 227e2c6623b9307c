/** Activity: the user's own audit events, each as a sentence. */
import { badge, button, during, empty, h, icon, section, stored, toast } from "./page-parts.js";
import { count, hasWords, moment, money, percent, rich, t } from "./page-words.js";
import { open, refused, service } from "./shell.js";

const PAGE = 50;
const PICTURES = {
    "key.set": "plus",
    "key.use": "sent",
    "key.check": "again",
    "key.delete": "trash",
    "key.delete_all": "trash",
    "key.default": "key",
    "settings.change": "gear",
    "setup.finish": "check",
    "token.create": "shield",
    "token.revoke": "shield",
    "token.roll": "shield",
    "token.use": "warning",
    "budget.set": "budget",
    "budget.delete": "budget",
    "budget.warning": "warning",
    sign_in: "person",
    "sign_in.code": "person",
    "session.use": "warning",
    sign_out: "leave",
};

open({
    name: "activity",
    access: "user",
    load: async () => {
        const [page, catalogue] = await Promise.all([service.getActivity({ limit: PAGE }), service.listProviders()]);
        return { page, names: new Map(catalogue.providers.map(({ id, name }) => [id, name])) };
    },
    show: (main, session, { page, names }) => {
        if (page.events.length === 0) {
            const link = h(
                "a",
                { class: "button primary", href: "/ui/" },
                icon("key"),
                h("span", {}, t("activity.none.do")),
            );
            return main.append(
                section(t("activity.list"), {}, empty("clock", t("activity.none"), t("activity.none.text"), link)),
            );
        }
        const days = h("div", { class: "days" });
        const foot = h("div", { class: "more" });
        const seen = { day: "", list: null, kind: null };
        const add = ({ events, next, uses_since: since }) => {
            for (const event of events) addEvent(days, seen, event, session, names);
            foot.replaceChildren(next ? more(next, add) : h("p", { class: "quiet" }, t("activity.end")));
            if (since && !document.getElementById("uses-since")) {
                days.before(
                    h("p", { class: "quiet", id: "uses-since" }, t("activity.usesSince", { when: moment(since) })),
                );
            }
        };
        main.append(section(t("activity.list"), {}, days, foot));
        add(page);
    },
});

function more(before, add) {
    return button(t("activity.more"), (event) =>
        during(
            event.currentTarget,
            async () => {
                const page = await service.getActivity({ limit: PAGE, before });
                const last = document.querySelector(".days").lastElementChild;
                add(page);
                // What was asked for begins where the list ended.
                last.setAttribute("tabindex", "-1");
                last.focus({ preventScroll: true });
            },
            (_, error) => error && refused(error, toast),
        ),
    );
}

/** What is the same as the event before, on the same day, is counted and not listed again. */
function addEvent(days, seen, event, session, names) {
    const dayText = moment(event.at, "weekday");
    if (dayText !== seen.day) {
        Object.assign(seen, { day: dayText, list: h("ul", { class: "events" }), kind: null });
        days.append(h("section", { class: "day" }, h("h3", {}, dayText), seen.list));
    }
    const kind = [
        event.action,
        event.provider,
        event.name,
        event.actor,
        event.actor_id,
        event.outcome,
        event.detail,
    ].join("\n");
    if (kind === seen.kind) {
        seen.number += 1;
        seen.times.replaceChildren(time(event.at), " – ", time(seen.last));
        seen.more.replaceChildren(" ", badge(count("activity.times", seen.number)));
        return;
    }
    const hasFailed = event.outcome !== "ok";
    const tone =
        hasFailed || (event.action.endsWith(".use") && event.action !== "key.use")
            ? "bad"
            : event.action === "budget.warning"
              ? "warning"
              : "";
    const times = h("span", { class: "quiet" }, time(event.at));
    const more = h("span", {});
    Object.assign(seen, { kind, times, more, number: 1, last: event.at });
    seen.list.append(
        h(
            "li",
            { class: `event ${tone}` },
            h("span", { class: "event-icon" }, icon(hasFailed ? "cross" : (PICTURES[event.action] ?? "clock"))),
            h(
                "div",
                {},
                h(
                    "p",
                    {},
                    sentence(event, names),
                    more,
                    hasFailed && [" ", badge(outcomeText(event.outcome), "bad", "cross")],
                ),
                h("p", { class: "quiet" }, actorText(event, session), detail(event)),
            ),
            times,
        ),
    );
}

const time = (at) => h("time", { datetime: at, title: moment(at) }, moment(at, "clock"));

/** What happened, with the key that it happened to. An action that is not known here is named as it is stored. */
function sentence(event, names) {
    const provider = event.provider
        ? h("strong", {}, names.get(event.provider) ?? event.provider)
        : t("activity.someProvider");
    const isNamed = event.name && event.name !== "default";
    const key = h(
        "span",
        {},
        rich(isNamed ? "activity.key.named" : "activity.key", {
            provider: provider.cloneNode?.(true) ?? provider,
            name: isNamed && stored(event.name),
        }),
    );
    const variants = [
        ...(event.detail ?? "").split(" ").map((word) => `activity.do.${event.action}:${word}`),
        `activity.do.${event.action}`,
    ];
    const found = variants.find(hasWords);
    return found ? rich(found, { provider, key }) : rich("activity.do.other", { action: h("code", {}, event.action) });
}

function actorText(event, session) {
    const isSelf = event.actor === "user" && (event.actor_id === null || event.actor_id === session.user_id);
    if (isSelf) return t("activity.by.you");
    const who = hasWords(`activity.by.${event.actor}`) ? t(`activity.by.${event.actor}`) : event.actor;
    return event.actor_id ? [who, " ", stored(event.actor_id)] : who;
}

/** The rest of what is on record, as far as there are words for it. */
function detail({ action, detail: text }) {
    if (!text) return null;
    if (action === "key.check" || action === "key.set")
        return hasWords(`verdict.${text}`) ? [" · ", t(`verdict.${text}`)] : null;
    if (action === "settings.change")
        return [" · ", hasWords(`activity.setting.${text}`) ? t(`activity.setting.${text}`) : stored(text)];
    if (action === "key.use") {
        const [, token] = / token (\w+)$/.exec(text) ?? [];
        return token ? [" · ", t("budget.for.token"), " ", h("code", {}, token)] : null;
    }
    if (action.startsWith("budget.")) return [" · ", budgetText(text)];
    if (action.startsWith("token.")) return [" · ", h("code", {}, text)];
    return null;
}

/** `money/day=20000000`, or `money day 80` of a warning. */
function budgetText(text) {
    const [, metric, per, amount, threshold] = /^(\w+)[/ ](\w+)(?:=(\d+)| (\d+))?$/.exec(text) ?? [];
    if (!metric || !hasWords(`budget.limit.${metric}.${per}`)) return stored(text);
    if (amount)
        return t(`budget.limit.${metric}.${per}`, {
            amount: metric === "money" ? money(Number(amount)) : Number(amount),
        });
    const budget = `${t(`budget.metric.${metric}`)} · ${t(`budget.per.${per}`)}`;
    return threshold ? t("activity.threshold", { budget, percent: percent(Number(threshold) / 100) }) : budget;
}

const outcomeText = (outcome) => (hasWords(`activity.outcome.${outcome}`) ? t(`activity.outcome.${outcome}`) : outcome);
