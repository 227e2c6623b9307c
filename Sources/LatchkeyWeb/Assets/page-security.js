/** Security: this session, and the access tokens with which programs may act for the user. */
import { accessTokensCard } from "./page-access-tokens.js";
import { button, errorPlace, h, section, stored } from "./page-parts.js";
import { ago, moment, t } from "./page-words.js";
import { open, service, signOut } from "./shell.js";

open({
    name: "security",
    access: "user",
    load: () => Promise.all([service.listAccessTokens(), service.listProviders()]),
    show: (main, session, [{ access_tokens: tokens }, { providers }]) => {
        const calls = {
            list: () => service.listAccessTokens(),
            create: (grant) => service.createAccessToken(grant),
            revoke: (id) => service.revokeAccessToken(id),
            roll: (id, body) => service.rollAccessToken(id, body),
        };
        main.append(accessTokensCard({ kind: "own", tokens, calls, providers }), sessionCard(session));
    },
});

function sessionCard(session) {
    const { place, show } = errorPlace();
    const out = button(t("shell.signOut"), (event) => signOut(event.currentTarget, show), { picture: "leave" });
    return section(
        t("security.session"),
        { id: "session", text: t("security.session.text"), actions: out },
        place,
        h(
            "dl",
            { class: "pairs" },
            h("dt", {}, t("security.user")),
            h("dd", {}, stored(session.user_id)),
            h("dt", {}, t("security.role")),
            h("dd", {}, t(session.is_admin ? "security.role.admin" : "security.role.user")),
            h("dt", {}, t("security.until")),
            h(
                "dd",
                {},
                h("time", { datetime: session.expires_at }, moment(session.expires_at)),
                h("span", { class: "quiet" }, ` · ${ago(session.expires_at)}`),
            ),
        ),
    );
}
