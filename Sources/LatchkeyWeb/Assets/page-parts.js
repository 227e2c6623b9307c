/**
 * The parts that the pages are made of. Everything is built with DOM calls, and whatever is shown of stored text goes
 * in as text, apart in its direction: no markup is ever read from a string.
 */
import { ago, hasWords, moment, t } from "./page-words.js";

const SVG = "http://www.w3.org/2000/svg";

/** Puts an attribute, a listener (`onclick`) or a property (`value`, `checked` …) on an element. */
function put(element, name, value) {
    if (value === undefined || value === null || value === false) return;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "selected") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
}

/** An HTML element. Children may be texts, nodes, lists of them, or nothing. */
export function h(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    append(element, children);
    for (const [name, value] of Object.entries(attributes)) put(element, name, value);
    return element;
}

/** An SVG element. */
export function svg(tag, attributes = {}, ...children) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) put(element, name, value);
    append(element, children);
    return element;
}

function append(element, children) {
    for (const child of children.flat(3)) {
        if (child === undefined || child === null || child === false) continue;
        element.append(child instanceof Node ? child : String(child));
    }
}

const ICONS = {
    key: "M11.5 12.5L20 4M16.5 7.5l3 3M8 20a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9z",
    chart: "M4 20h16M7 20v-7M12 20V5M17 20v-10",
    clock: "M12 7v5l3 2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z",
    shield: "M12 3l7.5 3v5.5c0 4.6-3.1 8-7.5 9.5-4.4-1.5-7.5-4.9-7.5-9.5V6z",
    gear: "M4 7h9M18 7h2M4 17h2M11 17h9M15.5 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM8.5 19.5a2.5 2.5 0 1 0 0-5z",
    check: "M5 12.5l4.5 4.5L19 7.5",
    warning: "M12 4l9 16H3zM12 10v4M12 17h.01",
    cross: "M6 6l12 12M18 6L6 18",
    plus: "M12 5v14M5 12h14",
    copy: "M9 9h11v11H9zM5 15H4V4h11v1",
    download: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M4 20h16",
    trash: "M4 7h16M9 7V4h6v3M6.5 7l1 13h9l1-13M10 11v5M14 11v5",
    again: "M20 11a8 8 0 0 0-14.5-4L4 8.5M4 4v4.5h4.5M4 13a8 8 0 0 0 14.5 4l1.5-1.5M20 20v-4.5h-4.5",
    person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20c.6-3.6 3.6-6 7.5-6s6.9 2.4 7.5 6",
    leave: "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9",
    budget: "M4 7h15a1 1 0 0 1 1 1v11H5a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1h12v2M16 13h.01",
    sent: "M5 12h13M13 6l6 6-6 6",
};

/** A picture that says nothing which the words beside it do not. */
export function icon(name) {
    return svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
}

/** Stored text: as text, apart in its direction. */
export const stored = (text) => h("bdi", { class: "stored" }, text);
/** Stored text that is a name in a program's sense. */
export const code = (text) => h("code", {}, h("bdi", {}, text));

/** A moment as "3 hours ago", with the exact time for whoever points at it. */
export const when = (text) => h("time", { datetime: text, title: moment(text) }, ago(text));

export function badge(text, tone = "plain", picture) {
    return h("span", { class: `badge ${tone}` }, picture && icon(picture), text);
}

/** A button. `kind` is primary, quiet, danger or nothing. */
export function button(text, action, { kind = "", picture, label, type = "button", ...rest } = {}) {
    return h(
        "button",
        { type, class: `button ${kind}`, "aria-label": label, onclick: action, ...rest },
        picture && icon(picture),
        text && h("span", {}, text),
    );
}

/** A part of a page with a heading of its own. */
export function section(title, { id, text, actions, level = 2 } = {}, ...children) {
    const heading = id ? `${id}-heading` : undefined;
    return h(
        "section",
        { class: "card", id, "aria-labelledby": heading },
        h(
            "div",
            { class: "card-head" },
            h("div", {}, h(`h${level}`, { id: heading }, title), text && h("p", { class: "quiet" }, text)),
            actions && h("div", { class: "actions" }, actions),
        ),
        children,
    );
}

/** What stands where there is nothing yet, and what to do about it. */
export function empty(picture, title, text, ...actions) {
    return h(
        "div",
        { class: "empty" },
        icon(picture),
        h("p", { class: "empty-title" }, title),
        h("p", {}, text),
        actions,
    );
}

/** Keeps the place of what is still on its way. */
export function waiting(lines = 3) {
    const bars = Array.from({ length: lines }, () => h("span", { class: "waiting-line" }));
    return h("div", { class: "waiting", "aria-busy": "true" }, h("span", { class: "unseen" }, t("waiting")), bars);
}

export function notice(tone, title, ...children) {
    return h(
        "div",
        { class: `notice ${tone}`, role: tone === "error" ? "alert" : undefined },
        icon(tone === "good" ? "check" : "warning"),
        h("div", {}, title && h("p", { class: "notice-title" }, title), children),
    );
}

let fieldNumber = 0;

/** A labelled control with its hint; `error` of the result shows a mistake beside it. */
export function field(label, control, { hint, optional, className = "" } = {}) {
    const id = control.id || `field-${(fieldNumber += 1)}`;
    control.id = id;
    const mistake = h("p", { class: "mistake", id: `${id}-mistake` });
    const described = [hint && `${id}-hint`, `${id}-mistake`].filter(Boolean).join(" ");
    control.setAttribute("aria-describedby", described);
    const whole = h(
        "div",
        { class: `field ${className}` },
        h("label", { for: id }, label, optional && h("span", { class: "optional" }, ` ${t("form.optional")}`)),
        hint && h("p", { class: "hint", id: `${id}-hint` }, hint),
        control,
        mistake,
    );
    const error = (text) => {
        mistake.textContent = text ?? "";
        if (text) control.setAttribute("aria-invalid", "true");
        else control.removeAttribute("aria-invalid");
    };
    return { whole, control, error };
}

export function select(options, value, attributes = {}) {
    const control = h(
        "select",
        attributes,
        options.map(([option, text]) => h("option", { value: option }, text)),
    );
    if (value !== undefined) control.value = value;
    return control;
}

/** A group of boxes or of buttons of which one is on. @param {"checkbox" | "radio"} type */
export function choices(type, name, legend, options, chosen, { onchange, className = "", hint } = {}) {
    const boxes = options.map(([value, text, explanation]) =>
        h(
            "label",
            { class: "choice" },
            h("input", { type, name, value, checked: chosen.includes(value), onchange }),
            h(
                "span",
                {},
                h("span", { class: "choice-text" }, text),
                explanation && h("span", { class: "hint" }, explanation),
            ),
        ),
    );
    return h(
        "fieldset",
        { class: `choices ${className}` },
        h("legend", {}, legend),
        hint && h("p", { class: "hint" }, hint),
        boxes,
    );
}

export const chosenIn = (group) => [...group.querySelectorAll("input:checked")].map((box) => box.value);

/**
 * A table of figures in a region that scrolls by itself.
 * @param {{label: string, numeric?: boolean, cell: (row: any) => Node | string}[]} columns the first names the row
 */
export function table(caption, columns, rows, { foot } = {}) {
    const cell = (column, content, head) =>
        h(
            head ? "th" : "td",
            { class: column.numeric ? "numeric" : undefined, scope: head ? "row" : undefined },
            content,
        );
    const line = (row) =>
        h(
            "tr",
            {},
            columns.map((column, index) => cell(column, column.cell(row), index === 0)),
        );
    return h(
        "div",
        { class: "table", tabindex: "0", role: "region", "aria-label": t("table.of", { title: caption }) },
        h(
            "table",
            {},
            h("caption", { class: "unseen" }, caption),
            h(
                "thead",
                {},
                h(
                    "tr",
                    {},
                    columns.map((column) =>
                        h("th", { scope: "col", class: column.numeric ? "numeric" : undefined }, column.label),
                    ),
                ),
            ),
            h("tbody", {}, rows.map(line)),
            foot && h("tfoot", {}, line(foot)),
        ),
    );
}

/** A figure with the exact number behind it. */
export const figure = (value, text) => h("data", { value }, text);

/** Says something in passing; also to a screen reader. */
export function toast(text) {
    const place = document.getElementById("toasts");
    const note = h("p", { class: "toast" }, icon("check"), h("span", {}, text));
    place.append(note);
    setTimeout(() => note.remove(), 6000);
}

/** An error in words: ours where there are some, else the service's own sentence. */
export function words(error) {
    if (error?.name === "AbortError") return t("error.aborted");
    if (error?.code && hasWords(`error.${error.code}`)) return t(`error.${error.code}`);
    if (error?.detail) return error.detail;
    if (error instanceof TypeError || error?.status === undefined) return t("error.network");
    return error.message || t("error.unknown");
}

/** Runs an action of a button: the button waits, and an error is shown where `show` puts it. */
export async function during(control, action, show) {
    control.disabled = true;
    control.setAttribute("aria-busy", "true");
    show?.(null);
    try {
        return await action();
    } catch (error) {
        if (!show) throw error;
        show(words(error), error);
        return undefined;
    } finally {
        control.disabled = false;
        control.removeAttribute("aria-busy");
    }
}

/** A place for one error above or below something. */
export function errorPlace() {
    const place = h("div", { class: "error-place", "aria-live": "assertive" });
    const show = (text) => place.replaceChildren(...(text ? [notice("bad", null, h("p", {}, text))] : []));
    return { place, show };
}

/**
 * Asks in a dialogue, does what was asked for while it stays open, and closes it when that worked.
 * @returns {Promise<any>} what `act` gave, or undefined when it was called off
 */
export function ask({ title, body, confirm, kind = "primary", act }) {
    return new Promise((resolve) => {
        const { place, show } = errorPlace();
        let result;
        const go = button(confirm, undefined, { kind, type: "submit" });
        const stop = button(t("form.cancel"), () => dialogue.close());
        const dialogue = h(
            "dialog",
            {
                class: "dialogue",
                "aria-labelledby": "dialogue-title",
                onclose: () => {
                    dialogue.remove();
                    resolve(result);
                },
            },
            h(
                "form",
                {
                    onsubmit: async (event) => {
                        event.preventDefault();
                        const done = await during(go, async () => ({ value: (await act()) ?? true }), show);
                        if (done) {
                            result = done.value;
                            dialogue.close();
                        }
                    },
                },
                h("h2", { id: "dialogue-title" }, title),
                body,
                place,
                h("div", { class: "form-end" }, stop, go),
            ),
        );
        document.body.append(dialogue);
        dialogue.showModal();
    });
}

/** Text to be copied, with the button that does it. */
export function copyable(text, label) {
    const shown = h("input", {
        class: "secret",
        type: "text",
        readonly: true,
        value: text,
        "aria-label": label,
        dir: "ltr",
    });
    const copy = button(
        t("copy"),
        async () => {
            try {
                await navigator.clipboard.writeText(text);
                toast(t("copied"));
            } catch {
                shown.select(); // no clipboard without a secure context: then by hand
                toast(t("copy.byHand"));
            }
        },
        { kind: "primary", picture: "copy" },
    );
    return h("div", { class: "copyable" }, shown, copy);
}
