/** Sign-in: a one-time code from the address, the identity provider's button, or how to get a link. */
import { button, during, errorPlace, h, icon, notice, section, stored, waiting, words } from "./page-parts.js";
import { hasWords, t } from "./page-words.js";
import { destination, open, passOn, service } from "./shell.js";

// Taken out of the address before anything else happens, so that it is in no history and no bookmark.
const given = new URLSearchParams(location.hash.slice(1));
if (location.hash) history.replaceState(null, "", location.pathname + location.search);
// The same page, opened again with another code.
addEventListener("hashchange", () => location.reload());

open({
    name: "sign-in",
    access: "anyone",
    show: async (main, session) => {
        const code = given.get("code");
        if (session.signed_in) return main.append(code ? another(session, code) : already(session));
        if (code) return redeem(main, code, session);
        main.append(...ways(session, given.get("error") ? errorText(given.get("error")) : null));
    },
});

async function redeem(main, code, session) {
    main.replaceChildren(section(t("sign-in.under-way"), {}, waiting(2)));
    try {
        const made = await service.redeemCode(code);
        passOn(t("sign-in.done", { user: made.user_id }));
        location.replace(destination());
    } catch (error) {
        main.replaceChildren(...ways(session, words(error)));
    }
}

const errorText = (code) => (hasWords(`error.${code}`) ? t(`error.${code}`) : t("sign-in.failed"));

function ways(session, error) {
    const provider =
        session.oidc &&
        button(
            t("sign-in.with", { name: session.oidc.name }),
            () => {
                const start = new URL(session.oidc.url, location.origin);
                start.searchParams.set("next", destination());
                location.assign(start);
            },
            { kind: "primary wide", picture: "person" },
        );
    const link = h(
        "div",
        { class: "stack" },
        h("p", {}, t("sign-in.link.text")),
        h(
            "pre",
            { tabindex: "0", "aria-label": t("sign-in.command") },
            h("code", { dir: "ltr" }, "latchkey token --user alice --open"),
        ),
        h("p", { class: "quiet" }, t("sign-in.link.more")),
    );
    return [
        error && notice("error", t("sign-in.notDone"), h("p", {}, error)),
        provider && section(t("sign-in.provider"), { text: t("sign-in.provider.text") }, provider),
        section(t(provider ? "sign-in.link.other" : "sign-in.link"), {}, link),
        !session.setup_finished &&
            section(
                t("sign-in.setup"),
                { text: t("sign-in.setup.text") },
                h("a", { class: "button", href: "/ui/setup" }, icon("gear"), h("span", {}, t("sign-in.setup.go"))),
            ),
    ].filter(Boolean);
}

function already(session) {
    return section(
        t("sign-in.already"),
        {},
        h("p", {}, t("shell.signedInAs"), " ", stored(session.user_id)),
        h("a", { class: "button primary", href: destination() }, icon("sent"), h("span", {}, t("sign-in.goOn"))),
    );
}

/** A link must not quietly swap the account of somebody who is signed in: keys would be stored with a stranger. */
function another(session, code) {
    const { place, show } = errorPlace();
    const change = button(
        t("sign-in.switch"),
        (event) =>
            during(
                event.currentTarget,
                async () => {
                    // Ends the session before it, but only when the code is good.
                    const made = await service.redeemCode(code);
                    passOn(t("sign-in.done", { user: made.user_id }));
                    location.replace(destination());
                },
                show,
            ),
        { kind: "primary" },
    );
    return section(
        t("sign-in.another"),
        {},
        h("p", {}, t("sign-in.another.text", { user: session.user_id })),
        place,
        h("div", { class: "form-end start" }, h("a", { class: "button", href: "/ui/" }, t("sign-in.stay")), change),
    );
}
