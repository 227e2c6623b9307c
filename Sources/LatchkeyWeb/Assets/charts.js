/**
 * Charts as SVG, built by DOM calls. What a chart shows can be had without seeing it and without a pointer: it has a
 * name and a summary, the arrow keys go through its values and read them out, its parts differ in their pattern as well
 * as in colour, and the page puts the table of the same numbers beside it.
 */
import { h, svg } from "./page-parts.js";
import { t } from "./page-words.js";

const HEIGHT = 220;
const MARGIN = { top: 12, end: 8, bottom: 26 };
const RTL = document.documentElement.dir === "rtl";
let charts = 0;

const next = () => {
    charts += 1;
    return charts;
};

/**
 * Bars that stand side by side in time, each stacked from the series.
 * @param {object} chart
 * @param {string} chart.title
 * @param {string} chart.summary one sentence with what is to be seen
 * @param {{label: string, short: string}[]} chart.slots
 * @param {{name: string, values: number[]}[]} chart.series at most five
 * @param {(value: number) => string} chart.format for the values that are read out
 * @param {(value: number) => string} chart.axis for the scale
 * @returns {HTMLElement}
 */
export function stackedBars({ title, summary, slots, series, format, axis }) {
    const id = `chart-${next()}`;
    const totals = slots.map((_, slot) => series.reduce((sum, { values }) => sum + values[slot], 0));
    const scale = niceScale(Math.max(...totals, 0));
    const read = h("p", { class: "chart-reading", id: `${id}-reading`, "aria-live": "polite" }, t("chart.hint"));
    const picture = svg("svg", {
        class: "chart-picture",
        role: "img",
        "aria-labelledby": `${id}-title ${id}-summary`,
        height: HEIGHT,
    });
    const plot = h(
        "div",
        {
            class: "plot",
            tabindex: "0",
            role: "group",
            "aria-label": t("chart.group", { title }),
            "aria-describedby": `${id}-reading`,
        },
        picture,
    );
    let chosen = -1;
    let columns = [];

    const draw = () => {
        const width = Math.max(plot.clientWidth, 240);
        const left = 12 + 7 * Math.max(...scale.marks.map((mark) => axis(mark).length));
        const inner = width - left - MARGIN.end;
        const floor = HEIGHT - MARGIN.bottom;
        const y = (value) => floor - (value / scale.most) * (floor - MARGIN.top);
        const step = inner / slots.length;
        const bar = Math.max(1, Math.min(step * 0.72, 36));
        const every = Math.ceil(slots.length / Math.max(2, Math.floor(inner / 64)));
        const grid = scale.marks.map((mark) => [
            svg("line", { class: "gridline", x1: left, x2: width - MARGIN.end, y1: y(mark), y2: y(mark) }),
            svg("text", { class: "tick", x: left - 8, y: y(mark) + 4, "text-anchor": "end" }, axis(mark)),
        ]);
        columns = slots.map((slot, index) => {
            const x = left + step * index + (step - bar) / 2;
            let top = 0;
            const parts = series.map(({ values }, number) => {
                const value = values[index];
                if (!value) return null;
                const upper = y(top + value);
                const height = Math.max(y(top) - upper, 1);
                top += value;
                return svg("rect", {
                    class: `series-${number}`,
                    x,
                    y: upper,
                    width: bar,
                    height,
                    fill: `url(#${id}-${number})`,
                });
            });
            const label =
                index % every === 0 &&
                svg(
                    "text",
                    { class: "tick", x: left + step * (index + 0.5), y: HEIGHT - 8, "text-anchor": "middle" },
                    slot.short,
                );
            const reach = svg("rect", {
                class: "reach",
                x: left + step * index,
                y: MARGIN.top,
                width: step,
                height: floor - MARGIN.top,
            });
            const column = svg("g", { class: "column" }, reach, parts, label);
            reach.addEventListener("pointerenter", () => choose(index));
            reach.addEventListener("pointerdown", () => choose(index));
            return column;
        });
        picture.setAttribute("width", width);
        picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
        picture.replaceChildren(
            svg("title", { id: `${id}-title` }, title),
            svg("desc", { id: `${id}-summary` }, summary),
            svg(
                "defs",
                {},
                series.map((_, number) => pattern(`${id}-${number}`, number)),
            ),
            ...grid.flat(),
            ...columns,
        );
        if (chosen >= 0) columns[chosen].classList.add("chosen");
    };

    const choose = (index) => {
        columns[chosen]?.classList.remove("chosen");
        chosen = Math.max(0, Math.min(slots.length - 1, index));
        columns[chosen].classList.add("chosen");
        const parts = series
            .filter(({ values }) => values[chosen])
            .map(({ name, values }) => [" · ", h("bdi", {}, name), ` ${format(values[chosen])}`]);
        read.replaceChildren(
            h("strong", {}, slots[chosen].label),
            ` · ${format(totals[chosen])}`,
            ...(series.length > 1 ? parts.flat() : []),
        );
    };

    plot.addEventListener("keydown", (event) => {
        const forward = RTL ? "ArrowLeft" : "ArrowRight";
        const back = RTL ? "ArrowRight" : "ArrowLeft";
        const last = slots.length - 1;
        const target = { [forward]: chosen + 1, [back]: chosen < 0 ? last : chosen - 1, Home: 0, End: last }[event.key];
        if (target === undefined) return;
        event.preventDefault();
        choose(target);
    });
    new ResizeObserver(draw).observe(plot);
    const legend =
        series.length > 1 &&
        h(
            "ul",
            { class: "legend" },
            series.map(({ name }, number) => h("li", {}, swatch(number), h("bdi", {}, name))),
        );
    return h("figure", { class: "chart" }, legend, plot, read);
}

/**
 * One bar for each row of a list, the longest first.
 * @param {object} chart
 * @param {string} chart.title
 * @param {string} chart.summary
 * @param {{name: string, value: number, text?: string}[]} chart.rows `text` in place of the value's own
 * @param {(value: number) => string} chart.format
 */
export function rankedBars({ title, summary, rows, format }) {
    const id = `chart-${next()}`;
    const most = Math.max(...rows.map(({ value }) => value), 1);
    const line = 40;
    const height = rows.length * line;
    const picture = svg("svg", {
        class: "chart-picture",
        role: "img",
        "aria-labelledby": `${id}-title ${id}-summary`,
        height,
    });
    const place = h("div", { class: "ranks" }, picture);
    new ResizeObserver(() => {
        const width = Math.max(place.clientWidth, 200);
        const bars = rows.map(({ name, value, text = format(value) }, index) => {
            const room = Math.floor((width - 8 * text.length - 12) / 7.4);
            const shown = name.length > room ? `${name.slice(0, Math.max(room - 1, 1))}…` : name;
            const length = Math.max((value / most) * width, value ? 2 : 0);
            return [
                svg("text", { class: "rank-name", x: 0, y: index * line + 16 }, `\u2068${shown}\u2069`),
                svg("text", { class: "rank-value", x: width, y: index * line + 16, "text-anchor": "end" }, text),
                svg("rect", { class: "rail", x: 0, y: index * line + 23, width, height: 6, rx: 3 }),
                svg("rect", { class: "rank", x: 0, y: index * line + 23, width: length, height: 6, rx: 3 }),
            ];
        });
        picture.setAttribute("width", width);
        picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
        picture.replaceChildren(
            svg("title", { id: `${id}-title` }, title),
            svg("desc", { id: `${id}-summary` }, summary),
            ...bars.flat(),
        );
    }).observe(place);
    return h("figure", { class: "chart" }, place);
}

/** A bar that says how much of a whole each part is. @param {{name: string, value: number, tone: string}[]} parts */
export function shareBar({ title, summary, parts, format }) {
    const id = `chart-${next()}`;
    const whole = parts.reduce((sum, { value }) => sum + value, 0) || 1;
    let x = 0;
    const picture = svg(
        "svg",
        {
            class: "share-picture",
            role: "img",
            "aria-labelledby": `${id}-title ${id}-summary`,
            viewBox: "0 0 1000 20",
            preserveAspectRatio: "none",
        },
        svg("title", { id: `${id}-title` }, title),
        svg("desc", { id: `${id}-summary` }, summary),
        svg(
            "defs",
            {},
            parts.map(({ tone }, number) => pattern(`${id}-${number}`, number, tone)),
        ),
        parts.map(({ value }, number) => {
            const width = (value / whole) * 1000;
            x += width;
            return svg("rect", {
                class: `series-${number}`,
                x: x - width,
                y: 0,
                width: Math.max(width - 3, value ? 1 : 0),
                height: 20,
                fill: `url(#${id}-${number})`,
            });
        }),
    );
    const legend = h(
        "ul",
        { class: "legend" },
        parts.map(({ name, value, tone }, number) =>
            h("li", {}, swatch(number, tone), name, h("strong", {}, format(value))),
        ),
    );
    return h("figure", { class: "chart" }, picture, legend);
}

function swatch(number, tone) {
    const id = `swatch-${next()}`;
    return svg(
        "svg",
        { class: "swatch", viewBox: "0 0 14 14", width: 14, height: 14, "aria-hidden": "true" },
        svg("defs", {}, pattern(id, number, tone)),
        svg("rect", { width: 14, height: 14, rx: 3, fill: `url(#${id})` }),
    );
}

/** Each series has a pattern of its own over its colour. */
function pattern(id, number, tone = number) {
    const marks = [
        null,
        svg("path", { class: "mark", d: "M-2 2l4-4M0 8l8-8M6 10l4-4" }),
        svg("circle", { class: "mark-dot", cx: 4, cy: 4, r: 1.4 }),
        svg("path", { class: "mark", d: "M0 4h8" }),
        svg("path", { class: "mark", d: "M4 0v8M0 4h8" }),
    ];
    return svg(
        "pattern",
        { id, width: 8, height: 8, patternUnits: "userSpaceOnUse" },
        svg("rect", { class: `fill-${tone}`, width: 8, height: 8 }),
        marks[number],
    );
}

/** A scale of round numbers from 0 to at least `most`. */
function niceScale(most) {
    if (most <= 0) return { most: 1, marks: [0] };
    const rough = most / 4;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = Math.max([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) * power, 1);
    const marks = Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => index * step);
    return { most: marks.at(-1), marks };
}
