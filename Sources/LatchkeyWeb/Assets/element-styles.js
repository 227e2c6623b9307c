/**
 * The looks of `<latchkey-keys>`, as a constructed style sheet: it needs no permission in a Content-Security-Policy.
 * Everything an app may change is a custom property `--latchkey-…` or a part; docs/front-end.md lists both.
 *
 * @module
 */
export const styles = new CSSStyleSheet();

styles.replaceSync(`
:host {
  --accent: var(--latchkey-accent, light-dark(#3a55c8, #9db2ff));
  --on-accent: var(--latchkey-on-accent, light-dark(#fff, #10183a));
  --text: var(--latchkey-text, light-dark(#1c2027, #e9ebf0));
  --muted: var(--latchkey-muted, light-dark(#5b6371, #a3aab8));
  --surface: var(--latchkey-surface, light-dark(#fff, #17191f));
  --raised: var(--latchkey-raised, light-dark(#f4f5f8, #21242c));
  --border: var(--latchkey-border, light-dark(#e2e5eb, #2d313b));
  --edge: var(--latchkey-edge, light-dark(#8a92a1, #6d7585));
  --good: var(--latchkey-good, light-dark(#12703f, #63d79b));
  --fair: var(--latchkey-fair, light-dark(#86590a, #efbd63));
  --bad: var(--latchkey-bad, light-dark(#b3261e, #ff9d93));
  --radius: var(--latchkey-radius, 12px);
  --small: 0.875rem;
  display: block;
  container-type: inline-size;
  min-block-size: var(--latchkey-min-block-size, 34rem);
  color: var(--text);
  font: 400 1rem/1.5 var(--latchkey-font, system-ui, sans-serif);
  text-align: start;
  -webkit-text-size-adjust: 100%;
}
:host([hidden]) { display: none; }
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }
:host([theme="auto"]) { color-scheme: light dark; }
*, *::before, *::after { box-sizing: border-box; }
h2, h3, h4, p, ul, dl, dd { margin: 0; padding: 0; }
ul { list-style: none; }
input, button { font: inherit; color: inherit; letter-spacing: inherit; }
code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 0.92em; }
[hidden] { display: none !important; }
.hidden { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
h2 { font-size: 1.375rem; font-weight: 650; line-height: 1.25; letter-spacing: -0.012em; text-wrap: balance; }
.lead { margin-block-start: 0.375rem; max-inline-size: 38rem; color: var(--muted); text-wrap: pretty; }
.title { margin: 2.25rem 0 0.75rem; font-size: var(--small); font-weight: 600; color: var(--muted); line-height: 1.5; }
.quiet, .small { color: var(--muted); }
.note { margin-block-start: 1.5rem; }
.small { font-size: var(--small); line-height: 1.45; }
bdi { unicode-bidi: isolate; overflow-wrap: anywhere; }
.icon { inline-size: 1.125rem; block-size: 1.125rem; flex: none; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.icon.out { inline-size: 0.875rem; block-size: 0.875rem; }
.root:dir(rtl) .icon.out, dialog:dir(rtl) .icon.out { transform: scaleX(-1); }

.button, .plain, .link { border: 0; background: none; cursor: pointer; }
.button {
  min-block-size: 2.25rem; padding: 0.375rem 0.875rem; border: 1px solid var(--border); border-radius: calc(var(--radius) * 0.67);
  background: var(--surface); font-size: var(--small); font-weight: 550; line-height: 1.35; white-space: nowrap;
  display: inline-flex; align-items: center; justify-content: center; gap: 0.5rem;
}
.button:hover { background: var(--raised); }
.button.primary { border-color: transparent; background: var(--accent); color: var(--on-accent); }
.button.primary:hover { background: color-mix(in oklab, var(--accent) 88%, var(--text)); }
.button.danger { color: var(--bad); }
.button.danger.primary { background: var(--bad); color: light-dark(#fff, #2b0805); }
.button:disabled, .button[aria-disabled="true"] { opacity: 0.65; cursor: default; }
.plain { min-inline-size: 2.25rem; min-block-size: 2.25rem; padding: 0.375rem; border-radius: calc(var(--radius) * 0.67); color: var(--muted); font-size: var(--small); display: inline-grid; place-items: center; }
.plain:hover { background: var(--raised); color: var(--text); }
.wide { inline-size: 100%; margin-block-start: 0.5rem; font-weight: 550; }
.link { display: inline-flex; align-items: center; gap: 0.25rem; padding: 0.25rem 0; color: var(--accent); font-size: var(--small); font-weight: 550; text-decoration: none; }
.link:hover { text-decoration: underline; text-underline-offset: 0.2em; }

.search { margin-block-start: 1.5rem; }
input:not([type="checkbox"]) {
  inline-size: 100%; min-block-size: 2.5rem; padding: 0.4375rem 0.75rem; border: 1px solid var(--edge); border-radius: calc(var(--radius) * 0.67);
  background: var(--surface); line-height: 1.5; text-align: start; appearance: none;
}
input:not([type="checkbox"]):focus { outline: 2px solid var(--accent); outline-offset: -1px; border-color: transparent; }
input::placeholder { color: var(--muted); opacity: 1; }
input[aria-invalid] { border-color: var(--bad); }

.card, .rows, .switches { border: 1px solid var(--border); border-radius: var(--radius); background: var(--surface); }
.card + .card { margin-block-start: 0.75rem; }
.rows > * + *, .switches > * + *, .keys > * { border-block-start: 1px solid var(--border); }
.row { display: flex; align-items: center; gap: 0.875rem; min-block-size: 4.25rem; padding: 0.75rem 1rem; }
.tile { flex: none; display: grid; place-items: center; inline-size: 2.25rem; block-size: 2.25rem; border-radius: calc(var(--radius) * 0.67); background: var(--raised); color: var(--muted); font-weight: 650; }
.who { flex: 1; min-inline-size: 0; display: grid; gap: 0.0625rem; }
.name { display: flex; align-items: center; gap: 0.5rem; min-inline-size: 0; font-size: 1rem; font-weight: 550; line-height: 1.4; }
.name .stored { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; overflow-wrap: normal; }
.who .small { display: flex; flex-wrap: wrap; column-gap: 0.75rem; }
.card > .row .small { display: block; }
.small .stored { display: inline-block; max-inline-size: 100%; overflow: hidden; text-overflow: ellipsis; vertical-align: bottom; white-space: nowrap; }
.advice .stored, .alert .stored, .body .small .stored { white-space: normal; display: inline; }
.row .link { margin-inline-end: 0.375rem; }

.key { transition: background 0.3s; }
.line { display: flex; align-items: center; gap: 0.75rem; min-block-size: 4rem; padding-block: 0.625rem; padding-inline: 4.125rem 0.5rem; }
.chip { flex: none; max-inline-size: 40%; padding: 0.0625rem 0.5rem; border-radius: 99px; background: var(--raised); color: var(--muted); font-size: 0.75rem; font-weight: 550; line-height: 1.5; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.soon { color: var(--fair); }
.verdict { flex: none; display: inline-flex; align-items: center; gap: 0.4375rem; font-size: var(--small); font-weight: 550; }
.dot { inline-size: 0.5rem; block-size: 0.5rem; border-radius: 50%; background: currentColor; }
.good { color: var(--good); } .fair { color: var(--fair); } .bad { color: var(--bad); } .verdict.none { color: var(--muted); }
.none > .dot { background: none; border: 2px solid currentColor; }
.more .icon { transition: transform 0.15s; }
.more[aria-expanded="true"] .icon { transform: rotate(180deg); }
.advice { padding-block: 0 0.875rem; padding-inline: 4.125rem 1rem; font-size: var(--small); color: var(--muted); text-wrap: pretty; }
.advice .link { margin-block-start: 0.125rem; }
.details { padding-block: 0.25rem 1rem; padding-inline: 4.125rem 1rem; font-size: var(--small); }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 0.75rem 1.5rem; margin-block: 0.25rem 1rem; }
dl > div { min-inline-size: 0; }
dt { color: var(--muted); }
dd { overflow-wrap: anywhere; }
.actions { display: flex; flex-wrap: wrap; gap: 0.5rem; }

.empty { display: flex; align-items: center; gap: 0.875rem; margin-block-start: 1.5rem; padding: 1rem 1.25rem; border-radius: var(--radius); background: var(--raised); color: var(--muted); }
.switches { margin-block-start: 2.25rem; }
.switch { display: flex; align-items: center; justify-content: space-between; gap: 1.5rem; padding: 0.875rem 1rem; }
.switch label { font-weight: 550; }
input[role="switch"] { appearance: none; flex: none; inline-size: 2.5rem; block-size: 1.5rem; margin: 0; padding: 3px; border-radius: 99px; background: var(--edge); cursor: pointer; transition: background 0.15s; }
input[role="switch"]::before { content: ""; display: block; inline-size: 1.125rem; block-size: 1.125rem; border-radius: 50%; background: light-dark(#fff, #0f1116); transition: translate 0.15s; }
input[role="switch"]:checked { background: var(--accent); }
input[role="switch"]:checked::before { translate: 1rem; }
input[role="switch"]:checked:dir(rtl)::before { translate: -1rem; }

.alert { display: flex; align-items: center; gap: 0.75rem; flex-wrap: wrap; margin-block-start: 1rem; padding: 0.625rem 0.875rem; border-radius: calc(var(--radius) * 0.67); background: color-mix(in oklab, var(--bad) 10%, var(--surface)); color: var(--bad); font-size: var(--small); }
.alert > p:first-child { flex: 1 1 14rem; overflow-wrap: anywhere; }
.alert .plain { color: inherit; }

.skeleton .title { block-size: 1.3125rem; }
.bar { display: block; border-radius: 6px; background: var(--raised); animation: breathe 1.6s ease-in-out infinite; }
.bar.field { block-size: 2.5rem; margin-block-start: 1.5rem; }
.bar.short { inline-size: 6rem; block-size: 0.875rem; }
.bar.tile { inline-size: 2.25rem; block-size: 2.25rem; }
.bar.text { flex: 1; max-inline-size: 11rem; block-size: 0.875rem; margin-inline-end: auto; }
.bar.button { inline-size: 5.5rem; min-block-size: 2.25rem; border: 0; }
.spinner { inline-size: 0.875rem; block-size: 0.875rem; border: 2px solid currentColor; border-inline-end-color: transparent; border-radius: 50%; animation: turn 0.8s linear infinite; }
@keyframes breathe { 50% { opacity: 0.45; } }
@keyframes turn { to { rotate: 1turn; } }

dialog { color: inherit; }
.dialog {
  inline-size: min(30rem, calc(100vw - 2rem)); max-block-size: calc(100dvh - 2rem); padding: 0; overflow: hidden; border: 1px solid var(--border);
  border-radius: calc(var(--radius) * 1.33); background: var(--surface); box-shadow: 0 24px 64px rgb(0 0 0 / 0.28); text-align: start;
}
.dialog.remove { inline-size: min(26rem, calc(100vw - 2rem)); }
.dialog::backdrop { background: rgb(12 14 20 / 0.45); }
.dialog > * { display: flex; flex-direction: column; max-block-size: calc(100dvh - 2.125rem); }
.head { display: flex; align-items: flex-start; justify-content: space-between; gap: 1rem; padding-block: 1.25rem 0; padding-inline: 1.5rem 1.25rem; }
.head h2 { padding-block: 0.25rem; font-size: 1.125rem; }
.head h2:focus { outline: none; }
.body { display: grid; gap: 1.125rem; padding: 0.75rem 1.5rem 1.25rem; overflow-y: auto; overscroll-behavior: contain; }
.body .advice { padding: 0; font-size: 1rem; color: var(--text); }
.foot { display: flex; justify-content: flex-end; gap: 0.625rem; padding: 0.875rem 1.5rem; border-block-start: 1px solid var(--border); }
.field { display: grid; gap: 0.375rem; }
.field label, summary { font-size: var(--small); font-weight: 550; }
.field .quiet { font-weight: 400; }
.secret { position: relative; }
.secret input:not([type="checkbox"]) { padding-inline-end: 4.75rem; }
.secret .plain { position: absolute; inset-block-start: 0.25rem; inset-inline-end: 0.25rem; min-block-size: 2rem; padding-inline: 0.625rem; }
#key { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 0.9375rem; }
#key-hint { min-block-size: 2.6em; }
details > .field { margin-block-start: 1.125rem; }
summary { inline-size: fit-content; padding: 0.25rem 0; color: var(--accent); cursor: pointer; }
.dialog .alert { margin: 0 1.5rem 1.25rem; }

@container (max-width: 34rem) {
  .row .link { display: none; }
  .name .stored { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; white-space: normal; overflow-wrap: anywhere; }
  .card > .row { flex-wrap: wrap; row-gap: 0.375rem; }
  .card > .row .who { display: contents; }
  .card > .row .name { flex: 1; }
  .card > .row .small { order: 3; flex: 1 0 100%; }
  .line { flex-wrap: wrap; row-gap: 0.25rem; padding-inline: 1rem 0.5rem; position: relative; }
  .line .who { flex: 1 1 100%; padding-inline-end: 2.75rem; }
  .more { position: absolute; inset-block-start: 0.625rem; inset-inline-end: 0.5rem; }
  .advice, .details { padding-inline: 1rem; }
  dl { grid-template-columns: 1fr 1fr; gap: 0.75rem 1rem; }
}
@media (max-width: 34rem) {
  .dialog, .dialog.remove { inline-size: 100vw; max-inline-size: 100vw; margin-block-end: 0; border-inline: 0; border-end-start-radius: 0; border-end-end-radius: 0; }
  .foot .button { flex: 1; min-block-size: 2.75rem; }
}
@media (prefers-reduced-motion: reduce) {
  *, *::before { animation-duration: 0s !important; animation-iteration-count: 1 !important; transition: none !important; }
}
@media (forced-colors: active) {
  .dot, input[role="switch"], input[role="switch"]::before { forced-color-adjust: none; }
}
`);
