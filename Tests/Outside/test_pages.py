"""Latchkey's own pages beyond one person's way through them: that their numbers are the service's, that every page
works empty, by keyboard and in each language, and what only these pages do."""

import csv
import datetime
import io
import itertools
import json
import re
import subprocess
from decimal import Decimal

import pytest
from playwright.sync_api import expect as shown

import expect
import tokens
from browser import accessibility_violations, node
from client import fake_key
from harness import REPOSITORY, wait_until
from ui_pages import own_pages

USER, ADMIN, OTHER = "reader", "operator", "other-reader"
MODELS = (
    ("openai", "gpt-4o", "default"),
    ("openai", "gpt-4o-mini", "work"),
    ("anthropic", "claude-sonnet-4-5", "default"),
    ("groq", "model-without-a-price", "default"),
)
DAYS = 40
GERMAN = {"usage": "Verbrauch", "activity": "Aktivität", "security": "Sicherheit", "": "Meine Schlüssel"}
NAMES = itertools.count(1)
# The exact values of a table, row by row; a cell without one gives its text.
CELLS = """table => [...table.querySelectorAll("tbody tr")].map((row) => [...row.children].map((cell) =>
  cell.querySelector("time")?.dateTime ?? cell.querySelector("data")?.value ?? cell.textContent))"""
FOCUSED = """() => { let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  const box = at.getBoundingClientRect(); const style = getComputedStyle(at);
  return { tag: at.tagName, name: at.getAttribute("aria-label") ?? at.textContent.trim().slice(0, 60),
    inside: !!document.activeElement.closest("main"), seen: box.width > 0 && style.visibility === "visible",
    ring: at.matches(":focus-visible") }; }"""


def used(user: str, seed: int) -> list[dict]:
    """Calls over more than a month, different on each day."""
    now = datetime.datetime.now(datetime.UTC)
    made = []
    for day in range(DAYS):
        at = (now - datetime.timedelta(days=day)).isoformat(timespec="seconds").replace("+00:00", "Z")
        for number, (vendor, model, key) in enumerate(MODELS[: 1 + (day + seed) % 4]):
            counts = {"input_tokens": 1000 + 37 * day + number, "output_tokens": 100 + 7 * day + seed}
            attributes = {f"gen_ai.usage.{name}": count for name, count in counts.items()}
            attributes |= {"gen_ai.provider.name": vendor, "gen_ai.response.model": model}
            made.append(
                {"id": f"{user}-{day}-{number}", "user_id": user, "time": at, "key_name": key, "attributes": attributes}
            )
    return made


@pytest.fixture(scope="module")
def busy(module_service):
    """A service with two people's keys and usage, shared keys, budgets and tokens."""
    service = module_service()
    client = service.client()
    for seed, user in enumerate((USER, OTHER)):
        answer = client.call(
            "POST", "/api/service/usage", token=client.service_token, json={"events": used(user, seed)}
        )
        assert expect.success(answer)["new"] == len(used(user, seed))
        for vendor, behaviour, name in (
            ("openai", "valid", "default"),
            ("openai", "nocredit", "work"),
            ("anthropic", "invalid", "default"),
        ):
            expect.success(client.set(user, vendor, fake_key(behaviour), name=name))
    for vendor in ("openai", "anthropic"):
        expect.success(client.validate(USER, vendor))
    expect.success(client.set_initial("openrouter", fake_key()))
    expect.success(client.set_initial("gemini", fake_key("invalid")))
    return service


@pytest.fixture(scope="module")
def empty(module_service):
    return module_service()


def usage(service, by: str, **query) -> dict:
    return expect.success(
        service.client().as_user(USER, "GET", "/api/usage", params={"by": by, "limit": 10_000, **query})
    )


def table(at, title: str) -> list[list[str]]:
    region = at.page.get_by_role("region", name=words(f"Table: {title}"))
    shown(region).to_be_visible()
    return region.locator("table").evaluate(CELLS)


def words(text: str) -> re.Pattern:
    """As a page writes it, where values keep their direction to themselves."""
    return re.compile("[\u2068\u2069]*".join(map(re.escape, text)))


def plain(text: str) -> str:
    """Without the marks that keep a stored text's direction to itself."""
    return re.sub("[\u2068\u2069]", "", text)


class TestUsage:
    def test_the_tables_are_the_services_numbers(self, chromium, busy):
        with own_pages(chromium, busy) as at:
            at.code_sign_in(USER).open("/ui/usage")
            days = usage(busy, "day")["usage"]
            spent = {row["day"]: row["cost_micros"] for row in days if row["cost_micros"]}
            assert {row[0]: int(row[1]) for row in table(at, "Spend by day")} == spent
            counted = {
                row["day"]: [row["input_tokens"] + row["output_tokens"], row["input_tokens"], row["output_tokens"]]
                for row in days
            }
            assert {row[0]: [int(cell) for cell in row[1:]] for row in table(at, "Tokens by day")} == counted
            providers = {row["provider"]: row for row in usage(busy, "provider")["usage"]}
            rows = {row[0]: row[1:] for row in table(at, "Usage by provider")}
            assert set(rows) == {"OpenAI", "Anthropic", "Groq"}
            for name, vendor in (("OpenAI", "openai"), ("Anthropic", "anthropic"), ("Groq", "groq")):
                sums = [providers[vendor][member] for member in ("requests", "input_tokens", "output_tokens")]
                assert [int(cell) for cell in rows[name][1:]] == sums
            assert int(rows["OpenAI"][0]) == providers["openai"]["cost_micros"]
            assert rows["Groq"][0] == "no price known"
            totals = usage(busy, "day")["totals"]
            tiles = [
                int(value)
                for value in at.page.locator(".tile data").evaluate_all("all => all.map(({ value }) => value)")
            ]
            assert tiles == [totals[member] for member in ("cost_micros", "input_tokens", "output_tokens", "requests")]
            at.assert_clean()

    def test_no_two_marks_of_a_scale_read_alike(self, chromium, busy):
        with own_pages(chromium, busy) as at:
            at.code_sign_in(USER).open("/ui/usage")
            for chart in ("usage-spend", "usage-tokens"):
                marks = at.page.locator(f"#{chart} .tick[text-anchor=end]").all_text_contents()
                assert len(marks) >= 3 and len(set(marks)) == len(marks), marks

    def test_what_has_no_price_is_named(self, chromium, busy):
        with own_pages(chromium, busy) as at:
            at.code_sign_in(USER).open("/ui/usage")
            missing = usage(busy, "model")["totals"]["unpriced_requests"]
            named = f"model-without-a-price · Groq · {missing} calls"
            shown(at.page.locator(".notice.warning")).to_contain_text(named)

    def test_models_keys_and_other_times(self, chromium, busy):
        with own_pages(chromium, busy) as at:
            at.code_sign_in(USER).open("/ui/usage")
            at.page.get_by_role("radio", name="Model").check()
            at.page.get_by_role("radio", name="Tokens").check()
            models = {row["model"]: row["requests"] for row in usage(busy, "provider,model")["usage"]}
            assert {
                name: next(int(row[2]) for row in table(at, "Usage by model") if name in row[0]) for name in models
            } == models
            at.page.get_by_role("radio", name="Key").check()
            assert len(table(at, "Usage by key")) == len(usage(busy, "key")["usage"])
            at.page.get_by_label("Time").select_option("90")
            since = (datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=89)).isoformat()
            wanted = usage(busy, "day", **{"from": since})["totals"]["requests"]
            shown(at.page.locator(".tile data").last).to_have_attribute("value", str(wanted))
            assert len(table(at, "Tokens by day")) == DAYS
            at.page.get_by_label("Time").select_option("365")
            shown(at.page.get_by_role("region", name=words("Table: Tokens by month"))).to_be_visible()
            months = {row["day"][:7] for row in usage(busy, "day", **{"from": since})["usage"]}
            assert {row[0] for row in table(at, "Tokens by month")} == months
            at.assert_clean()

    def test_the_file_holds_the_same(self, chromium, busy):
        with own_pages(chromium, busy) as at:
            at.code_sign_in(USER).open("/ui/usage")
            with at.page.expect_download() as download:
                at.page.get_by_role("button", name="Download CSV").click()
            assert re.fullmatch(
                r"latchkey-usage-\d{4}-\d\d-\d\d-\d{4}-\d\d-\d\d\.csv", download.value.suggested_filename
            )
            rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
            totals = usage(busy, "day")["totals"]
            assert sum(int(row["cost_micros"] or 0) for row in rows) == totals["cost_micros"]
            assert sum(Decimal(row["cost_usd"] or 0) for row in rows) == Decimal(totals["cost_usd"])
            assert sum(int(row["requests"]) for row in rows) == totals["requests"]
            at.assert_clean()

    def test_a_chart_is_read_with_the_arrow_keys(self, chromium, busy):
        with own_pages(chromium, busy) as at:
            at.code_sign_in(USER).open("/ui/usage")
            plot = at.page.get_by_role("group", name=words("Chart: Tokens by day"))
            reading = at.page.locator("#usage-tokens .chart-reading")
            plot.focus()
            days = {row["day"]: row for row in usage(busy, "day")["usage"]}
            for key, day in (("End", max(days)), ("ArrowLeft", sorted(days)[-2]), ("Home", min(days))):
                at.page.keyboard.press(key)
                row = days[day]
                shown(reading).to_contain_text(f"{row['input_tokens'] + row['output_tokens']:,}")
                shown(reading).to_contain_text(f"{row['input_tokens']:,}")
            picture = plot.locator("svg[role=img]")
            names = picture.get_attribute("aria-labelledby").split()
            assert all(picture.locator(f"[id='{name}']").text_content().strip() for name in names)
            # Not colour alone: the second series has marks over its own.
            patterns = picture.locator("pattern")
            assert patterns.count() == 2 and patterns.nth(1).locator(".mark").count() == 1

    def test_budgets_are_set_changed_and_removed(self, chromium, busy):
        def budgets():
            return expect.success(busy.client().as_user(OTHER, "GET", "/api/budgets"))["budgets"]

        with own_pages(chromium, busy) as at:
            page = at.code_sign_in(OTHER).open("/ui/usage").page
            page.get_by_role("button", name="New budget").click()
            amount = page.get_by_label("At most, in US dollars")
            for wrong in ("", "1,000", "1.000", "-3", "a lot"):
                amount.fill(wrong)
                page.get_by_role("button", name="Save budget").click()
                shown(page.get_by_text("Write dollars such as")).to_be_visible()
                assert budgets() == []
            amount.fill("12,50")
            page.get_by_label("Warn at, in percent").fill("90, 50")
            page.get_by_role("button", name="Save budget").click()
            shown(page.locator("#budgets .row-item")).to_contain_text(words("$12.50 a month"))
            [budget] = budgets()
            assert (budget["amount"], budget["warnings"], budget["set_by"]) == (12_500_000, [50, 90], "user")
            page.get_by_role("button", name="Change").click()
            page.get_by_label("At most, in US dollars").fill("20")
            page.get_by_role("button", name="Save budget").click()
            shown(page.locator("#budgets .row-item")).to_contain_text(words("$20.00 a month"))
            assert [budget["amount"] for budget in budgets()] == [20_000_000]
            page.locator("#budgets .row-item").get_by_role("button", name="Remove").click()
            page.get_by_role("dialog").get_by_role("button", name="Remove").click()
            shown(page.get_by_text("No budget yet")).to_be_visible()
            assert budgets() == []
            at.assert_clean()


class TestSecurity:
    def test_a_token_is_made_shown_once_replaced_and_revoked(self, chromium, busy):
        user = f"maker-{next(NAMES)}"
        client = busy.client()

        def states():
            listed = expect.success(client.as_user(user, "GET", "/api/access-tokens"))["access_tokens"]
            return {token["id"]: token for token in listed}

        with own_pages(chromium, busy) as at:
            page = at.code_sign_in(user).open("/ui/security").page
            shown(page.get_by_text("No access token")).to_be_visible()
            page.get_by_role("button", name="New token").click()
            page.get_by_label("Label").fill("laptop")
            page.get_by_role("checkbox", name="Make calls").uncheck()
            page.get_by_role("button", name="Make token").click()
            shown(page.get_by_text("Choose at least one.")).to_be_visible()
            page.get_by_role("checkbox", name="Read").check()
            page.get_by_text("Restrict further").click()
            page.get_by_label("Models").fill("gpt-4o*, claude-3")
            page.get_by_label("Networks").fill("127.0.0.0/8")
            page.get_by_label("US dollars a day").fill("1.5")
            page.get_by_role("button", name="Make token").click()
            secret = page.get_by_label("Access token", exact=True).input_value()
            [(first, made)] = states().items()
            assert (made["scopes"], made["models"]) == (["status"], ["claude-3", "gpt-4o*"])
            assert made["networks"] == ["127.0.0.0/8"]
            assert made["limits"] == [{"metric": "money", "per": "day", "amount": 1_500_000}]
            life = datetime.datetime.fromisoformat(made["expires_at"]) - datetime.datetime.now(datetime.UTC)
            assert datetime.timedelta(days=89) < life < datetime.timedelta(days=91)
            assert client.call("GET", "/api/api-keys/status", token=secret).status_code == 200
            page.get_by_role("button", name="I have kept it").click()
            assert secret not in at.everything()
            at.open("/ui/security")
            assert secret not in at.everything()
            page.get_by_role("button", name="Replace").click()
            page.get_by_label("The old one works on for").select_option("0")
            page.get_by_role("dialog").get_by_role("button", name="Replace").click()
            second = page.get_by_label("Access token", exact=True).input_value()
            expect.problem(client.call("GET", "/api/api-keys/status", token=secret), 401, "unauthorized")
            assert client.call("GET", "/api/api-keys/status", token=second).status_code == 200
            page.get_by_role("button", name="I have kept it").click()
            page.locator("#access-tokens .row-item", has=page.get_by_role("button", name="Revoke")).last.get_by_role(
                "button", name="Revoke"
            ).click()
            page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
            shown(page.get_by_text("The token is revoked.")).to_be_visible()
            wait_until(lambda: any(token["state"] == "revoked" for token in states().values()), 5, "one is revoked")
            at.assert_clean()

    def test_nothing_is_offered_that_the_service_refuses(self, chromium, busy):
        """Tokens that keys are handed out to are not made over HTTP; MFA and sharing do not exist."""
        with own_pages(chromium, busy) as at:
            page = at.code_sign_in(USER).open("/ui/security").page
            page.get_by_role("button", name="New token").click()
            boxes = page.locator("input[name=scope]").evaluate_all("all => all.map(({ value }) => value)")
            assert boxes == ["gateway", "status", "manage"]
            assert not re.search("two-factor|second factor|MFA|share", plain(at.text()), re.IGNORECASE)


class TestActivity:
    def test_events_are_sentences_and_come_in_pages(self, chromium, busy):
        user, client = f"watcher-{next(NAMES)}", busy.client()
        for _ in range(30):
            expect.success(client.set(user, "openai", fake_key(), name="night-shift"))
            for _ in range(2):  # alike and one after the other: one line, counted
                expect.success(client.as_user(user, "PUT", "/api/api-keys/settings", json={"key_failover": True}))
        with own_pages(chromium, busy) as at:
            page = at.code_sign_in(user).open("/ui/activity").page
            events = page.locator(".event")
            shown(events.first).to_contain_text("Signed in with a link")
            shown(page.get_by_text("OpenAI key “night-shift” saved").first).to_be_visible()
            shown(page.get_by_text("my keys may stand in for one another").first).to_be_visible()
            assert "Event " not in plain(at.text()), "an action without words"
            before = events.count()
            while (more := page.get_by_role("button", name="Show more")).count():
                more.click()
                wait_until(
                    lambda: not at.is_loading() and (events.count() > before or not more.count()), 5, "the next page"
                )
                before = events.count()
            shown(page.get_by_text("This is the beginning.")).to_be_visible()
            listed = sum(
                int((re.search(r"(\d+) times", text) or [0, 1])[1]) for text in map(plain, events.all_inner_texts())
            )
            wanted, cursor = 0, None
            while True:
                answer = client.as_user(user, "GET", "/api/activity", params={"before": cursor} if cursor else {})
                body = expect.success(answer)
                wanted, cursor = wanted + len(body["events"]), body["next"]
                if not cursor:
                    break
            assert listed == wanted > 90
            assert events.count() < wanted - 25
            at.assert_clean()


class TestAdministration:
    VIEWS = ("overview", "failing", "users", "shared", "services", "usage", f"user?id={USER}")

    @pytest.mark.parametrize("view", VIEWS)
    def test_every_part_shows_what_there_is(self, chromium, busy, view):
        with own_pages(chromium, busy) as at:
            at.code_sign_in(ADMIN, roles=["admin"]).open(f"/ui/admin#{view}")
            words = {
                "overview": "1 shared key fails",
                "failing": OTHER,
                "users": USER,
                "shared": "OpenRouter",
                "services": "Access tokens of services",
                "usage": "Usage by provider",
            }.get(view, USER)
            shown(at.page.locator("main").get_by_text(words).first).to_be_attached()
            assert [
                text for text in accessibility_violations(at.page) if text.startswith(("serious", "critical"))
            ] == []
            at.screenshot(f"pages-admin-{view.partition('?')[0]}")
            at.assert_clean()

    def test_the_figures_are_the_overviews(self, chromium, busy):
        token = tokens.mint(busy.jwt_secret, ADMIN, roles=["admin"])
        with own_pages(chromium, busy) as at:
            at.code_sign_in(ADMIN, roles=["admin"]).open("/ui/admin")
            overview = expect.success(busy.client().call("GET", "/api/admin/overview", token=token))
            rows = {row[0]: int(row[1]) for row in table(at, "Keys by their last check")}
            words = {"valid": "Works", "no_credit": "No credit", "invalid": "Refused"}
            assert rows == {words[name]: count for name, count in overview["keys"]["by_verdict"].items() if count}
            checks = {row[0]: [int(cell) for cell in row[1:4]] for row in table(at, "Checks with the providers")}
            listed = {row["provider"]: row for row in overview["checks"]["by_provider"]}
            assert checks == {
                name: [listed[vendor][count] for count in ("succeeded", "failed", "postponed")]
                for name, vendor in (("OpenAI", "openai"), ("Anthropic", "anthropic"))
            }
            assert (listed["openai"]["succeeded"], listed["anthropic"]["failed"]) == (1, 1)

    def test_users_are_found_by_the_beginning_of_their_id(self, chromium, busy):
        with own_pages(chromium, busy) as at:
            page = at.code_sign_in(ADMIN, roles=["admin"]).open("/ui/admin#users").page
            page.get_by_label("Search").fill(OTHER[:5])
            links = page.locator("#users-list .row-title a")
            shown(links).to_have_count(1)
            links.click()
            shown(page.get_by_role("heading", name=OTHER)).to_be_visible()
            page.goto(f"{at.origin}/ui/admin#users")
            page.get_by_label("Search").fill("nobody-of-this-name")
            shown(page.get_by_text("Nobody found")).to_be_visible()
            at.assert_clean()

    def test_an_operators_budget_and_a_shared_key(self, chromium, busy):
        client, token = busy.client(), tokens.mint(busy.jwt_secret, ADMIN, roles=["admin"])
        with own_pages(chromium, busy) as at:
            page = at.code_sign_in(ADMIN, roles=["admin"]).open(f"/ui/admin#user?id={USER}").page
            page.get_by_role("button", name="New budget").click()
            page.get_by_label("Of what").select_option("requests")
            page.get_by_label("At most, in calls").fill("5000")
            page.get_by_role("button", name="Save budget").click()
            shown(page.locator("#budgets .row-item")).to_contain_text(words("5,000 calls a month"))
            [budget] = expect.success(client.as_user(USER, "GET", "/api/budgets"))["budgets"]
            assert (budget["amount"], budget["set_by"]) == (5000, "operator")
            at.open("/ui/admin#shared")
            row = page.locator("#shared-keys .row-item", has_text="OpenRouter")
            row.get_by_role("button", name="Check").click()
            shown(page.get_by_text(words("OpenRouter: Works."))).to_be_visible()
            row.get_by_role("button", name="Remove").click()
            page.get_by_role("dialog").get_by_role("button", name="Remove").click()
            shown(row).to_have_count(0)
            keys = expect.success(client.status_initial(token))["keys"]
            assert [key["provider"] for key in keys] == ["gemini"]
            at.assert_clean()

    def test_who_is_none_sees_nothing_of_it(self, chromium, busy):
        with own_pages(chromium, busy) as at:
            page = at.code_sign_in(USER).open("/ui/usage").page
            links = page.get_by_role("navigation", name="Pages").get_by_role("link").all_inner_texts()
            assert links == ["My keys", "Usage", "Activity", "Security"]
            page.goto(f"{at.origin}/ui/admin")
            shown(page.get_by_text("This page is for administrators")).to_be_visible()
            assert page.locator("main button").count() == 0


class TestEveryPage:
    EMPTY = {"": "No keys yet", "usage": "No calls in this time", "security": "No access token"}
    EMPTY_ADMIN = {
        "overview": "No key yet",
        "failing": "No key fails",
        "users": "No user yet",
        "shared": "No shared key",
        "services": "No access token",
        "usage": "No calls in this time",
    }

    def test_without_anything_it_says_what_to_do(self, chromium, empty):
        with own_pages(chromium, empty, "390", color_scheme="dark", reduced_motion="reduce") as at:
            at.code_sign_in("somebody-new", roles=["admin"])
            pages = {f"/ui/{name}": words for name, words in self.EMPTY.items()}
            pages |= {f"/ui/admin#{name}": words for name, words in self.EMPTY_ADMIN.items()}
            for path, words in pages.items():
                at.open(path)
                shown(at.page.get_by_text(words).first).to_be_visible()
                assert at.overflow() == [], path
                assert not re.search(r"\b(null|undefined|NaN|Invalid Date)\b", at.text()), path
                serious = [
                    text for text in accessibility_violations(at.page) if text.startswith(("serious", "critical"))
                ]
                assert serious == [], path
                at.screenshot(f"pages-none-{path.replace('/ui/', '').replace('#', '-') or 'keys'}")
            at.assert_clean()

    @pytest.mark.parametrize("page", ["", "usage", "activity", "security", "admin"])
    def test_everything_is_reached_with_the_tab_key_and_seen_there(self, chromium, busy, page):
        with own_pages(chromium, busy) as at:
            at.code_sign_in(ADMIN, roles=["admin"]).open(f"/ui/{page}")
            at.page.evaluate("document.activeElement.blur()")
            reached = []
            for _ in range(120):
                at.page.keyboard.press("Tab")
                now = at.page.evaluate(FOCUSED)
                if now["tag"] == "BODY" or (reached and now == reached[0]):
                    break
                reached.append(now)
            names = [item["name"] for item in reached]
            assert names[0] == "Skip to content"
            assert "Usage" in names and any("signed in as" in name for name in names)
            assert [item for item in reached if not item["seen"] or not item["ring"]] == []
            wanted = at.page.locator("main").evaluate(
                """main => [...main.querySelectorAll("a[href], button, select, input:not([type=radio])")]
                    .filter((one) => one.checkVisibility() && !one.disabled).length"""
            )
            assert sum(item["inside"] for item in reached) >= wanted
            at.page.evaluate("document.activeElement.blur()")
            at.page.keyboard.press("Tab")
            at.page.keyboard.press("Enter")
            assert at.page.evaluate("document.activeElement.id") == "main"

    def test_in_german_and_in_the_colours_that_were_chosen(self, chromium, busy):
        with own_pages(chromium, busy, "390") as at:
            page = at.code_sign_in(USER).open("/ui/usage").page
            page.get_by_role("button", name="Account and display").click()
            page.get_by_label("Colours").select_option("dark")
            assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
            page.get_by_label("Language").select_option("de")
            shown(page.get_by_role("heading", name="Verbrauch", level=1)).to_be_visible()
            for name, heading in GERMAN.items():
                at.open(f"/ui/{name}")
                shown(page.get_by_role("heading", name=heading, level=1)).to_be_visible()
                assert page.evaluate("[document.documentElement.lang, document.documentElement.dataset.theme]") == [
                    "de",
                    "dark",
                ]
                assert page.title() == f"{heading} · Latchkey"
                assert at.overflow() == [], name
                at.screenshot(f"pages-german-{name or 'keys'}")
            at.assert_clean()

    def test_from_right_to_left_it_holds_together(self, chromium, busy):
        with own_pages(chromium, busy, "390") as at:
            at.code_sign_in(ADMIN, roles=["admin"])
            for path in ("/ui/usage", "/ui/activity", "/ui/security", "/ui/admin", "/ui/admin#users"):
                at.open(path).page.evaluate("document.documentElement.dir = 'rtl'")
                assert at.overflow() == [], path
            at.screenshot("pages-right-to-left")

    def test_nothing_moves_once_it_stands(self, chromium, busy):
        """The content shift that Chromium measures, from an empty window on."""
        with own_pages(chromium, busy) as at:
            at.page.add_init_script("""window.shift = 0; new PerformanceObserver((list) => {
                    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
                }).observe({ type: "layout-shift", buffered: true });""")
            at.code_sign_in(USER)
            for path in ("/ui/", "/ui/usage", "/ui/activity", "/ui/security"):
                at.open(path)
                assert at.page.evaluate("window.shift") < 0.1, path

    def test_an_ended_session_leads_back_here(self, chromium, busy):
        with own_pages(chromium, busy) as at:
            at.expected = ["401"]
            page = at.code_sign_in(USER).open("/ui/security").page
            link = busy.client().as_user(USER, "POST", "/api/session/codes").json()["url"]
            page.context.clear_cookies()
            page.get_by_role("link", name="Usage").click()
            page.wait_for_url(f"{at.origin}/ui/sign-in?next=%2Fui%2Fusage")
            page.goto(link.replace("/ui/sign-in#", "/ui/sign-in?next=%2Fui%2Fusage#"))
            page.wait_for_url(f"{at.origin}/ui/usage")
            shown(page.get_by_text("You are signed in as")).to_be_visible()
            at.assert_clean()


class TestSigningIn:
    def test_a_link_does_not_quietly_change_who_is_signed_in(self, chromium, busy):
        client = busy.client()
        with own_pages(chromium, busy) as at:
            page = at.code_sign_in(USER).page
            link = client.as_user(OTHER, "POST", "/api/session/codes").json()["url"]
            page.goto(link)
            shown(page.get_by_text("Sign in as somebody else?")).to_be_visible()
            assert "#" not in page.url and "lkc_" not in at.everything()
            shown(page.get_by_role("button", name=f"signed in as")).to_contain_text(USER)
            page.get_by_role("button", name="Sign out and use the link").click()
            page.wait_for_url(f"{at.origin}/ui/")
            shown(page.get_by_role("button", name=f"signed in as")).to_contain_text(OTHER)
            at.assert_clean()

    def test_a_used_link_says_so_and_what_to_do(self, chromium, busy):
        with own_pages(chromium, busy) as at:
            at.expected = ["401"]
            link = busy.client().as_user(USER, "POST", "/api/session/codes").json()["url"]
            at.page.goto(link)
            at.page.wait_for_url(f"{at.origin}/ui/")
            at.page.context.clear_cookies()
            at.page.goto(link)
            shown(at.page.get_by_role("alert")).to_contain_text("it works once, and for one minute")
            assert at.page.url == f"{at.origin}/ui/sign-in"


def texts(language: str) -> dict:
    """What a module of words exports, as Node reads it."""
    source = (REPOSITORY / "Sources" / "LatchkeyWeb" / "Assets" / f"page-messages-{language}.js").read_bytes()
    script = source.replace(b"export default", b"console.log(JSON.stringify(").rstrip().removesuffix(b";") + b"));"
    done = subprocess.run([node(), "-"], input=script, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class TestTheWords:
    def test_each_language_has_the_same_with_the_same_places(self):
        english, german = (texts(language) for language in ("en", "de"))
        assert len(english) > 300 and english.keys() == german.keys()
        places = re.compile(r"\{\w+\}")
        assert [
            key for key in english if sorted(places.findall(english[key])) != sorted(places.findall(german[key]))
        ] == []
        same = {key for key in english if english[key] == german[key]}
        assert len(same) < 20, same

    def test_every_word_that_is_asked_for_is_there(self):
        folder = REPOSITORY / "Sources" / "LatchkeyWeb" / "Assets"
        known = set(re.findall(r'^    "([^"]+)":', (folder / "page-messages-en.js").read_text(), re.MULTILINE))
        asked = set()
        for path in [*folder.glob("page-*.js"), folder / "shell.js", folder / "charts.js"]:
            if "messages" not in path.name:
                asked |= set(re.findall(r'\b(?:t|rich|count)\(\s*"([^"]+)"', path.read_text()))
        assert len(asked) > 150
        assert {key for key in asked if key not in known and f"{key}.one" not in known} == set()
