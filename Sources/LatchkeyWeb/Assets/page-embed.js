/**
 * The element alone, for a frame in an app's page. Which pages may show it is for the operator to say
 * (`LATCHKEY_UI_FRAME_ANCESTORS`); no other page gets this far.
 *
 * The app's page hands a token in, and again before the old one ends:
 *
 *     addEventListener("message", (event) => {
 *         if (event.source === frame.contentWindow && event.data?.type === "latchkey-token-wanted")
 *             frame.contentWindow.postMessage({ type: "latchkey-token", token }, "https://keys.example.com");
 *     });
 *
 * Messages to the app's page: `latchkey-token-wanted`, `latchkey-height` with `height`, and the element's own events
 * (`key-saved` …) with their `detail`, in which there is never a key. Beside `token` the message may have `providers`,
 * `lang` and `theme`. Where no page hands in a token, the session of Latchkey's own pages is used, if there is one.
 */
import "./latchkey-keys.js";
import { APIKeyService } from "./api-key-service.js";

const EVENTS = ["key-saved", "key-removed", "key-validated", "default-changed", "settings-changed", "latchkey-error"];
const PATIENCE = 1500;
const SETTINGS = ["providers", "lang", "theme"];

const keys = document.createElement("latchkey-keys");
const main = document.getElementById("main");
let token = null;
/** Where the token came from: only there anything is told but that a token is wanted. */
let origin = null;
const waiting = [];

const isFramed = parent !== window;
const tell = (message) => isFramed && origin && parent.postMessage(message, origin);
const wanted = () => isFramed && parent.postMessage({ type: "latchkey-token-wanted" }, "*");

/** The token at hand; for a new one after a refusal the app's page is asked, for as long as it may reasonably take. */
function currentToken({ renew } = {}) {
    if (!renew) return token;
    return new Promise((resolve) => {
        waiting.push(resolve);
        setTimeout(() => resolve(token), PATIENCE);
        wanted();
    });
}

addEventListener("message", ({ source, origin: from, data }) => {
    if (!isFramed || source !== parent || data?.type !== "latchkey-token" || typeof data.token !== "string") return;
    const isFirst = token === null;
    token = data.token;
    origin = from;
    for (const name of SETTINGS) if (typeof data[name] === "string") keys[name] = data[name];
    for (const resolve of waiting.splice(0)) resolve(token);
    if (isFirst) keys.token = currentToken;
});

for (const name of EVENTS) keys.addEventListener(name, ({ detail }) => tell({ type: name, detail }));
new ResizeObserver(() =>
    tell({ type: "latchkey-height", height: Math.ceil(main.getBoundingClientRect().height) }),
).observe(main);
const heading = document.createElement("h1");
heading.className = "unseen";
heading.textContent = "Latchkey";
main.replaceChildren(heading, keys);
wanted();

setTimeout(
    async () => {
        if (token !== null) return;
        const service = new APIKeyService({ session: true });
        const session = await service.getSession().catch(() => null);
        if (session?.signed_in && token === null) keys.service = service;
    },
    isFramed ? PATIENCE : 0,
);
