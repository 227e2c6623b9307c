/** What was used, as figures, charts and tables: one's own on the usage page, everybody's for administrators. */
import {
    button,
    during,
    empty,
    errorPlace,
    field,
    figure,
    h,
    notice,
    section,
    select,
    stored,
    waiting,
} from "./page-parts.js";
import { breakdown, overTime } from "./page-usage-charts.js";
import { count, shortMoney, shortNumber, t } from "./page-words.js";
import { refused } from "./shell.js";

const DAY = 86_400_000;
const RANGES = ["7", "30", "90", "month", "last-month", "365", "custom"];

const iso = (time) => new Date(time).toISOString().slice(0, 10);

/** First day and the day after the last, of UTC. @returns {{from: string, to: string}} */
export function rangeOf(name, now = Date.now()) {
    const today = Date.parse(iso(now));
    const date = new Date(today);
    const month = (offset) => Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + offset, 1);
    if (name === "month") return { from: iso(month(0)), to: iso(today + DAY) };
    if (name === "last-month") return { from: iso(month(-1)), to: iso(month(0)) };
    return { from: iso(today - (Number(name) - 1) * DAY), to: iso(today + DAY) };
}

/** The parts of an answer for a range. @returns {Promise<object>} */
export async function loadUsage(read, range, isForAll) {
    const sums = (by) => read({ ...range, by, limit: 10_000 });
    const [days, models, keys, users] = await Promise.all([
        sums("day,provider"),
        sums("provider,model"),
        sums("key"),
        isForAll ? sums("user") : null,
    ]);
    return { range, days, models, keys, users };
}

/**
 * The whole view with its choice of range.
 * @param {object} view
 * @param {(query: object) => Promise<object>} view.read
 * @param {(query: object) => Promise<string>} view.readCSV
 * @param {Map<string, string>} view.names of providers
 * @param {object} [view.first] what `loadUsage` gave for 30 days
 * @param {boolean} [view.isForAll]
 */
export function usageView({ read, readCSV, names, first, isForAll = false }) {
    const place = h("div", { class: "stack", "aria-live": "off" });
    const { place: errors, show } = errorPlace();
    const from = field(t("usage.from"), h("input", { type: "date" }));
    const to = field(t("usage.to"), h("input", { type: "date" }));
    const own = h("div", { class: "inline", hidden: true }, from.whole, to.whole);
    const choice = select(
        RANGES.map((name) => [name, t(`usage.range.${name}`)]),
        "30",
        { onchange: () => changed() },
    );
    const download = button(t("usage.csv"), (event) => save(event.currentTarget), { picture: "download" });
    let range = first?.range ?? rangeOf("30");
    let latest = 0;

    const update = async () => {
        const turn = (latest += 1);
        place.setAttribute("aria-busy", "true");
        show(null);
        try {
            const data = await loadUsage(read, range, isForAll);
            if (turn === latest) place.replaceChildren(...contents(data, names, isForAll));
        } catch (error) {
            if (turn === latest) refused(error, show);
        }
        if (turn === latest) place.removeAttribute("aria-busy");
    };
    const changed = () => {
        own.hidden = choice.value !== "custom";
        if (choice.value === "custom") {
            from.control.value = range.from;
            to.control.value = iso(Date.parse(range.to) - DAY);
            from.control.focus();
            return;
        }
        range = rangeOf(choice.value);
        update();
    };
    const dated = () => {
        const [first, last] = [from.control.value, to.control.value];
        if (!first || !last) return;
        const length = (Date.parse(last) - Date.parse(first)) / DAY + 1;
        to.error(length < 1 ? t("usage.backwards") : length > 366 ? t("usage.tooLong") : null);
        if (length < 1 || length > 366) return;
        range = { from: first, to: iso(Date.parse(last) + DAY) };
        update();
    };
    for (const { control } of [from, to]) control.addEventListener("change", dated);

    const save = (control) =>
        during(
            control,
            async () => {
                const by = isForAll ? "day,user,provider,model,key" : "day,provider,model,key";
                const text = await readCSV({ ...range, by });
                const link = h("a", {
                    href: URL.createObjectURL(new Blob([text], { type: "text/csv" })),
                    download: `latchkey-usage-${range.from}-${iso(Date.parse(range.to) - DAY)}.csv`,
                });
                link.click();
                setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
            },
            (text, error) => (error?.status === 401 ? refused(error, show) : show(text)),
        );

    if (first) place.replaceChildren(...contents(first, names, isForAll));
    else {
        place.replaceChildren(waiting(8));
        update();
    }
    const bar = h(
        "div",
        { class: "toolbar" },
        field(t("usage.range"), choice, { className: "row" }).whole,
        own,
        download,
    );
    return h("div", { class: "stack" }, bar, errors, place);
}

function contents(data, names, isForAll) {
    const { days, range } = data;
    const totals = days.totals;
    if (totals.requests === 0) {
        return [
            section(
                t("usage.none"),
                {},
                empty("chart", t("usage.none.title"), t(isForAll ? "usage.none.all" : "usage.none.text")),
            ),
        ];
    }
    const name = (provider) => names.get(provider) ?? provider ?? t("usage.unknown");
    const charts = [...overTime(data, range, name), breakdown(data, name, isForAll)];
    // There may be nothing without a price, and `replaceChildren` would write that out.
    return [figures(totals), unpriced(data, name), ...charts].filter(Boolean);
}

function figures(totals) {
    const tile = (label, value, shown, more) =>
        h(
            "div",
            { class: "tile" },
            h("dt", {}, label),
            h("dd", {}, figure(value, shown), more && h("span", { class: "quiet" }, more)),
        );
    return h(
        "dl",
        { class: "tiles" },
        tile(
            t("usage.spend"),
            totals.cost_micros,
            shortMoney(totals.cost_micros),
            totals.unpriced_requests > 0 && count("usage.unpricedCalls", totals.unpriced_requests),
        ),
        tile(
            t("usage.input"),
            totals.input_tokens,
            shortNumber(totals.input_tokens),
            totals.cached_tokens > 0 && t("usage.ofThemCached", { n: shortNumber(totals.cached_tokens) }),
        ),
        tile(t("usage.output"), totals.output_tokens, shortNumber(totals.output_tokens)),
        tile(t("usage.calls"), totals.requests, shortNumber(totals.requests)),
    );
}

/** Names the models whose cost is not known, so that the sum is not taken for all of it. */
function unpriced({ models }, name) {
    const rows = (models.unpriced_models ?? models.usage).filter((row) => row.unpriced_requests > 0);
    if (rows.length === 0) return null;
    const shown = rows
        .slice(0, 12)
        .map((row) =>
            h(
                "li",
                {},
                stored(row.model ?? t("usage.noModel")),
                h(
                    "span",
                    { class: "quiet" },
                    ` · ${name(row.provider)} · ${count("usage.callsOf", row.unpriced_requests)}`,
                ),
            ),
        );
    return notice(
        "warning",
        t("usage.unpriced"),
        h("p", {}, t("usage.unpriced.text")),
        h("ul", { class: "list" }, shown),
        rows.length > 12 && h("p", { class: "quiet" }, count("usage.andMore", rows.length - 12)),
    );
}
