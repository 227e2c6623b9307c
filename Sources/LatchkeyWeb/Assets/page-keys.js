/** My keys: the same element that any app can put into its pages, with the session of this one. */
import "./latchkey-keys.js";
import { h } from "./page-parts.js";
import { language, t } from "./page-words.js";
import { open, service, signIn } from "./shell.js";

open({
    name: "keys",
    access: "user",
    show: (main) => {
        // The page has a visible heading of its own.
        const keys = h(
            "latchkey-keys",
            { lang: language },
            h("h2", { slot: "heading", class: "unseen" }, t("keys.list")),
        );
        keys.addEventListener("latchkey-error", ({ detail }) => {
            if (detail.status === 401) signIn();
        });
        keys.service = service;
        main.append(keys);
    },
});
