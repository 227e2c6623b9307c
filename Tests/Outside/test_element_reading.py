"""`<latchkey-keys>` for everybody: keys alone, screen readers, narrow windows, languages, directions; and what it weighs."""

import re

import pytest

from browser import accessibility_violations
from element_page import (
    OVERFLOW,
    SIZES,
    VERDICTS,
    app,
    expect,
    fake_key,
    opened,
    screenshot,
    service,
    shown_key,
    shown_status,
)
from web_pages import ASSETS

__all__ = ["app", "opened", "service"]


class TestKeyboardAndReaders:
    def test_everything_works_with_keys_alone(self, opened):
        at = opened().open()
        press = at.page.keyboard.press
        at.page.locator("#search").focus()
        for wanted in ("Get a key from OpenAI (opens a new tab)", "Add key for OpenAI"):
            press("Tab")
            assert at.focused() == wanted
        press("Enter")
        expect(at.page.locator("#key")).to_be_focused()
        at.page.keyboard.type(fake_key())
        press("Enter")
        expect(at.page.locator(".card .verdict")).to_have_text("Works")
        title = at.page.locator(".key .name bdi").first.inner_text()
        assert at.focused() == f"Details of {title}"
        press("Enter")
        for wanted in ("Check again", "Replace", "Remove"):
            press("Tab")
            assert at.focused() == wanted
        press("Enter")
        cancel = at.page.locator("dialog[open]").get_by_role("button", name="Cancel")
        expect(cancel).to_be_focused()
        press("Escape")
        assert at.focused() == "Remove"
        press("Enter")
        expect(cancel).to_be_focused()
        press("Tab")
        assert at.focused() == "Remove"
        press("Enter")
        expect(at.page.locator(".card")).to_have_count(0)
        at.until_heard("key-removed")
        assert at.page.evaluate("document.activeElement.localName") == "latchkey-keys"
        expect(at.page.locator("#search")).to_be_focused()

    def test_every_field_has_a_label_of_its_own(self, opened):
        at = opened().open()
        at.page.get_by_role("button", name="Add key for OpenAI").click()
        at.page.locator("summary").click()
        labels = at.page.locator("latchkey-keys input").evaluate_all("all => all.map((input) => input.labels.length)")
        assert len(labels) == 10 and set(labels) == {1}

    def test_what_happens_is_said(self, opened):
        at = opened().open()
        said = at.page.locator("latchkey-keys .hidden[role=status]")
        at.add("OpenAI", fake_key(), "Mine")
        expect(said).to_have_text("Key for OpenAI saved. Works.")
        at.details("Mine").get_by_role("button", name="Check again").click()
        expect(said).to_have_text("Mine: Works.")

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_axe_finds_nothing(self, opened, size, scheme):
        at = opened(size, color_scheme=scheme)
        keys = [shown_key(name=verdict, label=f"key {verdict}", verdict=verdict) for verdict in VERDICTS]
        at.answer("GET", "/api/api-keys/status", 200, shown_status(keys))
        at.open()
        at.details("key invalid")
        assert accessibility_violations(at.page) == []
        screenshot(at, f"element-list-{size}-{scheme}")
        at.page.get_by_role("button", name="Add key for Anthropic").click()
        at.page.locator("summary").click()
        at.page.locator("#key").fill("no such format")
        at.page.get_by_role("button", name="Show", exact=True).hover()
        assert accessibility_violations(at.page) == []
        screenshot(at, f"element-form-{size}-{scheme}", full=False)
        at.page.locator("#key").fill("")
        at.page.get_by_role("button", name="Save and check").click()
        assert accessibility_violations(at.page) == []
        at.page.keyboard.press("Escape")
        at.page.get_by_role("group", name="key invalid").get_by_role("button", name="Remove").click()
        assert accessibility_violations(at.page) == []
        screenshot(at, f"element-remove-{size}-{scheme}", full=False)

    def test_axe_finds_nothing_in_the_other_states(self, opened):
        at = opened()
        at.answer("POST", "/api/api-keys/set", 200, shown_key(verdict="invalid", warnings=["this is odd"]))
        at.open()
        assert accessibility_violations(at.page) == []
        at.add("OpenAI", "x" * 12)
        at.page.get_by_role("button", name="Paste another").wait_for()
        assert accessibility_violations(at.page) == []
        at.open(tokens=["no-jwt"], wait=False)
        at.page.get_by_role("button", name="Try again").wait_for()
        assert accessibility_violations(at.page) == []
        at.open(tokens=None, wait=False)
        at.page.get_by_text("Nobody is signed in").wait_for()
        assert accessibility_violations(at.page) == []

    def test_nothing_moves_for_those_who_want_that(self, opened):
        at = opened(reduced_motion="reduce").open(tokens=None, wait=False)
        moving = "document.querySelector('latchkey-keys').shadowRoot.getAnimations({subtree: true}).filter((one) => one.playState === 'running').length"
        at.page.locator(".skeleton").wait_for()
        assert at.page.evaluate(moving) == 0
        still = opened().open(tokens=None, wait=False)
        still.page.locator(".skeleton").wait_for()
        assert still.page.evaluate(moving) > 0


class TestLayoutAndLanguages:
    def test_nothing_jumps_while_it_loads(self, opened):
        at = opened()
        keys = [shown_key(name=verdict, label=f"key {verdict}", verdict=verdict) for verdict in VERDICTS]
        at.answer("GET", "/api/api-keys/status", 200, shown_status(keys))
        at.open()
        at.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert at.page.evaluate("shifts.reduce((one, other) => one + other, 0)") < 0.05

    @pytest.mark.parametrize("width", [320, 390, 600, 1280])
    @pytest.mark.parametrize("direction", ["ltr", "rtl"])
    def test_it_fits_any_width_in_both_directions(self, opened, width, direction):
        at = opened()
        at.page.set_viewport_size({"width": width, "height": 800})
        keys = [shown_key(name=verdict, label="A label of some length " * 4, verdict=verdict) for verdict in VERDICTS]
        at.answer("GET", "/api/api-keys/status", 200, shown_status(keys))
        at.open(attributes={"dir": direction, "lang": "de"})
        at.page.locator("[data-act=details]").first.click()
        assert at.page.evaluate(OVERFLOW) == []
        assert at.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        first, last = (
            at.page.locator(".card .tile").first.bounding_box(),
            at.page.locator("[data-act=add]").first.bounding_box(),
        )
        assert (first["x"] < last["x"]) == (direction == "ltr")
        if width in (390, 1280):
            screenshot(at, f"element-german-{direction}-{width}")

    def test_languages_have_the_same_texts_with_the_same_places(self):
        english, german = (messages(ASSETS / f"messages-{tag}.js") for tag in ("en", "de"))
        assert english.keys() == german.keys() and len(english) > 100
        for key, text in english.items():
            assert sorted(set(re.findall(r"\{\w+\}", text))) == sorted(set(re.findall(r"\{\w+\}", german[key]))), key
        same = {key for key, text in english.items() if text == german[key]}
        assert same == {"said.checked"}

    def test_every_text_is_used_and_every_used_text_is_there(self):
        english = messages(ASSETS / "messages-en.js")
        code = "".join(
            (ASSETS / name).read_text()
            for name in ("latchkey-keys.js", "element-view.js", "element-dialogs.js", "element-form.js", "messages.js")
        )
        used = set(re.findall(r'"([a-z]+(?:\.[a-zA-Z_]+)*)"', code))
        built = re.compile(r"verdict\.|evidence\.|problem\.|switch\.|add(\.another)?\.label")
        assert {key for key in english if key not in used and not built.match(key)} == set()

    def test_the_language_is_the_pages_the_elements_or_english(self, opened):
        at = opened().open(page_lang="de-AT")
        expect(at.page.get_by_role("heading", name="API-Schlüssel")).to_be_visible()
        at.open(page_lang="de", attributes={"lang": "en"})
        expect(at.page.get_by_role("heading", name="API keys")).to_be_visible()
        at.open(page_lang="xx")
        expect(at.page.get_by_role("heading", name="API keys")).to_be_visible()

    def test_an_app_adds_a_language_of_its_own(self, opened):
        at = opened()
        at.open(words={"ar": {"heading": "مفاتيحي"}}, wait=False)
        at.page.evaluate("document.querySelector('latchkey-keys').setAttribute('lang', 'ar')")
        expect(at.page.get_by_role("heading", name="مفاتيحي")).to_be_visible()
        assert at.page.locator("latchkey-keys .root").get_attribute("dir") == "rtl"
        expect(at.page.get_by_role("button", name="Add key for").first).to_be_visible()

    def test_an_app_gives_it_its_colours_and_words(self, opened):
        at = opened().open(attributes={"theme": "dark"})
        at.page.evaluate(
            """() => {
              const element = document.querySelector("latchkey-keys");
              element.style.setProperty("--latchkey-accent", "rgb(1, 2, 3)");
              const heading = document.createElement("h2");
              heading.slot = "heading";
              heading.textContent = "Our words";
              element.append(heading);
            }"""
        )
        expect(at.page.get_by_role("heading", name="Our words")).to_be_visible()
        expect(at.page.get_by_role("heading", name="API keys")).to_be_hidden()
        at.page.get_by_role("button", name="Add key for OpenAI").click()
        colour = "node => getComputedStyle(node).backgroundColor"
        assert at.page.locator("#save").evaluate(colour) == "rgb(1, 2, 3)"
        assert at.page.locator("latchkey-keys").evaluate("node => getComputedStyle(node).colorScheme") == "dark"

    def test_it_is_small(self):
        first = [
            "latchkey-keys.js",
            "element-view.js",
            "element-dom.js",
            "element-styles.js",
            "api-key-service.js",
            "messages.js",
            "messages-en.js",
        ]
        sizes = {name: (ASSETS / name).stat().st_size for name in first}
        assert sum(sizes.values()) <= 85_000, sizes

    def test_it_holds_nothing_that_makes_markup_of_text(self):
        for path in ASSETS.glob("*.js"):
            found = re.search(
                r"\.(inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\.srcdoc",
                path.read_text(),
            )
            assert not found, f"{path.name}: {found[0]}"


def messages(path) -> dict[str, str]:
    """The texts of a language file by their keys; all forms of one together."""
    return dict(re.findall(r'^  "([\w.]+)": (.+),$', path.read_text(encoding="utf-8"), re.MULTILINE))
