/**
 * What stands around every page: who is signed in, where one can go, language and colours, and the way out.
 *
 * A page calls `open` once. Its `load` begins at the same time as the question who is signed in, since the cookie alone
 * decides what may be read; its `show` is called when both are known.
 */
import { APIKeyService } from "./api-key-service.js";
import { button, errorPlace, h, icon, notice, select, stored, toast, waiting, words } from "./page-parts.js";
import { LANGUAGES, hasWords, language, t } from "./page-words.js";

/** The service as the session's user. */
export const service = new APIKeyService({ session: true });

const PAGES = [
    { page: "keys", path: "/ui/", picture: "key" },
    { page: "usage", path: "/ui/usage", picture: "chart" },
    { page: "activity", path: "/ui/activity", picture: "clock" },
    { page: "security", path: "/ui/security", picture: "shield" },
    { page: "admin", path: "/ui/admin", picture: "gear", forAdmins: true },
];

/**
 * @typedef {object} Session `GET /api/session`
 * @property {boolean} signed_in
 * @property {string} [user_id]
 * @property {boolean} [is_admin]
 * @property {string} [expires_at]
 * @property {boolean} setup_finished
 * @property {{name: string, url: string} | null} [oidc]
 */

/**
 * @param {object} page
 * @param {string} page.name
 * @param {"anyone" | "user" | "admin"} page.access
 * @param {() => Promise<any>} [page.load]
 * @param {(main: HTMLElement, session: Session, data: any) => void | Promise<void>} page.show
 */
export async function open({ name, access, load, show }) {
    const main = document.getElementById("main");
    const heading = h("h1", {}, t(`${name}.title`));
    document.title = `${t(`${name}.title`)} · Latchkey`;
    document.getElementById("skip").textContent = t("shell.skip");
    const intro = hasWords(`${name}.intro`) && h("p", { class: "intro" }, t(`${name}.intro`));
    const body = h("div", { class: "page" }, load && waiting(6));
    main.replaceChildren(h("div", { class: "page-head" }, heading, intro), body);

    const loading = load?.().then(
        (data) => ({ data }),
        (error) => ({ error }),
    );
    let session;
    try {
        session = await service.getSession();
    } catch (error) {
        account({ signed_in: false });
        return failed(body, error);
    }
    if (access !== "anyone" && !session.signed_in) return signIn();
    account(session);
    navigate(name, session);
    if (access === "admin" && !session.is_admin) {
        return body.replaceChildren(notice("warning", t("shell.adminsOnly"), h("p", {}, t("shell.adminsOnly.text"))));
    }
    passedOn();
    const { data, error } = (await loading) ?? {};
    if (error) return failed(body, error);
    try {
        body.replaceChildren();
        await show(body, session, data);
    } catch (error) {
        failed(body, error);
    }
}

/** To the sign-in page, and back here afterwards. */
export function signIn() {
    const here = location.pathname === "/ui/" ? "" : `?next=${encodeURIComponent(location.pathname)}`;
    location.replace(`/ui/sign-in${here}`);
}

/** Where to go after signing in: a page of ours, whatever the address says. */
export function destination() {
    const wished = new URLSearchParams(location.search).get("next");
    return [...PAGES.map(({ path }) => path), "/ui/setup"].find((path) => path === wished) ?? "/ui/";
}

/** Shows an error in place of a page's content, and a way to try again; a session that ended leads to signing in. */
export function failed(place, error) {
    if (error?.status === 401) return signIn();
    const again = button(t("shell.again"), () => location.reload(), { picture: "again" });
    place.replaceChildren(notice("error", t("shell.failed"), h("p", {}, words(error)), again));
}

/** For actions: a session that ended leads to signing in, anything else is shown. */
export function refused(error, show) {
    if (error?.status === 401) signIn();
    else show(words(error));
}

/** Leaves a sentence for the page that comes next. */
export function passOn(text) {
    try {
        sessionStorage.setItem("latchkey-notice", text);
    } catch {
        // without storage nothing is said there
    }
}

function passedOn() {
    try {
        const text = sessionStorage.getItem("latchkey-notice");
        sessionStorage.removeItem("latchkey-notice");
        if (text) toast(text);
    } catch {
        // as above
    }
}

function navigate(name, session) {
    const place = document.getElementById("navigation");
    place.setAttribute("aria-label", t("shell.pages"));
    if (!session.signed_in) return place.classList.add("none");
    const pages = PAGES.filter((page) => !page.forAdmins || session.is_admin);
    place.replaceChildren(
        h(
            "ul",
            {},
            pages.map(({ page, path, picture }) =>
                h(
                    "li",
                    {},
                    h(
                        "a",
                        { href: path, "aria-current": page === name ? "page" : undefined },
                        icon(picture),
                        h("span", {}, t(`shell.nav.${page}`)),
                    ),
                ),
            ),
        ),
    );
    // On a narrow screen the pages stand in one line that scrolls: the open one is brought into sight.
    const current = place.querySelector("[aria-current]");
    if (current && place.scrollWidth > place.clientWidth) place.scrollLeft = current.offsetLeft - 16;
}

/** The menu at the top: who it is, language, colours, out. */
function account(session) {
    const { place, show } = errorPlace();
    const name = session.signed_in ? session.user_id : t("shell.display");
    const menu = h(
        "div",
        { class: "menu", id: "menu", popover: "auto" },
        session.signed_in &&
            h(
                "p",
                { class: "menu-who" },
                h("span", { class: "quiet" }, t("shell.signedInAs")),
                stored(session.user_id),
            ),
        setting("shell.language", language, Object.entries(LANGUAGES), (value) => keep("latchkey-language", value)),
        setting(
            "shell.theme",
            readTheme(),
            ["system", "light", "dark"].map((key) => [key, t(`shell.theme.${key}`)]),
            theme,
        ),
        place,
        session.signed_in &&
            button(t("shell.signOut"), (event) => signOut(event.currentTarget, show), { picture: "leave" }),
    );
    const opener = h(
        "button",
        {
            type: "button",
            class: "account",
            popovertarget: "menu",
            "aria-label": session.signed_in ? t("shell.account", { user: session.user_id }) : name,
        },
        icon(session.signed_in ? "person" : "gear"),
        h("span", {}, session.signed_in ? stored(name) : name),
    );
    document.getElementById("account").replaceChildren(opener, menu);
}

function setting(key, value, options, change) {
    const control = select(options, value, { id: key, onchange: () => change(control.value) });
    return h("div", { class: "field" }, h("label", { for: key }, t(key)), control);
}

function keep(name, value) {
    localStorage.setItem(name, value);
    location.reload();
}

const readTheme = () => document.documentElement.dataset.theme ?? "system";

function theme(value) {
    if (value === "system") {
        delete document.documentElement.dataset.theme;
        localStorage.removeItem("latchkey-theme");
    } else {
        document.documentElement.dataset.theme = value;
        localStorage.setItem("latchkey-theme", value);
    }
    document.dispatchEvent(new CustomEvent("latchkey-theme"));
}

/** Ends the session at the service; only then the page is left. */
export async function signOut(control, show) {
    control.disabled = true;
    try {
        await service.endSession();
        passOn(t("shell.signedOut"));
        location.assign("/ui/sign-in");
    } catch (error) {
        control.disabled = false;
        refused(error, show);
    }
}
