"""A new user and a new operator at Latchkey's own pages, in Debian's Chromium against the running service."""

import datetime
import re

import pytest
from playwright.sync_api import expect as shown

import expect
from browser import accessibility_violations
from client import fake_key
from harness import START_SECONDS, wait_until
from ui_pages import SIZES, own_pages

USER, ADMIN = "new-user", "new-operator"


def restart_in_place(service):
    """The same node again at the same address, as an operator's supervisor would."""
    service.stop()
    service.launch(("--hostname", "127.0.0.1", "--port", str(service.port)))
    assert wait_until(service.listening_or_ended, START_SECONDS, "listening again") is not True, service.run_errors()


def set_up(at, service, key: str, last_key: str):
    """First set-up on its page: a wrong token, the right one, a key, and one that ends it."""
    page = at.page
    at.open("/ui/setup")
    at.expected = ["401"]
    page.get_by_label("Set-up token").fill("not-the-token")
    page.get_by_role("button", name="Continue").click()
    shown(page.get_by_text("This is not the set-up token.")).to_be_visible()
    at.expected = []
    page.get_by_label("Set-up token").fill(service.env["LATCHKEY_SETUP_TOKEN"])
    page.get_by_role("button", name="Continue").click()
    for provider, api_key, button in (
        ("openai", key, "Save and check"),
        ("anthropic", last_key, "Save and finish set-up"),
    ):
        page.get_by_label("Provider").select_option(provider)
        page.get_by_label("API key").fill(api_key)
        page.get_by_role("button", name=button).click()
        if provider == "openai":
            shown(page.locator(".row-item")).to_contain_text(f"…{key[-4:]}")
            shown(page.locator(".row-item")).to_contain_text("Works")
    shown(page.get_by_text("Set-up is finished", exact=True)).to_be_visible()


def resolved(service, name: str | None = None, provider: str = "openai") -> dict:
    return expect.success(service.client().resolve(USER, provider, name))


def test_from_the_first_set_up_to_the_day_after_a_restart(chromium, service, provider):
    shared, last = fake_key("valid", "shared"), fake_key("valid", "last")
    good, second, bad, unclear = (fake_key(*word) for word in KINDS)
    with own_pages(chromium, service) as at:
        page = at.page
        set_up(at, service, shared, last)
        # The token is over, at once and for good.
        at.open("/ui/setup")
        shown(page.get_by_text("Set-up is finished already")).to_be_visible()
        assert service.client().set_initial("gemini", fake_key()).status_code in (401, 403)
        assert resolved(service)["api_key"] == shared
        # Signing in.
        at.open("/ui/sign-in")
        shown(page.get_by_text("latchkey token --user alice --open")).to_be_visible()
        at.sign_in(USER)
        shown(page.get_by_text("No keys yet.")).to_be_visible()
        shown(page.get_by_text("Uses a shared key").first).to_be_visible()
        # A key that works closes its form; one that does not stays there and says what to do.
        at.add("OpenAI", good, "Mine")
        shown(at.verdict("Mine")).to_have_text("Works")
        shown(page.locator("dialog[open]")).to_have_count(0)
        at.add("Anthropic", bad, "Wrong one")
        shown(page.locator("dialog[open]")).to_contain_text("Refused")
        shown(page.locator("dialog[open]")).to_contain_text("does not know this key")
        page.get_by_role("button", name="Close").click()
        shown(at.verdict("Wrong one")).to_have_text("Refused")
        page.get_by_role("searchbox", name="Find a provider").fill("gemini")
        at.add("Google Gemini", unclear, "Nobody knows")
        shown(page.locator("dialog[open]")).to_contain_text("no clear answer")
        page.get_by_role("button", name="Done").click()
        shown(at.verdict("Nobody knows")).to_have_text("Not checked")
        page.get_by_role("searchbox", name="Find a provider").fill("")
        # A second key of the same provider, made the default.
        at.add("OpenAI", second, "Team", another=True)
        shown(at.verdict("Team")).to_have_text("Works")
        assert (resolved(service)["api_key"], resolved(service, "team")["api_key"]) == (good, second)
        at.details("Team").get_by_role("button", name="Make default").click()
        shown(at.row("Team").locator(".chip")).to_have_text("Default")
        shown(at.row("Mine").locator(".chip")).to_have_text("team")
        assert (resolved(service)["api_key"], resolved(service, "team")["api_key"]) == (second, good)
        # Checked again: the provider meanwhile refuses it.
        provider.answers[second] = "invalid"
        before = len(provider.requests(second))
        at.details("Team").get_by_role("button", name="Check again").click()
        shown(at.verdict("Team")).to_have_text("Refused")
        assert len(provider.requests(second)) == before + 1
        del provider.answers[second]
        at.details("Team").get_by_role("button", name="Check again").click()
        shown(at.verdict("Team")).to_have_text("Works")
        # Removed, after a question that can be answered with no.
        for answer, left in (("Cancel", 1), ("Remove", 0)):
            at.details("Wrong one").get_by_role("button", name="Remove").click()
            page.locator("dialog[open]").get_by_role("button", name=answer).click()
            shown(at.row("Wrong one")).to_have_count(left)
        # The row goes at once; the word comes when the service has done it.
        shown(page.get_by_role("status").filter(has_text="Wrong one removed.")).to_have_count(1)
        assert resolved(service, provider="anthropic")["api_key"] == last
        # Out, and in again.
        at.sign_out()
        shown(page.get_by_text("You are signed out.")).to_be_visible()
        assert page.context.cookies() == []
        page.goto(f"{at.origin}/ui/")
        page.wait_for_url(f"{at.origin}/ui/sign-in")
        at.sign_in(USER)
        still_there(at)
        # A restart takes neither the keys nor the session.
        # The page is left first: what it still loads while it is idle would meet a service that is away.
        page.goto("about:blank")
        restart_in_place(service)
        at.open("/ui/")
        still_there(at)
        assert (resolved(service)["api_key"], resolved(service, "team")["api_key"]) == (second, good)
        # All of it is on record for the user, and no key is anywhere.
        for path in ("/ui/activity", "/ui/security", "/ui/usage", "/ui/"):
            at.open(path)
            text = at.everything()
            assert not any(key in text for key in (shared, last, good, second, bad, unclear))
        at.assert_clean()


KINDS = [("valid", "mine"), ("valid", "team"), ("invalid", "wrong"), ("error500", "unclear")]


def still_there(at):
    shown(at.row("Team").locator(".chip")).to_have_text("Default")
    shown(at.verdict("Team")).to_have_text("Works")
    shown(at.row("Mine").locator(".chip")).to_have_text("team")
    shown(at.verdict("Nobody knows")).to_have_text("Not checked")
    shown(at.row("Wrong one")).to_have_count(0)


# How it looks.


@pytest.fixture(scope="module")
def lived_in(module_service):
    """A service that has been used for a while: keys of every kind, calls on many days, budgets, shared keys."""
    service = module_service()
    client = service.client()
    client.set_initial("openai", fake_key(), label="Shared by all")
    client.set_initial("mistral", fake_key())
    for user in (USER, "somebody-else"):
        for vendor, behaviour, name, label in (
            ("openai", "valid", "default", "Work, billed to the team"),
            ("openai", "nocredit", "private", "Private"),
            ("anthropic", "invalid", "default", "Old laptop"),
            ("gemini", "error500", "default", "Gemini"),
            ("openrouter", "ratelimited", "default", "Router"),
        ):
            assert client.set(user, vendor, fake_key(behaviour), name=name, label=label).status_code == 200
    client.as_user(USER, "PUT", "/api/budgets", json={"metric": "money", "per": "month", "amount": 20_000_000})
    client.as_user(USER, "POST", "/api/access-tokens", json={"scopes": ["status"], "label": "Laptop"})
    today = datetime.datetime.now(datetime.UTC)
    events = []
    for day in range(20):
        at = (today - datetime.timedelta(days=day)).isoformat(timespec="seconds").replace("+00:00", "Z")
        for vendor, model in (("openai", "gpt-4o"), ("anthropic", "claude-sonnet-4-5"), ("openai", "gpt-4o-mini")):
            calls = {
                "id": f"{model}-{day}",
                "user_id": USER,
                "time": at,
                "attributes": {
                    "gen_ai.provider.name": vendor,
                    "gen_ai.response.model": model,
                    "gen_ai.usage.input_tokens": 40_000 + 9_000 * (day * 7 % 5),
                    "gen_ai.usage.output_tokens": 3_000 + 500 * (day % 4),
                },
            }
            events.append(calls)
    told = client.call("POST", "/api/service/usage", token=client.service_token, json={"events": events})
    assert told.status_code == 200, told.text
    return service


PATHS = {
    "keys": "/ui/",
    "usage": "/ui/usage",
    "activity": "/ui/activity",
    "security": "/ui/security",
    "admin": "/ui/admin",
    "admin-failing": "/ui/admin#failing",
    "admin-users": "/ui/admin#users",
    "admin-shared": "/ui/admin#shared",
    "admin-user": f"/ui/admin#user?id={USER}",
}


def look_at(at, name: str):
    """A picture, and what no page may do at any size: scroll sideways, or keep somebody out."""
    at.screenshot(name)
    assert at.overflow() == [], name
    # Where a value was missing and nobody noticed.
    assert re.findall(r"\b(?:null|undefined|NaN|\[object \w+\]|Invalid Date)\b", at.text()) == [], name
    if not name.endswith(("1280-light", "390-dark")):
        return  # both sizes and both schemes have been asked by then
    serious = [text for text in accessibility_violations(at.page) if text.startswith(("serious", "critical"))]
    assert serious == [], name


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_how_the_pages_look(chromium, lived_in, size, scheme):
    with own_pages(chromium, lived_in, size, color_scheme=scheme, reduced_motion="reduce") as at:
        page, suffix = at.page, f"{size}-{scheme}"
        look_at(at.open("/ui/sign-in"), f"sign-in-{suffix}")
        look_at(at.open("/ui/setup"), f"setup-token-{suffix}")
        page.get_by_label("Set-up token").fill(lived_in.env["LATCHKEY_SETUP_TOKEN"])
        page.get_by_role("button", name="Continue").click()
        page.get_by_text("Shared by all").wait_for()
        look_at(at, f"setup-keys-{suffix}")
        at.code_sign_in(f"empty-{suffix}")
        page.get_by_text("No keys yet.").wait_for()
        look_at(at, f"keys-none-{suffix}")
        page.context.clear_cookies()
        at.sign_in(USER, "admin")
        for name, path in PATHS.items():
            look_at(at.open(path), f"{name}-{suffix}")
        at.open("/ui/").details("Old laptop")
        look_at(at, f"keys-details-{suffix}")
        page.get_by_role("searchbox", name="Find a provider").fill("mistral")
        at.begin("Mistral")
        at.assert_clean()
        look_at(at, f"form-{suffix}")
        page.keyboard.press("Escape")
        page.get_by_role("searchbox", name="Find a provider").fill("")
        at.details("Old laptop").get_by_role("button", name="Remove").click()
        look_at(at, f"form-remove-{suffix}")
        page.locator("dialog[open]").get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Account and display").click()
        look_at(at, f"menu-{suffix}")
        at.assert_clean()
