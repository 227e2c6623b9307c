/** First set-up: with the set-up token, or as an administrator, shared keys are stored; the last one ends it. */
import { APIKeyService } from "./api-key-service.js";
import { globalKeyForm, globalKeyRows } from "./page-global-keys.js";
import { button, during, empty, errorPlace, field, h, icon, section } from "./page-parts.js";
import { t } from "./page-words.js";
import { open, service } from "./shell.js";

open({
    name: "setup",
    access: "anyone",
    show: async (main, session) => {
        if (session.setup_finished) return main.append(finished(session));
        if (session.is_admin) return showKeys(main, service, await service.getGlobalStatus());
        main.append(tokenCard(main));
    },
});

/** Asks for the token; it stays in this page's memory and nowhere else. */
function tokenCard(main) {
    const token = field(
        t("setup.token"),
        h("input", { type: "password", autocomplete: "off", spellcheck: "false", dir: "ltr", required: true }),
        { hint: t("setup.token.hint") },
    );
    const { place, show } = errorPlace();
    const submit = async (event) => {
        event.preventDefault();
        const text = token.control.value.trim();
        token.error(text ? null : t("setup.token.missing"));
        if (!text) return token.control.focus();
        await during(
            event.submitter ?? form.querySelector("[type=submit]"),
            async () => {
                const withToken = new APIKeyService({ setupToken: text });
                await showKeys(main, withToken, await withToken.getGlobalStatus());
            },
            (words, error) => show(error?.status === 401 ? t("setup.token.wrong") : words),
        );
    };
    const form = h(
        "form",
        { class: "form", onsubmit: submit, novalidate: true },
        token.whole,
        place,
        h("div", { class: "form-end" }, button(t("setup.continue"), undefined, { kind: "primary", type: "submit" })),
    );
    return section(t("setup.begin"), { text: t("setup.begin.text") }, form);
}

async function showKeys(main, keys, status) {
    const { providers } = await keys.listProviders();
    const names = new Map(providers.map(({ id, name }) => [id, name]));
    const list = h("div", {});
    const { place, show } = errorPlace();
    const draw = (status) => list.replaceChildren(globalKeyRows(status.keys, status.environment, names));
    const saved = async (_, isLast) => {
        if (isLast) return done(main);
        try {
            draw(await keys.getGlobalStatus());
        } catch (error) {
            show(error.detail);
        }
    };
    draw(status);
    const form = globalKeyForm({
        providers,
        mayFinish: true,
        saved,
        set: (provider, key, options) => keys.setGlobalKey(provider, key, options),
    });
    main.replaceChildren(
        section(t("setup.add"), { text: t("setup.add.text") }, form),
        section(t("setup.stored"), {}, place, list),
    );
    main.querySelector("select").focus();
}

function done(main) {
    const end = section(
        t("setup.done"),
        {},
        empty(
            "check",
            t("setup.done.title"),
            t("setup.done.text"),
            h("a", { class: "button primary", href: "/ui/sign-in" }, t("setup.done.next")),
        ),
    );
    main.replaceChildren(end);
    end.querySelector("h2").setAttribute("tabindex", "-1");
    end.querySelector("h2").focus();
}

function finished(session) {
    const [path, text] = session.is_admin
        ? ["/ui/admin#shared", "setup.finished.admin"]
        : session.signed_in
          ? ["/ui/", "setup.finished.user"]
          : ["/ui/sign-in", "setup.done.next"];
    return section(
        t("setup.finished"),
        {},
        empty(
            "check",
            t("setup.finished.title"),
            t("setup.finished.text"),
            h("a", { class: "button primary", href: path }, icon("sent"), h("span", {}, t(text))),
        ),
    );
}
