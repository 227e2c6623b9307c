/** The charts of usage with their tables: over time, and by what it went to. */
import { rankedBars, stackedBars } from "./charts.js";
import { choices, chosenIn, figure, h, section, stored, table } from "./page-parts.js";
import { axisMoney, count, day, list, money, number, shortNumber, t } from "./page-words.js";

const MOST_SERIES = 5;
const MOST_RANKS = 8;
const LONGEST_DAILY = 92;
const DAY = 86_400_000;

const iso = (time) => new Date(time).toISOString().slice(0, 10);

/** Every slot of the range, also the empty ones: days, or months when there are too many days. */
function slotsOf({ from, to }) {
    const days = [];
    for (let time = Date.parse(from); time < Date.parse(to); time += DAY) days.push(iso(time));
    if (days.length <= LONGEST_DAILY) {
        return {
            slotOf: (text) => text,
            isMonthly: false,
            slots: days.map((text) => ({ id: text, label: day(text), short: day(text, "shortDay") })),
        };
    }
    const months = [...new Set(days.map((text) => text.slice(0, 7)))];
    return {
        slotOf: (text) => text.slice(0, 7),
        isMonthly: true,
        slots: months.map((text) => ({
            id: text,
            label: day(`${text}-01`, "month"),
            short: day(`${text}-01`, "month"),
        })),
    };
}

/** Two cards, spend and tokens, from the sums by day and provider. */
export function overTime({ days }, range, name) {
    const { slots, slotOf, isMonthly } = slotsOf(range);
    const index = new Map(slots.map(({ id }, position) => [id, position]));
    const collect = (rows, value) => {
        const sums = slots.map(() => 0);
        for (const row of rows)
            if (row.day && index.has(slotOf(row.day))) sums[index.get(slotOf(row.day))] += value(row);
        return sums;
    };
    const costs = topSeries(
        days.usage,
        (row) => row.provider,
        (row) => row.cost_micros,
    )
        .map(({ id, rows }) => ({
            name: id === null ? t("usage.others") : name(id),
            values: collect(rows, (row) => row.cost_micros),
        }))
        .filter(({ values }) => values.some(Boolean));
    const tokens = [
        {
            name: t("usage.input"),
            column: t("usage.inputShort"),
            values: collect(days.usage, (row) => row.input_tokens),
        },
        {
            name: t("usage.output"),
            column: t("usage.outputShort"),
            values: collect(days.usage, (row) => row.output_tokens),
        },
    ];
    const by = isMonthly ? "month" : "day";
    return [
        costs.length > 0 && timeCard("usage-spend", t(`usage.spendBy.${by}`), slots, costs, money, axisMoney, by),
        timeCard("usage-tokens", t(`usage.tokensBy.${by}`), slots, tokens, number, shortNumber, by),
    ];
}

/** The largest few, and the others together. Providers by what they cost, so that colours stay with the large ones. */
function topSeries(rows, key, value) {
    const groups = Map.groupBy(rows, key);
    const sums = [...groups]
        .map(([id, rows]) => ({ id, rows, sum: rows.reduce((sum, row) => sum + value(row), 0) }))
        .sort((one, other) => other.sum - one.sum);
    if (sums.length <= MOST_SERIES) return sums;
    return [
        ...sums.slice(0, MOST_SERIES - 1),
        { id: null, rows: sums.slice(MOST_SERIES - 1).flatMap(({ rows }) => rows) },
    ];
}

function timeCard(id, title, slots, series, format, axis, by) {
    const totals = slots.map((_, slot) => series.reduce((sum, { values }) => sum + values[slot], 0));
    const whole = totals.reduce((sum, value) => sum + value, 0);
    const highest = totals.indexOf(Math.max(...totals));
    const summary = t("usage.summary", {
        total: format(whole),
        most: format(totals[highest]),
        when: slots[highest].label,
    });
    const rows = slots
        .map((slot, index) => ({ ...slot, total: totals[index], values: series.map(({ values }) => values[index]) }))
        .filter(({ total }) => total > 0)
        .reverse();
    const columns = [
        {
            label: t(`usage.${by}`),
            cell: (row) => (row.id ? h("time", { datetime: row.id, title: row.label }, row.short) : row.label),
        },
        ...(series.length > 1
            ? [{ label: t("usage.total"), numeric: true, cell: (row) => figure(row.total, format(row.total)) }]
            : []),
        ...series.map(({ name, column = name }, position) => ({
            label: column,
            numeric: true,
            cell: (row) => figure(row.values[position], format(row.values[position])),
        })),
    ];
    const foot = {
        label: t("usage.total"),
        total: whole,
        values: series.map(({ values }) => values.reduce((sum, value) => sum + value, 0)),
    };
    return section(
        title,
        { id },
        h(
            "div",
            { class: "beside" },
            stackedBars({ title, summary, slots, series, format, axis }),
            table(title, columns, rows, { foot }),
        ),
    );
}

/** By provider, model, key and user: one at a time. */
export function breakdown({ days, models, keys, users }, name, isForAll) {
    const merged = (rows, key) => [...Map.groupBy(rows, key)].map(([id, rows]) => ({ id, ...added(rows) }));
    const nameOf = {
        provider: (row) => name(row.id),
        model: (row) => row.model ?? t("usage.noModel"),
        key: (row) => t("usage.keyOf", { name: keyName(row.key), provider: name(row.provider) }),
        user: (row) => row.user_id ?? t("usage.unknown"),
    };
    const rowsOf = {
        provider: () => merged(days.usage, (row) => row.provider),
        model: () => models.usage,
        key: () => keys.usage,
        user: () => users.usage,
    };
    const cellOf = {
        model: (row) => [stored(nameOf.model(row)), h("span", { class: "below" }, name(row.provider))],
        key: (row) => [stored(keyName(row.key)), h("span", { class: "below" }, name(row.provider))],
    };
    const kinds = ["provider", "model", "key", ...(isForAll ? ["user"] : [])];
    const place = h("div", {});
    const draw = () => {
        const [kind] = chosenIn(kindChoice);
        const [measure] = chosenIn(measureChoice);
        const value = measure === "money" ? (row) => row.cost_micros : (row) => row.input_tokens + row.output_tokens;
        const format = measure === "money" ? money : number;
        const rows = [...rowsOf[kind]()].sort((one, other) => value(other) - value(one));
        const title = t(`usage.by.${kind}`);
        const label = (row) => nameOf[kind](row).replaceAll(/[\u2068\u2069]/g, "");
        const bars = rows.slice(0, MOST_RANKS).map((row) => ({
            name: label(row),
            value: value(row),
            text: measure === "money" && row.unpriced_requests === row.requests ? t("usage.noPrice") : undefined,
        }));
        const summary = t("usage.ranks", {
            n: bars.length,
            names: list(bars.slice(0, 3).map((bar) => `${bar.name}: ${bar.text ?? format(bar.value)}`)),
        });
        const columns = [
            { label: t(`usage.kind.${kind}`), cell: cellOf[kind] ?? ((row) => stored(nameOf[kind](row))) },
            { label: t("usage.spend"), numeric: true, cell: spent },
            { label: t("usage.calls"), numeric: true, cell: (row) => figure(row.requests, number(row.requests)) },
            {
                label: t("usage.inputShort"),
                numeric: true,
                cell: (row) => figure(row.input_tokens, number(row.input_tokens)),
            },
            {
                label: t("usage.outputShort"),
                numeric: true,
                cell: (row) => figure(row.output_tokens, number(row.output_tokens)),
            },
        ];
        place.replaceChildren(
            h(
                "div",
                { class: "beside wide" },
                rankedBars({ title, summary, rows: bars, format }),
                table(title, columns, rows),
            ),
        );
    };
    const options = (prefix, names) => names.map((id) => [id, t(`${prefix}.${id}`)]);
    const kindChoice = choices(
        "radio",
        "usage-kind",
        t("usage.groupedBy"),
        options("usage.kind", kinds),
        ["provider"],
        { onchange: () => draw(), className: "segments" },
    );
    const measureChoice = choices(
        "radio",
        "usage-measure",
        t("usage.measuredBy"),
        [
            ["money", t("usage.spend")],
            ["tokens", t("usage.tokens")],
        ],
        ["money"],
        { onchange: () => draw(), className: "segments" },
    );
    draw();
    return section(
        t("usage.where"),
        { id: "usage-where" },
        h("div", { class: "toolbar" }, kindChoice, measureChoice),
        place,
    );
}

const keyName = (name) => (name === "default" || !name ? t("key.default") : name);

function spent(row) {
    const known = figure(row.cost_micros, money(row.cost_micros));
    if (!row.unpriced_requests) return known;
    if (row.unpriced_requests === row.requests) return h("span", { class: "quiet" }, t("usage.noPrice"));
    return [known, h("span", { class: "below" }, count("usage.unpricedCalls", row.unpriced_requests))];
}

function added(rows) {
    const sums = {
        requests: 0,
        input_tokens: 0,
        output_tokens: 0,
        cached_tokens: 0,
        cost_micros: 0,
        unpriced_requests: 0,
    };
    for (const row of rows) for (const name of Object.keys(sums)) sums[name] += row[name];
    return sums;
}
