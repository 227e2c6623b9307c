"""`<latchkey-keys>` in Chromium, inside a page of another origin with a strict policy, as people use it."""

import pytest

from element_page import PAGE, SCRIPT, STYLE, app, expect, fake_key, opened, service, shown_key
from harness import wait_until
from web_pages import WebPages

__all__ = ["app", "opened", "service"]


class TestAForeignPage:
    def test_keys_are_added_checked_named_and_removed(self, opened):
        at = opened().open()
        good, bad, odd, second = fake_key("valid"), fake_key("invalid"), fake_key("teapot"), fake_key("nocredit")
        at.add("OpenAI", good, "Mine")
        expect(at.row("Mine").locator(".verdict")).to_have_text("Works")
        at.add("Anthropic", bad)
        expect(at.page.locator("dialog[open] .verdict")).to_have_text("Refused")
        expect(at.page.locator("dialog[open] .advice")).to_contain_text("Anthropic does not know this key")
        at.page.get_by_role("button", name="Done").click()
        at.add("Google Gemini", odd)
        expect(at.page.locator("dialog[open] .verdict")).to_have_text("Not checked")
        at.page.get_by_role("button", name="Done").click()
        at.add("OpenAI", second, "Team", another=True)
        at.page.get_by_role("button", name="Done").click()
        expect(at.row("Team").locator(".chip")).to_have_text("team")
        saved = at.heard("key-saved")
        assert [(key["provider"], key["name"], key["verdict"]) for key in saved] == [
            ("openai", "default", "valid"),
            ("anthropic", "default", "invalid"),
            ("gemini", "default", "unknown"),
            ("openai", "team", "no_credit"),
        ]
        at.details("Team").get_by_role("button", name="Check again").click()
        at.until_heard("key-validated")
        at.details("Mine").get_by_role("button", name="Remove").click()
        expect(at.page.locator("dialog[open]")).to_contain_text("Remove Mine?")
        at.page.locator("dialog[open]").get_by_role("button", name="Remove").click()
        expect(at.row("Mine")).to_have_count(0)
        at.until_heard("key-removed")
        assert at.heard("key-removed") == [{"provider": "openai", "name": "default"}]
        page = at.everything()
        assert not [key for key in (good, bad, odd, second) if key in page]
        at.assert_clean()
        at.open()
        expect(at.row("Team")).to_be_visible()
        assert {key["name"] for key in at.client.status(at.user)["keys"]} == {"team", "default"}

    def test_another_key_becomes_the_default(self, opened):
        at = opened()
        at.client.store(at.user, "openai", fake_key(), label="Old")
        at.client.store(at.user, "openai", fake_key(), label="New", name="new")
        at.open()
        expect(at.page.locator(".card")).to_contain_text("Calls use Old.")
        at.details("New").get_by_role("button", name="Make default").click()
        expect(at.page.locator(".card")).to_contain_text("Calls use New.")
        expect(at.row("New").locator(".chip")).to_have_text("Default")
        assert at.heard("default-changed") == [{"provider": "openai", "name": "new"}]
        assert at.focused() == "Details of New"
        kept = {key["label"]: key["name"] for key in at.client.status(at.user)["keys"]}
        assert kept == {"New": "default", "Old": "new"}

    def test_a_page_imports_it_from_the_service_by_its_address(self, opened):
        at = opened()
        at.open(modules=f"{at.endpoint}/ui")
        at.add("OpenAI", fake_key(), "Mine")
        expect(at.row("Mine").locator(".verdict")).to_have_text("Works")
        at.open(modules=f"{at.endpoint}/ui", attributes={"lang": "de"})
        expect(at.page.get_by_role("heading", name="API-Schlüssel")).to_be_visible()
        at.assert_clean()

    def test_an_origin_that_is_not_configured_is_refused_in_words(self, opened, service):
        at = opened()
        with WebPages() as stranger:
            stranger.pages = {"/index.html": PAGE, "/app.js": SCRIPT, "/app.css": STYLE}
            at.origin = stranger.origin
            at.open(wait=False)
            expect(at.page.get_by_role("alert")).to_contain_text("does not allow this site to call it")
            assert at.heard("latchkey-error")[0]["code"] == "network_error"
            at.open(modules=f"{at.endpoint}/ui", wait=False)
            assert "Failed to fetch" in at.page.evaluate("window.loaded")
            assert at.page.evaluate("customElements.get('latchkey-keys')") is None

    def test_a_token_that_is_over_is_asked_for_again(self, opened):
        at = opened()
        at.open(tokens=[at.token(seconds=-10), at.token()])
        assert at.page.evaluate("asked").count(True) >= 1
        at.assert_clean()

    def test_a_token_that_nobody_renews_is_said_in_words(self, opened):
        at = opened()
        at.open(tokens=[at.token(seconds=-10)], wait=False)
        expect(at.page.get_by_role("alert")).to_contain_text("Sign in again")
        at.page.get_by_role("button", name="Try again").wait_for()

    def test_properties_that_were_set_before_the_module_count(self, opened):
        at = opened().open(early=True)
        expect(at.page.get_by_role("heading", name="API keys")).to_be_visible()

    def test_without_anybody_signed_in_it_says_so(self, opened):
        at = opened().open(tokens=None, wait=False)
        expect(at.page.get_by_text("Nobody is signed in here yet.")).to_be_visible()
        assert at.heard("latchkey-error") == []

    def test_only_the_providers_that_the_app_names_are_shown_in_its_order(self, opened):
        at = opened().open(attributes={"providers": "gemini, openai,nowhere"})
        assert at.page.locator(".rows .name").all_inner_texts() == ["Google Gemini", "OpenAI"]

    def test_with_a_set_up_token_it_keeps_the_shared_keys(self, opened, service):
        at = opened().open(setup_token=service.env["LATCHKEY_SETUP_TOKEN"])
        expect(at.page.get_by_role("heading", name="Shared keys").first).to_be_visible()
        at.page.locator("#search").fill("openrouter")
        at.add("OpenRouter", fake_key())
        expect(at.page.locator(".card")).to_contain_text("OpenRouter")
        expect(at.page.get_by_role("switch")).to_have_count(0)
        keys = at.client.status_initial().json()["keys"]
        assert [key["provider"] for key in keys] == ["openrouter"]


class TestTheForm:
    def test_the_key_is_a_password_that_nothing_remembers(self, opened):
        at = opened().open()
        at.page.get_by_role("button", name="Add key for OpenAI").click()
        field = at.page.locator("#key")
        expect(field).to_be_focused()
        wanted = {"type": "password", "autocomplete": "off", "spellcheck": "false", "data-1p-ignore": "", "dir": "ltr"}
        assert {name: field.get_attribute(name) for name in wanted} == wanted
        field.fill("sk-fake")
        at.page.get_by_role("button", name="Show", exact=True).click()
        assert field.get_attribute("type") == "text"
        at.page.get_by_role("button", name="Hide", exact=True).click()
        assert field.get_attribute("type") == "password"
        at.page.keyboard.press("Escape")
        wait_until(lambda: "sk-fake" not in at.everything(), 5, "the field is wiped")
        assert at.focused() == "Add key for OpenAI"
        at.page.get_by_role("button", name="Add key for OpenAI").click()
        assert field.input_value() == ""

    def test_what_was_pasted_stays_when_it_could_not_be_sent(self, opened):
        at = opened().open()
        problem = {"code": "store_unavailable", "status": 503, "detail": "away", "title": "x", "request_id": "r"}
        at.answer("POST", "/api/api-keys/set", 503, problem)
        at.add("OpenAI", "sk-fake-valid-kept-1")
        expect(at.page.locator("dialog[open]").get_by_role("alert")).to_contain_text("cannot reach its database")
        assert at.page.locator("#key").input_value() == "sk-fake-valid-kept-1"
        assert at.page.locator("#key").get_attribute("type") == "password"
        at.page.unroute_all()
        at.page.get_by_role("button", name="Save and check").click()
        expect(at.page.locator("dialog[open]")).to_have_count(0)
        wait_until(lambda: "sk-fake-valid-kept-1" not in at.everything(), 5, "the field is wiped")

    @pytest.mark.parametrize(
        "pasted, hint",
        [
            ("sk-proj-" + "a" * 40, "never shown again"),
            ("something-else-entirely", "does not look like OpenAI’s usual keys"),
            ("sk-ant-api03-" + "a" * 93 + "AA", "looks like a key for Anthropic"),
            ("sk-…1234", "masked key"),
        ],
    )
    def test_how_a_key_looks_is_a_hint_and_blocks_nothing(self, opened, pasted, hint):
        at = opened().open()
        at.page.get_by_role("button", name="Add key for OpenAI").click()
        at.page.locator("#key").fill(pasted)
        expect(at.page.locator("#key-hint")).to_contain_text(hint)
        expect(at.page.get_by_role("button", name="Save and check")).to_be_enabled()

    def test_blanks_around_a_key_are_left_out(self, opened, provider):
        at = opened().open()
        key = fake_key()
        at.add("OpenAI", f"\u200b  {key}\t ")
        expect(at.page.locator("dialog[open]")).to_have_count(0)
        assert provider.requests(key)

    def test_further_values_are_asked_for_and_sent(self, opened):
        at = opened().open()
        at.page.locator("#search").fill("azure")
        at.add("Azure OpenAI", "0" * 32)
        expect(at.page.locator("dialog[open]").get_by_role("alert")).to_contain_text("Azure resource name")
        at.page.locator("#field-resource").fill("example-resource")
        at.answer("POST", "/api/api-keys/set", 200, shown_key(provider="azure-openai"))
        with at.page.expect_request(lambda request: request.method == "POST") as sent:
            at.page.get_by_role("button", name="Save and check").click()
        body = sent.value.post_data_json
        assert body["fields"] == {"resource": "example-resource"} and body["name"] == "default"

    def test_a_name_that_is_taken_replaces_nothing(self, opened):
        at = opened()
        at.client.store(at.user, "openai", fake_key(), name="default", label="First")
        at.open()
        at.page.get_by_role("button", name="Add another key for OpenAI").click()
        at.page.locator("#key").fill(fake_key())
        at.page.locator("summary").click()
        at.page.locator("#name").fill("default")
        at.page.get_by_role("button", name="Save and check").click()
        expect(at.page.locator("dialog[open]").get_by_role("alert")).to_contain_text(
            "There is a key named default already"
        )
        at.page.locator("#name").fill("")
        at.page.locator("#label").fill("Größe 2 / Büro")
        assert at.page.locator("#name").get_attribute("placeholder") == "gro-e-2-bu-ro"

    def test_a_key_is_replaced_under_its_name(self, opened):
        at = opened()
        at.client.store(at.user, "anthropic", fake_key("invalid"), label="Mine", expires_at="2099-05-01T10:00:00Z")
        at.client.validate(at.user, "anthropic")
        at.open()
        at.row("Mine").get_by_role("button", name="Replace").click()
        expect(at.page.get_by_role("heading", name="Replace Mine")).to_be_visible()
        at.page.locator("#key").fill(fake_key("valid"))
        at.page.get_by_role("button", name="Save and check").click()
        expect(at.row("Mine").locator(".verdict")).to_have_text("Works")
        kept = at.client.status(at.user)["keys"]
        assert [(key["name"], key["label"], key["expires_at"]) for key in kept] == [
            ("default", "Mine", "2099-05-01T10:00:00Z")
        ]
