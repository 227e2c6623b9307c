/** How the service stands: what needs attention first, then the figures. */
import { shareBar } from "./charts.js";
import { badge, empty, figure, h, notice, section, stored, table, when } from "./page-parts.js";
import { count, hasWords, moment, number, percent, t } from "./page-words.js";

const GROUPS = [
    ["works", "good", ["valid"]],
    ["limited", "warning", ["restricted", "no_credit", "rate_limited", "retiring"]],
    ["failing", "bad", ["invalid", "expired", "blocked"]],
    ["unchecked", "quiet", ["unknown"]],
];

export async function overview({ service, names }) {
    const data = await service.getOverview();
    return [attention(data, names), tiles(data), keysCard(data, names), checksCard(data, names), serviceCard(data)];
}

function attention({ alerts }, names) {
    if (alerts.length === 0) return notice("good", t("admin.allWell"), h("p", {}, t("admin.allWell.text")));
    const items = [...alerts].sort((one, other) => (other.severity === "error") - (one.severity === "error"));
    return section(
        t("admin.alerts"),
        { id: "alerts" },
        h(
            "ul",
            { class: "rows" },
            items.map((alert) => {
                const isError = alert.severity === "error";
                const known = hasWords(`admin.alert.${alert.code}.other`);
                const text = known
                    ? count(`admin.alert.${alert.code}`, alert.count ?? 0)
                    : [h("code", {}, alert.code), ` · ${number(alert.count ?? 0)}`];
                return h(
                    "li",
                    { class: "row-item" },
                    h(
                        "div",
                        { class: "row-main" },
                        h(
                            "p",
                            { class: "row-title" },
                            badge(
                                t(`admin.severity.${isError ? "error" : "warning"}`),
                                isError ? "bad" : "warning",
                                isError ? "cross" : "warning",
                            ),
                            h("span", {}, text),
                            alert.provider && [" · ", names.get(alert.provider) ?? stored(alert.provider)],
                        ),
                        hasWords(`admin.alert.${alert.code}.do`) &&
                            h("p", { class: "quiet" }, t(`admin.alert.${alert.code}.do`)),
                    ),
                );
            }),
        ),
    );
}

function tiles({ keys, checks, global_keys: shared }) {
    const tile = (label, value, href, more) =>
        h(
            "div",
            { class: "tile" },
            h("dt", {}, label),
            h(
                "dd",
                {},
                href ? h("a", { href }, figure(value, number(value))) : figure(value, number(value)),
                more && h("span", { class: "quiet" }, more),
            ),
        );
    const decided = checks.succeeded + checks.failed;
    return h(
        "dl",
        { class: "tiles" },
        tile(t("admin.keys"), keys.total, undefined, count("admin.ofUsers", keys.users)),
        tile(
            t("admin.failing"),
            keys.failing,
            "#failing",
            keys.total > 0 && t("admin.ofAll", { percent: percent(keys.failing / keys.total) }),
        ),
        tile(
            t("admin.checks"),
            decided + checks.postponed,
            undefined,
            decided > 0 && t("admin.succeeded", { percent: percent(checks.succeeded / decided) }),
        ),
        tile(t("admin.shared"), shared, "#shared"),
    );
}

function keysCard({ keys }, names) {
    const title = t("admin.keysByVerdict");
    if (keys.total === 0) return section(title, {}, empty("key", t("admin.noKeys"), t("admin.noKeys.text")));
    const sum = (verdicts) => verdicts.reduce((sum, verdict) => sum + (keys.by_verdict[verdict] ?? 0), 0);
    const parts = GROUPS.map(([name, tone, verdicts]) => ({
        name: t(`admin.group.${name}`),
        tone,
        value: sum(verdicts),
    }));
    const summary = parts.map(({ name, value }) => `${name}: ${number(value)}`).join(", ");
    const verdicts = Object.entries(keys.by_verdict)
        .filter(([, value]) => value > 0)
        .sort(([, one], [, other]) => other - one);
    const share = (value) => percent(value / keys.total);
    const columns = [
        {
            label: t("admin.verdict"),
            cell: ([verdict]) => (hasWords(`verdict.${verdict}`) ? t(`verdict.${verdict}`) : verdict),
        },
        { label: t("admin.keys"), numeric: true, cell: ([, value]) => figure(value, number(value)) },
        { label: t("admin.share"), numeric: true, cell: ([, value]) => share(value) },
    ];
    const providers = [
        { label: t("usage.kind.provider"), cell: ({ provider }) => names.get(provider) ?? stored(provider) },
        { label: t("admin.keys"), numeric: true, cell: ({ total }) => figure(total, number(total)) },
        { label: t("admin.failing"), numeric: true, cell: ({ failing }) => figure(failing, number(failing)) },
    ];
    return section(
        title,
        { id: "keys-by-verdict" },
        shareBar({ title, summary, parts, format: number }),
        h(
            "div",
            { class: "halves" },
            table(title, columns, verdicts),
            table(
                t("admin.keysByProvider"),
                providers,
                [...keys.by_provider].sort((one, other) => other.total - one.total),
            ),
        ),
    );
}

function checksCard({ checks }, names) {
    const title = t("admin.checksTitle");
    const text = t("admin.since", { when: moment(checks.since) });
    const all = checks.succeeded + checks.failed + checks.postponed;
    if (all === 0) return section(title, { text }, empty("again", t("admin.noChecks"), t("admin.noChecks.text")));
    const parts = [
        ["succeeded", "good"],
        ["failed", "bad"],
        ["postponed", "quiet"],
    ].map(([name, tone]) => ({ name: t(`admin.check.${name}`), tone, value: checks[name] }));
    const summary = parts.map(({ name, value }) => `${name}: ${number(value)}`).join(", ");
    const numeric = (name) => ({
        label: t(`admin.check.${name}`),
        numeric: true,
        cell: (row) => figure(row[name], number(row[name])),
    });
    const decided = (row) => row.succeeded + row.failed;
    const columns = [
        { label: t("usage.kind.provider"), cell: ({ provider }) => names.get(provider) ?? stored(provider) },
        numeric("succeeded"),
        numeric("failed"),
        numeric("postponed"),
        {
            label: t("admin.rate"),
            numeric: true,
            cell: (row) => (decided(row) ? percent(row.succeeded / decided(row)) : "–"),
        },
    ];
    return section(
        title,
        { id: "checks", text },
        shareBar({ title, summary, parts, format: number }),
        table(title, columns, checks.by_provider),
    );
}

function serviceCard(data) {
    return section(
        t("admin.service"),
        { id: "service" },
        h(
            "dl",
            { class: "pairs" },
            h("dt", {}, t("admin.version")),
            h("dd", {}, data.version),
            h("dt", {}, t("admin.started")),
            h("dd", {}, when(data.started_at), h("span", { class: "quiet" }, ` · ${moment(data.started_at)}`)),
            h("dt", {}, t("admin.database")),
            h("dd", {}, { sqlite: "SQLite", postgresql: "PostgreSQL" }[data.database] ?? data.database),
            data.nodes !== null && [h("dt", {}, t("admin.nodes")), h("dd", {}, number(data.nodes))],
            h("dt", {}, t("admin.setup")),
            h(
                "dd",
                {},
                data.setup_finished ? t("admin.setup.finished") : h("a", { href: "/ui/setup" }, t("admin.setup.open")),
            ),
        ),
    );
}
