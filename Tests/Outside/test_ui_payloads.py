"""Texts that somebody stores to hurt whoever reads them: on every page of Latchkey's own they are texts, no more."""

import json
from urllib.parse import quote

import pytest
from playwright.sync_api import expect as shown

import expect
import tokens
from client import fake_key
from harness import Latchkey
from scripted_answers import error_body, json_answer
from scripted_provider import ScriptedProvider
from ui_pages import own_pages

# Each fits where the least room is, a user id of 64 characters. `gotcha` tells whether it is shown.
PAYLOADS = {
    "img": "<img src=/gotcha onerror=\"pwned='img'\">",
    "script": "<script>pwned='script'</script>gotcha",
    "svg": "\"'><svg onload=pwned='svg'>gotcha</svg>",
    "braces": "{{7*7}}${7*7}{{pwned='gotcha'}}#{7*7}<%=7*7%>",
    "marks": "\u202egotcha\u2067exe.\u200f\u2066\u200egnp",
    "link": "javascript:pwned='gotcha'//https://evil.example/",
    "closers": "</title></script></style></template><base href=//evil>gotcha",
}
LONG = 100 * 1024
# Elements that no page of ours has, or not so; attributes that hold code.
STRANGE = """() => {
  const strange = [];
  const walk = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (node.shadowRoot) walk(node.shadowRoot);
      const name = node.localName;
      const ours = { img: ["/ui/icon.svg"], script: ["/ui/"], link: ["/ui/"], a: ["/ui/", "#", "https://"] }[name];
      const target = node.getAttribute(name === "link" || name === "a" ? "href" : "src") ?? "";
      const leadsOut = () => /evil|gotcha/.test(new URL(target, location).host);
      const isWrong = ours ? !ours.some((start) => target.startsWith(start)) || leadsOut()
        : ["iframe", "object", "embed", "base", "frame", "applet", "math"].includes(name);
      const hasCode = node.getAttributeNames().some((attribute) => /^on|^srcdoc$|^formaction$/.test(attribute))
        || /url\\(|gotcha/.test(node.getAttribute("style") ?? "");
      if (isWrong || hasCode) strange.push(node.outerHTML.slice(0, 200));
    }
  };
  walk(document);
  return strange;
}"""
# Texts of strangers that share their line with other words and are not apart in their direction.
OPEN_TO_NEIGHBOURS = """() => {
  const found = [];
  const isApart = (node) => {
    if (/\\u2068[^\\u2069]*gotcha/.test(node.data)) return true;
    const own = node.data.trim();
    for (let at = node.parentElement; at && at.textContent.trim() === own; at = at.parentElement) {
      if (/isolate|plaintext/.test(getComputedStyle(at).unicodeBidi)) return true;
    }
    return false;
  };
  const walk = (root) => {
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const { currentNode: node } = texts;
      if (!node.data.includes("gotcha") || node.parentElement?.closest("title, option")) continue;
      if (!isApart(node)) found.push(node.parentElement.outerHTML.slice(0, 200));
    }
    for (const node of root.querySelectorAll("*")) if (node.shadowRoot) walk(node.shadowRoot);
  };
  walk(document.documentElement);
  return found;
}"""


class HostileProvider(ScriptedProvider):
    """Says in every part of a refusal what a page should rather not run."""

    def choose(self, vendor, method, target, key):
        if "-hostile-" not in key:
            return super().choose(vendor, method, target, key)
        payload = next(text for name, text in PAYLOADS.items() if f"-{name}-" in key)
        value = error_body(vendor, 401, payload + "x" * LONG, payload, payload)
        # A field of a head has no line breaks and nothing outside of Latin-1, whoever sends it.
        return json_answer(401, {**value, payload: payload}, headers=(("X-Request-Id", ascii(payload)),))


def fill(service, name: str, payload: str):
    """A user whose id, labels and models are the payload, and whose provider answers with it."""
    client = service.client()
    label = (payload + " " + payload)[:120]
    assert client.set(payload, "openai", fake_key(), label=label).status_code == 200
    assert client.set(payload, "anthropic", fake_key(f"hostile-{name}"), label=payload).status_code == 200
    assert client.set(payload, "gemini", fake_key(f"hostile-{name}"), label=payload).status_code == 200
    token = {"scopes": ["status"], "label": payload}
    expect.success(client.as_user(payload, "POST", "/api/access-tokens", json=token), 201)
    budget = {"metric": "tokens", "per": "day", "amount": 5000}
    expect.success(client.as_user(payload, "PUT", "/api/budgets", json=budget))
    counts = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10}
    attributes = {"gen_ai.provider.name": "openai", "gen_ai.response.model": payload, **counts}
    told = {"id": f"event-{name}", "user_id": payload, "attributes": attributes}
    expect.success(client.call("POST", "/api/service/usage", token=client.service_token, json=told))
    # The same as a name: that is refused, so no page has to show it.
    expect.problem(client.set(payload, "mistral", fake_key(), name=payload), 400, "invalid_name")


@pytest.fixture(scope="module")
def hostile(binary, tmp_path_factory):
    with HostileProvider() as provider:
        service = Latchkey(tmp_path_factory.mktemp("hostile"), provider).start()
        for name, payload in PAYLOADS.items():
            fill(service, name, payload)
        admin = tokens.mint(service.jwt_secret, "operator", roles=["admin"])
        for name in ("mistral", "openai"):
            answer = service.client().set_initial(name, fake_key(), token=admin, label=PAYLOADS["img"])
            assert answer.status_code == 200, answer.text
        yield service
        service.end()


def assert_inert(at, where: str):
    assert at.faults == [], where
    assert at.page.evaluate(STRANGE) == [], where
    assert at.page.evaluate(OPEN_TO_NEIGHBOURS) == [], where
    assert at.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), where


def comparable(text: str) -> str:
    """Marks of direction may be left out of what is shown."""
    return "".join(mark for mark in text if mark not in "\u200e\u200f\u202e\u2066\u2067\u2068\u2069")


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_user_who_is_a_payload(chromium, hostile, name):
    payload = PAYLOADS[name]
    with own_pages(chromium, hostile, "390") as at:
        page = at.page
        at.code_sign_in(payload)
        shown(page.locator(".key")).to_have_count(3)
        assert_inert(at, "the notice after signing in")
        for path, is_shown in (("/ui/usage", True), ("/ui/activity", False), ("/ui/security", True), ("/ui/", True)):
            at.open(path)
            if path == "/ui/usage":
                page.get_by_role("radio", name="Model").check(force=True)
            page.get_by_role("button", name="Account and display").click()
            text = comparable(at.text())
            assert comparable(payload) in text, path
            assert text.count(comparable(payload)) > is_shown, path
            assert_inert(at, path)
        # Its dialogs: the title of one is the label, and the answer to a check is the provider's.
        page.keyboard.press("Escape")
        page.locator("[data-act=details]").last.click()
        page.locator(".actions [data-act=check]").click()
        shown(page.locator(".actions [data-act=check]")).to_be_enabled()
        page.locator(".actions [data-act=replace]").click()
        assert comparable(payload) in comparable(page.locator("dialog[open] h2").inner_text())
        assert_inert(at, "replace")
        page.keyboard.press("Escape")
        page.locator(".actions [data-act=remove]").click()
        assert comparable(payload) in comparable(page.locator("dialog[open] h2").inner_text())
        assert_inert(at, "remove")


def test_the_administrator_who_reads_them(chromium, hostile):
    with own_pages(chromium, hostile) as at:
        at.code_sign_in("operator", roles=["admin"])
        every = {comparable(payload) for payload in PAYLOADS.values()}
        for path, wanted in (
            ("/ui/admin", set()),
            ("/ui/admin#failing", every),
            ("/ui/admin#users", every),
            ("/ui/admin#shared", {PAYLOADS["img"]}),
            ("/ui/admin#usage", set()),
            *((f"/ui/admin#user?id={quote(payload, safe='')}", {comparable(payload)}) for payload in PAYLOADS.values()),
        ):
            at.open(path)
            text = comparable(at.text())
            assert all(payload in text for payload in wanted), path
            assert_inert(at, path)


@pytest.mark.parametrize("name", ["img", "marks"])
def test_what_the_service_itself_would_say(chromium, hostile, name):
    """A problem, and a list, made of 100 KB of it: whatever a provider or a proxy puts in, it is shown as text."""
    payload = PAYLOADS[name]
    long = payload + "gotcha" * (LONG // 6)
    problem = {"type": long, "code": payload, "title": long, "status": 500, "detail": long, "request_id": payload}
    with own_pages(chromium, hostile, "390") as at:
        at.code_sign_in("reader", roles=["admin"])
        at.expected = ["500"]
        answer = json.dumps(problem)
        at.page.route(
            lambda url: "/api/" in url and not url.endswith("/api/session"),
            lambda route: route.fulfill(status=500, content_type="application/problem+json", body=answer),
        )
        for path in ("/ui/", "/ui/usage", "/ui/activity", "/ui/security", "/ui/admin"):
            at.page.goto(at.origin + path)
            at.page.get_by_role("button", name="Try again").first.wait_for()
            assert_inert(at, path)


@pytest.mark.parametrize("name", ["img", "braces", "link"])
def test_what_an_address_carries(chromium, hostile, name):
    """Anybody can write a link: its fragment and its query are no words of ours, and lead nowhere else."""
    payload, written = PAYLOADS[name], quote(PAYLOADS[name], safe="")
    with own_pages(chromium, hostile) as at:
        at.expected = ["401"]
        for path in (f"/ui/sign-in#error={written}", f"/ui/sign-in#code={written}", f"/ui/setup#{written}"):
            at.open(path)
            assert comparable(payload) not in comparable(at.text()), path
            assert_inert(at, path)
        at.page.goto("about:blank")
        client = hostile.client()
        made = client.call("POST", "/api/session/codes", token=tokens.mint(hostile.jwt_secret, "reader"))
        code = made.json()["code"]
        at.page.goto(f"{at.origin}/ui/sign-in?next={written}#code={code}")
        at.page.wait_for_url(f"{at.origin}/ui/")
        assert_inert(at, "next")


ELSEWHERE = ["https://evil.example/", "//evil.example/ui/", "/\\evil.example", "/ui/../api/session"]


@pytest.mark.parametrize("address", ELSEWHERE)
def test_after_signing_in_nobody_is_sent_elsewhere(chromium, hostile, address):
    with own_pages(chromium, hostile) as at:
        made = hostile.client().call("POST", "/api/session/codes", token=tokens.mint(hostile.jwt_secret, "reader"))
        at.page.goto(f"{at.origin}/ui/sign-in?next={quote(address, safe='')}#code={made.json()['code']}")
        at.page.wait_for_url(f"{at.origin}/ui/")
        assert_inert(at, address)


def test_the_watch_itself(chromium, hostile):
    """What the tests above rely on: each kind of harm is seen when it is done by hand."""
    with own_pages(chromium, hostile) as at:
        at.open("/ui/sign-in")
        assert at.page.evaluate(STRANGE) == at.page.evaluate(OPEN_TO_NEIGHBOURS) == []
        at.page.evaluate("window.pwned = 1")
        at.page.evaluate("setTimeout(() => alert(1))")
        at.page.evaluate("fetch('https://evil.example/').catch(() => {})")
        at.page.evaluate(
            """() => {
              const image = document.createElement("img");
              image.src = "/gotcha";
              try { image.setAttribute("onerror", "pwned = 2"); } catch (error) { tellTest(`refused: ${error}`); }
              const line = document.createElement("p");
              line.append("by ", "gotcha", document.createElement("base"));
              document.body.append(image, line);
            }"""
        )
        try:
            at.page.evaluate("document.body.innerHTML = '<b>x</b>'")
        except Exception as error:
            assert "TrustedHTML" in str(error)
        at.page.wait_for_timeout(300)
        seen = " ".join(at.faults)
        for word in ("refused: ", "executed: 1", "dialog: 1", "https://evil.example/", "policy: "):
            assert word in seen, seen
        assert "executed: 2" not in seen
        assert len(at.page.evaluate(STRANGE)) == 2
        assert len(at.page.evaluate(OPEN_TO_NEIGHBOURS)) == 1
