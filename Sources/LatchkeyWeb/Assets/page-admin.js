/** Administration: health and alerts, failing keys, users, shared keys, tokens of services, everybody's usage. */
import { accessTokensCard } from "./page-access-tokens.js";
import { failingKeys, oneUser, users } from "./page-admin-people.js";
import { overview } from "./page-admin-overview.js";
import { globalKeyForm, globalKeyRows } from "./page-global-keys.js";
import { errorPlace, h, section, toast, waiting } from "./page-parts.js";
import { t } from "./page-words.js";
import { usageView } from "./page-usage-views.js";
import { failed, open, refused, service } from "./shell.js";

const VIEWS = { overview, failing: failingKeys, users, user: oneUser, shared, services, usage };
const LISTED = ["overview", "failing", "users", "shared", "services", "usage"];

open({
    name: "admin",
    access: "admin",
    load: () => service.listProviders(),
    show: async (main, _, { providers }) => {
        const names = new Map(providers.map(({ id, name }) => [id, name]));
        const links = LISTED.map((view) => h("a", { href: `#${view}` }, t(`admin.view.${view}`)));
        const place = h("div", { class: "stack", id: "view" });
        main.append(h("nav", { class: "tabs", "aria-label": t("admin.views") }, links), place);
        let turn = 0;

        const go = async ({ isFirst = false } = {}) => {
            const [view, query] = chosenView();
            const mine = (turn += 1);
            for (const [index, link] of links.entries()) {
                const isCurrent = LISTED[index] === (view === "user" ? "users" : view);
                if (isCurrent) link.setAttribute("aria-current", "page");
                else link.removeAttribute("aria-current");
            }
            links
                .find((link) => link.hasAttribute("aria-current"))
                ?.scrollIntoView({ block: "nearest", inline: "nearest" });
            place.replaceChildren(section(t(`admin.view.${view}`), {}, waiting(6)));
            try {
                const parts = await VIEWS[view]({ service, names, providers, query });
                if (mine !== turn) return;
                place.replaceChildren(...[parts].flat().filter(Boolean));
            } catch (error) {
                if (mine !== turn) return;
                failed(place, error);
            }
            if (isFirst) return;
            const heading = place.querySelector("h2");
            heading?.setAttribute("tabindex", "-1");
            heading?.focus({ preventScroll: true });
        };
        addEventListener("hashchange", () => go());
        await go({ isFirst: true });
    },
});

/** `#users?search=al` as its view and its query. */
function chosenView() {
    const [view, query] = location.hash.slice(1).split("?");
    return [Object.hasOwn(VIEWS, view) ? view : "overview", new URLSearchParams(query)];
}

async function shared({ service, names, providers }) {
    const list = h("div", {});
    const { place, show } = errorPlace();
    const may = {
        check: ({ provider, name }) => service.validateGlobalKey(provider, { name }),
        remove: ({ provider, name }) => service.removeGlobalKey(provider, { name }),
        changed: async () => draw(await service.getGlobalStatus()),
        show,
    };
    const draw = ({ keys, environment }) => list.replaceChildren(globalKeyRows(keys, environment, names, may));
    draw(await service.getGlobalStatus());
    const saved = () => {
        toast(t("shared.savedShort"));
        may.changed().catch((error) => refused(error, show));
    };
    const set = (provider, key, options) => service.setGlobalKey(provider, key, options);
    return [
        section(t("shared.title"), { id: "shared-keys", text: t("shared.text") }, place, list),
        section(
            t("shared.add"),
            { id: "shared-add", text: t("shared.add.text") },
            globalKeyForm({ providers, set, saved }),
        ),
    ];
}

async function services({ service, providers }) {
    const calls = {
        list: () => service.listServiceTokens(),
        create: (grant) => service.createServiceToken(grant),
        revoke: (id) => service.revokeServiceToken(id),
        roll: (id, body) => service.rollServiceToken(id, body),
    };
    const { access_tokens: tokens } = await service.listServiceTokens();
    return accessTokensCard({ kind: "service", tokens, calls, providers });
}

async function usage({ service, names }) {
    return usageView({
        read: (query) => service.getAllUsage(query),
        readCSV: (query) => service.getAllUsageCSV(query),
        names,
        isForAll: true,
    });
}
