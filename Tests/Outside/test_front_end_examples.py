"""The example pages and the paper's pages work as they stand, against a service on another port."""

import re

import pytest

import tokens
from client import fake_key
from element_page import expect
from harness import REPOSITORY
from web_pages import WebPages

PAPER = (REPOSITORY / "docs" / "front-end.md").read_text(encoding="utf-8")
EXAMPLES = REPOSITORY / "examples" / "web"
BLOCKS = re.findall(r"^```html\n(.*?)^```", PAPER, re.MULTILINE | re.DOTALL)
# As much of React as the example uses, and no more: what is tried is the example's own code, not React.
REACT = """
let state = [];
let at = 0;
let draw = () => {};
export const effects = [];
export const createElement = (type, properties, ...children) => ({ type, properties: properties ?? {}, children });
export const useRef = (current) => useState(() => ({ current }))[0];
export function useState(first) {
  const here = at++;
  if (!(here in state)) state[here] = typeof first === "function" ? first() : first;
  return [state[here], (value) => { state[here] = value; draw(); }];
}
export const useEffect = (effect) => { const here = at++; if (!(here in state)) { state[here] = true; effects.push(effect); } };
export const begin = (again) => { at = 0; draw = again; };
"""
REACT_DOM = """
import { begin, effects } from "react";
function make({ type, properties, children }) {
  const { ref, ...attributes } = properties;
  const element = document.createElement(type);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.map((child) => (typeof child === "string" ? child : make(child))));
  if (ref) ref.current = element;
  return element;
}
export const createRoot = (place) => ({
  render({ type }) {
    let isFirst = true;
    const draw = () => {
      begin(draw);
      const tree = type();
      if (isFirst) place.replaceChildren(make(tree));
      else place.querySelector("output").textContent = tree.children.at(-1).children[0];
      isFirst = false;
      while (effects.length) effects.shift()();
    };
    draw();
  },
});
"""


@pytest.fixture
def app():
    with WebPages() as running:
        yield running


@pytest.fixture
def service(make_service, app):
    return make_service(LATCHKEY_CORS_ORIGINS=app.origin)


@pytest.fixture
def page(chromium):
    context = chromium.new_context()
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    yield page
    assert page.errors == []
    context.close()


def here(text: str, service) -> str:
    assert "http://127.0.0.1:8080" in text
    return text.replace("http://127.0.0.1:8080", f"http://127.0.0.1:{service.port}")


def add_a_key(page):
    page.get_by_role("button", name="Add key for OpenAI").click()
    page.locator("#key").fill(fake_key())
    page.get_by_role("button", name="Save and check").click()
    expect(page.locator(".card .verdict")).to_have_text("Works")


def test_the_plain_page(app, service, page):
    app.pages["/plain.html"] = here((EXAMPLES / "plain.html").read_text(), service)
    page.goto(f"{app.origin}/plain.html")
    page.get_by_label("A token, to try this out").fill(tokens.mint(service.jwt_secret, "alice"))
    page.get_by_role("button", name="Sign in").click()
    add_a_key(page)
    expect(page.locator("output")).to_have_text("openai is ready.")
    assert service.client().status("alice")["keys"][0]["provider"] == "openai"


def test_the_react_page_with_a_stand_in_for_react(app, service, page):
    app.pages["/react.html"] = here((EXAMPLES / "react.html").read_text(), service)
    app.pages["/vendor/react.js"], app.pages["/vendor/react-dom-client.js"] = REACT, REACT_DOM
    page.route("**/latchkey-token", lambda route: route.fulfill(body=tokens.mint(service.jwt_secret, "alice")))
    page.goto(f"{app.origin}/react.html")
    add_a_key(page)
    expect(page.locator("output")).to_have_text("openai: valid")


def test_the_papers_page(app, service, page):
    assert len(BLOCKS) == 2
    page.route("**/latchkey-token", lambda route: route.fulfill(body=tokens.mint(service.jwt_secret, "alice")))
    body = here("".join(BLOCKS), service)
    app.pages["/index.html"] = f'<!doctype html><html lang="en"><title>paper</title><body>{body}</body></html>'
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{app.origin}/index.html")
    expect(page.get_by_role("heading", name="Clés d’API")).to_be_visible()
    page.get_by_role("button", name="Ajouter").or_(page.get_by_text("Ajouter")).first.click()
    page.locator("#key").fill(fake_key())
    page.get_by_role("button", name="Save and check").click()
    expect(page.locator(".card .verdict")).to_have_text("Works")
    assert "openai valid" in said


def test_the_papers_tables_are_the_code():
    code = "".join(
        path.read_text() for path in (REPOSITORY / "Sources" / "LatchkeyWeb" / "Assets").glob("element-*.js")
    )
    element = (REPOSITORY / "Sources" / "LatchkeyWeb" / "Assets" / "latchkey-keys.js").read_text()
    properties = set(re.findall(r"var\((--latchkey-[\w-]+)", code))
    assert properties == set(re.findall(r"`(--latchkey-[\w-]+)`", PAPER))
    parts = {part for text in re.findall(r'part: "([\w -]+)"', code) for part in text.split()}
    listed = PAPER.split("Parts, for `::part(…)`: ", 1)[1].split(".", 1)[0]
    assert parts == set(re.findall(r"`([\w-]+)`", listed))
    events = set(re.findall(r'#tell\("([\w-]+)"', element))
    assert events == set(re.findall(r"`([\w-]+)`", PAPER.split("| event |", 1)[1].split("Events bubble", 1)[0])) & {
        "key-saved", "key-validated", "key-removed", "default-changed", "settings-changed", "latchkey-error",
    }  # fmt: skip
    assert len(events) == 6
