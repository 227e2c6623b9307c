"""What `<latchkey-keys>` shows: verdicts, choices, times, and texts that somebody else has stored."""

import pytest

from element_page import OVERFLOW, VERDICTS, app, expect, fake_key, opened, service, shown_key, shown_status

__all__ = ["app", "opened", "service"]


class TestWhatIsShown:
    def test_each_verdict_has_words_and_what_to_do(self, opened):
        at = opened()
        keys = [shown_key(name=verdict, label=f"key {verdict}", verdict=verdict) for verdict in VERDICTS]
        at.answer("GET", "/api/api-keys/status", 200, shown_status(keys))
        at.open()
        words = {verdict: at.row(f"key {verdict}").locator(".verdict").inner_text() for verdict in VERDICTS}
        assert len(set(words.values())) == 9 and all(words.values())
        advice = {verdict: at.row(f"key {verdict}").locator(".advice p") for verdict in VERDICTS}
        assert advice["valid"].count() == 0
        texts = {advice[verdict].inner_text() for verdict in VERDICTS if verdict != "valid"}
        assert len(texts) == 8 and all(len(text) > 30 for text in texts)

    @pytest.mark.parametrize(
        "choice, words",
        [
            ({"source": "user", "name": "default", "verdict": "valid", "is_valid": True}, "Calls use Mine."),
            ({"source": "user", "name": "default", "verdict": "invalid", "is_valid": False}, "Calls fail"),
            ({"source": "global", "name": "default", "verdict": "valid", "is_valid": True}, "Uses a shared key"),
            ({"source": "global", "name": "default", "verdict": "invalid", "is_valid": False}, "does not work now"),
            ({"source": "environment", "name": None, "verdict": None, "is_valid": False}, "Uses a shared key"),
            ({"source": "none", "name": None, "verdict": None, "is_valid": False}, "No default key"),
        ],
    )
    def test_which_key_serves_a_call_and_why(self, opened, choice, words):
        at = opened()
        name = "default" if choice["source"] == "user" else "side"
        status = shown_status([shown_key(label="Mine", name=name)], providers={"openai": {**choice, "reason": "x"}})
        at.answer("GET", "/api/api-keys/status", 200, status)
        at.open()
        expect(at.page.locator(".card").first).to_contain_text(words)

    def test_times_and_ends_are_in_words(self, opened):
        at = opened()
        at.page.clock.set_fixed_time("2026-08-10T12:00:00Z")
        keys = [
            shown_key(name="a", label="A", last_used_at="2026-08-07T12:00:00Z", expires_at="2026-08-17T12:00:00Z"),
            shown_key(name="b", label="B", expires_at="2026-08-09T00:00:00Z"),
            shown_key(name="c", label="C", expires_at="2027-08-09T00:00:00Z"),
        ]
        at.answer("GET", "/api/api-keys/status", 200, shown_status(keys))
        at.open()
        expect(at.row("A")).to_contain_text("Used 3 days ago")
        expect(at.row("A")).to_contain_text("Expires in 7 days")
        expect(at.row("B").locator(".verdict")).to_have_text("Expired")
        expect(at.row("C")).not_to_contain_text("Expires")

    def test_a_check_that_decided_nothing_is_told_from_the_verdict(self, opened):
        at = opened()
        evidence = {"http_status": None, "code": "timeout", "checked_at": "2026-08-01T12:00:00Z", "decisive": False}
        at.answer("GET", "/api/api-keys/status", 200, shown_status([shown_key(label="Mine", evidence=evidence)]))
        at.open()
        expect(at.details("Mine")).to_contain_text("no clear answer (no answer in time)")
        expect(at.row("Mine").locator(".verdict")).to_have_text("Works")

    def test_links_lead_to_https_only_and_tell_nothing(self, opened):
        at = opened()
        entry = {"base_url": "https://x", "docs_url": "", "patterns": [], "fields": [], "env": []}
        wrong = [
            "javascript:alert(1)",
            "http://example.com",
            "https://user:pw@example.com",
            "data:text/html,x",
            "//x",
            "",
        ]
        providers = [
            {**entry, "id": f"p{number}", "name": f"P{number}", "keys_url": url} for number, url in enumerate(wrong)
        ]
        providers.append({**entry, "id": "good", "name": "Good", "keys_url": "https://example.com/keys"})
        at.answer("GET", "/api/api-keys/providers", 200, {"catalogue_date": "2026-01-01", "providers": providers})
        at.open()
        at.page.get_by_role("button", name="Show 1 more provider").click()
        links = at.page.locator("a")
        assert [link.get_attribute("href") for link in links.all()] == ["https://example.com/keys"]
        assert links.first.get_attribute("rel") == "noopener noreferrer"
        assert links.first.get_attribute("target") == "_blank"

    def test_the_search_finds_and_counts(self, opened):
        at = opened().open()
        at.page.locator("#search").fill("open")
        names = at.page.locator(".rows .name").all_inner_texts()
        assert names and all("open" in name.lower() for name in names)
        expect(at.page.locator("[role=status]").last).to_have_text(f"{len(names)} providers found")
        at.page.locator("#search").fill("zzzz")
        expect(at.page.get_by_text("No provider matches")).to_be_visible()

    def test_switches_turn_at_once_and_back_when_refused(self, opened):
        at = opened().open()
        switch = at.page.get_by_role("switch", name="Use shared keys")
        expect(switch).to_be_checked()
        switch.click()
        at.until_heard("settings-changed")
        assert at.client.status(at.user)["global_fallback"] is False
        at.answer("PUT", "/api/api-keys/settings", 500, {"code": "internal", "status": 500, "detail": "broken"})
        switch.click()
        expect(at.page.get_by_role("alert").first).to_contain_text("broken")
        expect(switch).not_to_be_checked()

    def test_a_removal_that_fails_brings_the_row_back(self, opened):
        at = opened()
        at.client.store(at.user, "openai", fake_key(), label="Mine")
        at.open()
        at.answer(
            "DELETE", "/api/api-keys/openai?name=default", 500, {"code": "internal", "status": 500, "detail": "no"}
        )
        at.details("Mine").get_by_role("button", name="Remove").click()
        at.page.locator("dialog[open]").get_by_role("button", name="Remove").click()
        expect(at.page.get_by_role("alert").first).to_contain_text("That did not work.")
        expect(at.row("Mine")).to_be_visible()
        assert at.heard("key-removed") == []
        assert at.heard("latchkey-error")[0]["code"] == "internal"


PAYLOADS = [
    "<img src=x onerror=\"window.pwned = 'img'\">",
    "<script>window.pwned = 'script'</script>",
    "{{constructor.constructor('window.pwned=1')()}}",
    "${window.pwned = 1}",
    "\u202egnp.exe\u202c\u2066\u2067 mixed \u200f",
    "مفتاح العمل (1)",
    '"><svg onload=alert(1)>',
    "x" * 100_000,
    "\u0301" * 2_000,
    "</style></slot></dialog>",
]


class TestHostileTexts:
    @pytest.mark.parametrize("number", range(len(PAYLOADS)))
    def test_a_stored_text_is_a_text(self, opened, number):
        text = PAYLOADS[number]
        at = opened("phone")
        key = shown_key(
            label=text, name=text, key_hint=text, base_url=text, kind=text, verdict="invalid",
            evidence={"http_status": 401, "code": text, "checked_at": "2026-08-01T12:00:00Z", "decisive": False},
        )  # fmt: skip
        providers = [
            {"id": "openai", "name": text, "base_url": text, "docs_url": text, "keys_url": text, "patterns": [text, "(a+)+$"],
             "fields": [{"name": "f", "label": text, "required": True}], "env": []}
        ]  # fmt: skip
        at.answer("GET", "/api/api-keys/status", 200, shown_status([key], user_id=text))
        at.answer("GET", "/api/api-keys/providers", 200, {"catalogue_date": text, "providers": providers})
        problem = {"code": text[:80], "status": 400, "detail": text, "title": text, "request_id": text}
        at.answer("POST", "/api/api-keys/validate/openai?**", 400, problem)
        at.open()
        at.page.locator("[data-act=details]").click()
        at.page.locator(".actions [data-act=check]").click()
        at.page.get_by_text("That did not work.").wait_for()
        at.page.locator("[data-act=add]").click()
        at.page.locator("#key").fill("a" * 40 + "!")
        at.page.keyboard.press("Escape")
        shadow = "document.querySelector('latchkey-keys').shadowRoot"
        found = at.page.evaluate(f"[...{shadow}.querySelectorAll('*')].map((node) => node.localName)")
        assert not {"img", "script", "style", "iframe", "object"} & set(found)
        assert at.page.evaluate("window.pwned") is None
        assert at.page.evaluate(OVERFLOW) == []
        assert at.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert at.page.locator("latchkey-keys").bounding_box()["height"] < 4000
        if number < 4:
            assert at.page.locator(".key .name bdi").first.inner_text() == text
        at.assert_clean()

    def test_the_service_keeps_such_a_label_and_the_element_shows_it(self, opened):
        at = opened()
        label = PAYLOADS[0]
        at.client.store(at.user, "openai", fake_key(), label=label)
        at.open()
        expect(at.row(label)).to_be_visible()
        assert at.page.evaluate("window.pwned") is None
        at.assert_clean()

    def test_marks_in_a_text_do_not_turn_its_neighbours(self, opened):
        at = opened()
        keys = [shown_key(label="\u202eabc", name="one"), shown_key(label="plain", name="two")]
        at.answer("GET", "/api/api-keys/status", 200, shown_status(keys))
        at.open()
        box = at.row("abc").locator("bdi").first
        assert box.evaluate("node => [node.textContent, getComputedStyle(node).unicodeBidi]") == ["abc", "isolate"]
