"""Latchkey's own pages in a browser: what a person sees and does there, and what must never happen meanwhile."""

from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

import tokens
from harness import REPOSITORY, wait_until

SCREENSHOTS = REPOSITORY / "test-output" / "ui"
SIZES = {"1280": (1280, 900), "390": (390, 844)}
# In each document, before anything of the page's own. A binding and not a variable: a page that is left tells too.
WATCH = """
document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sample }) =>
  window.tellTest(`policy: ${violatedDirective} ${blockedURI} ${sample}`));
Object.defineProperty(window, "pwned", { set: (value) => window.tellTest(`executed: ${value}`) });
"""
# Everything that is shown or typed into fields, in all shadow trees.
EVERYTHING = """() => {
  const texts = [location.href, document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage)];
  const walk = (root) => {
    texts.push(root.innerHTML ?? "");
    for (const node of root.querySelectorAll("*")) {
      if ("value" in node) texts.push(String(node.value));
      if (node.shadowRoot) walk(node.shadowRoot);
    }
  };
  walk(document.documentElement);
  return texts.join("\\n");
}"""
# Every text, in all shadow trees.
TEXT = """() => {
  const walk = (root) => [...root.childNodes].map((node) => node.nodeType === 3 ? node.data
    : (node.shadowRoot ? walk(node.shadowRoot) : "") + walk(node)).join(" ");
  return walk(document.body);
}"""
# What reaches beyond the window's sides and is in nothing that scrolls or cuts it off.
OVERFLOW = """() => {
  const wide = [];
  const walk = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (node.shadowRoot) walk(node.shadowRoot);
      if (node.closest("svg, .unseen, .skip, [popover]")) continue;
      const box = node.getBoundingClientRect();
      if (!box.width || (box.left >= -1 && box.right <= innerWidth + 1)) continue;
      let at = node.parentElement;
      while (at && getComputedStyle(at).overflowX === "visible") at = at.parentElement;
      if (!at || at === document.body || at === document.documentElement) wide.push(node.outerHTML.slice(0, 120));
    }
  };
  walk(document.body);
  return document.documentElement.scrollWidth > innerWidth ? [...wide, "the page scrolls sideways"] : wide;
}"""


class OwnPages:
    """One person's browser at the service's pages."""

    def __init__(self, page: Page, service):
        self.page, self.service, self.faults = page, service, []
        self.origin = f"http://127.0.0.1:{service.port}"
        self.expected: list[str] = []
        page.set_default_timeout(10_000)
        page.context.expose_binding("tellTest", lambda _, text: self.faults.append(text))
        page.context.add_init_script(WATCH)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("console", lambda said: self.faults.append(f"{said.type}: {said.text}") if self.is_bad(said) else None)
        page.context.on("request", self.asked)
        page.context.on("requestfailed", self.failed)

    def asked(self, request):
        if not request.url.startswith((self.origin + "/", "data:", "blob:")):
            self.faults.append(f"request: {request.url}")

    def failed(self, request):
        """A page that is left may drop its picture; what it needs to work has to come."""
        if request.resource_type in ("script", "stylesheet", "fetch") and request.failure != "net::ERR_ABORTED":
            self.faults.append(f"failed: {request.url} {request.failure}")

    def is_bad(self, said) -> bool:
        """An answer such as 401 is written to the console by the browser itself; a test that provokes one says so."""
        return said.type in ("error", "warning") and not any(text in said.text for text in self.expected)

    def link(self, user: str, role: str | None = None) -> str:
        """The one-time link, as it comes from the command line."""
        asked = ["token", "--user", user, "--url", self.origin, "--open", *(["--role", role] if role else [])]
        done = self.service.command(*asked)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def sign_in(self, user: str, role: str | None = None) -> "OwnPages":
        self.page.goto(self.link(user, role))
        self.page.wait_for_url(f"{self.origin}/ui/")
        return self

    def code_sign_in(self, user: str, **claims) -> "OwnPages":
        """The same for user ids that no command line takes."""
        client = self.service.client()
        token = tokens.mint(self.service.jwt_secret, user, **claims)
        made = client.call("POST", "/api/session/codes", token=token)
        assert made.status_code == 201, made.text
        self.page.goto(made.json()["url"])
        self.page.wait_for_url(f"{self.origin}/ui/")
        return self

    def open(self, path: str) -> "OwnPages":
        """Opens a page and waits until it has shown what it loads."""
        self.page.goto("about:blank") if "#" in path else None
        self.page.goto(self.origin + path)
        self.page.locator("main h1").wait_for()
        wait_until(lambda: not self.is_loading(), 10, f"{path} is shown")
        return self

    def is_loading(self) -> bool:
        shown = "document.querySelector('main .page')"
        return self.page.evaluate(
            f"""!{shown}?.firstElementChild || !!document.querySelector('main .waiting, main [aria-busy=true]')
            || !!document.querySelector('latchkey-keys')?.shadowRoot.querySelector('.skeleton')"""
        )

    # The keys of a user.

    def row(self, title: str):
        return self.page.locator(".key", has=self.page.get_by_text(title, exact=True))

    def verdict(self, title: str):
        return self.row(title).locator(".verdict")

    def begin(self, provider: str, another: bool = False):
        self.page.get_by_role("button", name=f"Add {'another key' if another else 'key'} for {provider}").click()

    def add(self, provider: str, key: str, label: str, another: bool = False):
        self.begin(provider, another)
        self.page.locator("#key").fill(key)
        self.page.locator("#label").fill(label)
        self.page.get_by_role("button", name="Save and check").click()

    def details(self, title: str):
        group = self.page.get_by_role("group", name=title, exact=True)
        if not group.is_visible():
            self.page.get_by_role("button", name=f"Details of {title}", exact=True).click()
        return group

    def sign_out(self):
        self.page.get_by_role("button", name="Account and display").click()
        self.page.get_by_role("button", name="Sign out").click()
        self.page.wait_for_url(f"{self.origin}/ui/sign-in")

    # What is asked of every page.

    def everything(self) -> str:
        return self.page.evaluate(EVERYTHING)

    def text(self) -> str:
        return self.page.evaluate(TEXT)

    def overflow(self) -> list[str]:
        return self.page.evaluate(OVERFLOW)

    def screenshot(self, name: str) -> Path:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        self.page.evaluate("scrollTo(0, 0)")  # what sticks to the top would stand in the middle of the picture
        # What covers the window does not cover the page.
        is_over = self.page.locator("dialog[open], [popover]:popover-open").count() > 0
        self.page.screenshot(path=path, full_page=not is_over, animations="disabled")
        return path

    def assert_clean(self):
        assert self.faults == [], self.faults


@contextmanager
def own_pages(chromium: Browser, service, size: str = "1280", **options):
    width, height = SIZES[size]
    options = {"locale": "en-GB", "viewport": {"width": width, "height": height}, **options}
    context = chromium.new_context(**options)
    try:
        yield OwnPages(context.new_page(), service)
    finally:
        context.close()
