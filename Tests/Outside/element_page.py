"""A foreign app's page with `<latchkey-keys>` in it, and what tests ask of it."""

import itertools
import json
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

import tokens
from client import fake_key
from harness import REPOSITORY, wait_until
from web_pages import WebPages

SCREENSHOTS = REPOSITORY / ".build" / "screenshots"
COUNTER = itertools.count(1)
VERDICTS = ["valid", "restricted", "no_credit", "rate_limited", "retiring", "blocked", "expired", "invalid", "unknown"]
SIZES = {"wide": (1280, 900), "phone": (390, 844)}
# What reaches beyond the window's sides.
OVERFLOW = """() => [...document.querySelector("latchkey-keys").shadowRoot.querySelectorAll(".root *")]
  .filter((node) => !node.closest("svg") && node.getBoundingClientRect().width)
  .filter((node) => {
    const box = node.getBoundingClientRect();
    return box.left < -1 || box.right > innerWidth + 1;
  })
  .map((node) => node.outerHTML.slice(0, 120))"""

# The host app's page: a heading, the element, a paragraph after it; everything is told it in the fragment.
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>An app</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="/app.css"><script type="module" src="/app.js"></script></head>
<body><main><h1>Settings</h1><div id="place"></div><p id="after">The app goes on here.</p></main></body></html>"""
STYLE = """
body { margin: 0; background: light-dark(#f8f9fb, #0f1115); color: light-dark(#1c2027, #e9ebf0); font-family: system-ui; }
main { max-width: 46rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
"""
SCRIPT = """
const settings = JSON.parse(decodeURIComponent(location.hash.slice(1)));
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => violations.push(`${event.violatedDirective} ${event.blockedURI}`));
window.heard = [];
for (const name of ["key-saved", "key-removed", "key-validated", "default-changed", "settings-changed", "latchkey-error"]) {
  document.addEventListener(name, (event) => heard.push([name, event.detail]));
}
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) shifts.push(entry.value);
}).observe({ type: "layout-shift", buffered: true });
window.asked = [];
document.documentElement.lang = settings.page_lang ?? "en";
const element = document.createElement("latchkey-keys");
for (const [name, value] of Object.entries(settings.attributes ?? {})) element.setAttribute(name, value);
if (settings.early) element.token = settings.tokens[0]; // before the module is there
document.querySelector("#place").append(element);
try {
  await import(`${settings.modules}/latchkey-keys.js`);
  if (settings.words) {
    const { addLanguage } = await import(`${settings.modules}/messages.js`);
    for (const [tag, words] of Object.entries(settings.words)) addLanguage(tag, async () => words);
  }
  if (settings.setup_token) {
    const { APIKeyService } = await import(`${settings.modules}/api-key-service.js`);
    element.service = new APIKeyService({ endpoint: settings.attributes.endpoint, setupToken: settings.setup_token });
  } else if (!settings.early && settings.tokens) {
    element.token = ({ renew }) => {
      asked.push(renew);
      return settings.tokens[Math.min(asked.length, settings.tokens.length) - 1];
    };
  }
  window.loaded = true;
} catch (error) {
  window.loaded = String(error);
}
"""


class ElementPage:
    """One page with the element in it, for one user."""

    def __init__(self, page: Page, origin: str, service, user: str):
        self.page, self.origin, self.service, self.user = page, origin, service, user
        self.client = service.client()
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: (self.errors.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.set_default_timeout(15_000)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.service.port}"

    def token(self, **claims) -> str:
        return tokens.mint(self.service.jwt_secret, self.user, **claims)

    def open(self, modules: str = "/copy", wait: bool = True, attributes: dict | None = None, **settings):
        told = {
            "modules": modules,
            "tokens": [self.token()],
            "attributes": {"endpoint": self.endpoint, **(attributes or {})},
            **settings,
        }
        self.page.goto("about:blank")
        self.page.goto(f"{self.origin}/index.html#{quote(json.dumps(told))}")
        self.until("window.loaded")
        if wait:
            self.page.locator("#search").wait_for()
        return self

    def until(self, expression: str):
        """Asked from outside: what waits inside the page compiles text, and the page's policy forbids that."""
        wait_until(lambda: self.page.evaluate(expression), 15, expression)

    def until_heard(self, name: str):
        self.until(f"window.heard.some(([found]) => found === '{name}')")

    def row(self, title: str):
        return self.page.locator(".key", has=self.page.get_by_text(title, exact=True))

    def add(self, provider: str, key: str, label: str = "", another: bool = False):
        self.page.get_by_role("button", name=f"Add {'another key' if another else 'key'} for {provider}").click()
        self.page.locator("#key").fill(key)
        if label:
            self.page.locator("#label").fill(label)
        self.page.get_by_role("button", name="Save and check").click()

    def details(self, title: str):
        self.page.get_by_role("button", name=f"Details of {title}", exact=True).click()
        return self.page.get_by_role("group", name=title, exact=True)

    def everything(self) -> str:
        """All that the page holds: markup, shadow trees, values of fields, what was told to the app."""
        return self.page.evaluate(
            """() => {
              const texts = [];
              const walk = (root) => {
                texts.push(root.innerHTML ?? "");
                for (const node of root.querySelectorAll("*")) {
                  if ("value" in node) texts.push(String(node.value));
                  if (node.shadowRoot) walk(node.shadowRoot);
                }
              };
              walk(document.documentElement);
              return texts.join("\\n") + JSON.stringify(window.heard) + location.href;
            }"""
        )

    def heard(self, name: str) -> list[dict]:
        return [detail for found, detail in self.page.evaluate("window.heard") if found == name]

    def focused(self) -> str:
        return self.page.evaluate(
            """() => {
              let at = document.activeElement;
              while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
              return at?.getAttribute("aria-label") ?? at?.textContent.trim() ?? "";
            }"""
        )

    def assert_clean(self):
        assert self.page.evaluate("window.violations") == []
        assert self.errors == []

    def answer(self, method: str, path: str, status: int, body: dict):
        """From now on the page gets this answer in place of the service's."""

        def handle(route):
            if route.request.method != method:
                return route.fallback()
            headers = {"Access-Control-Allow-Origin": self.origin, "Content-Type": "application/json"}
            route.fulfill(status=status, headers=headers, body=json.dumps(body))

        self.page.route(f"{self.endpoint}{path}", handle)


def shown_key(**members) -> dict:
    """A stored key as the service shows one."""
    return {
        "provider": "openai",
        "name": "default",
        "label": None,
        "kind": "api_key",
        "key_hint": "0000",
        "has_key": True,
        "is_valid": True,
        "verdict": "valid",
        "evidence": {"http_status": 200, "code": None, "checked_at": "2026-08-01T12:00:00Z", "decisive": True},
        "last_validated": "2026-08-01T12:00:00Z",
        "expires_at": None,
        "base_url": "https://api.openai.com/v1",
        "created_at": "2026-08-01T12:00:00Z",
        "updated_at": "2026-08-01T12:00:00Z",
        "last_used_at": None,
        "row_version": 1,
        **members,
    }


def shown_status(keys: list[dict], **members) -> dict:
    choice = {"source": "none", "name": None, "verdict": None, "is_valid": False, "reason": "no key"}
    return {"user_id": "u", "keys": keys, "providers": {"openai": choice}, "global_fallback": True, **members}


def screenshot(at: ElementPage, name: str, full: bool = True):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    at.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=full, animations="disabled")


# Fixtures, for the modules that import them.


@pytest.fixture(scope="module")
def app():
    """The foreign app."""
    with WebPages() as running:
        running.pages = {"/index.html": PAGE, "/app.js": SCRIPT, "/app.css": STYLE}
        yield running


@pytest.fixture(scope="module")
def service(module_service, app):
    made = module_service(LATCHKEY_CORS_ORIGINS=app.origin)
    app.strict_policy(f"http://127.0.0.1:{made.port}")
    return made


@pytest.fixture
def opened(chromium, app, service):
    """Makes pages, each for a user of its own."""
    contexts = []

    def make(size: str = "wide", **options) -> ElementPage:
        width, height = SIZES.get(size, SIZES["wide"])
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        return ElementPage(context.new_page(), app.origin, service, f"user-{next(COUNTER)}")

    yield make
    for context in contexts:
        context.close()


__all__ = ["PAGE", "SCRIPT", "STYLE", "ElementPage", "app", "expect", "fake_key", "opened", "service"]
