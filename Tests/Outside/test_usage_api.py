"""Usage that is reported, sums and exports of it, the budgets it counts in, and the prices it is counted with."""

import csv
import datetime
import io
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import expect
import tokens
from harness import Latchkey, run_command, wait_until

NAMES = itertools.count(1)
PRICE = {"gpt-4o": (2_500_000, 10_000_000), "gpt-4o-mini": (150_000, 600_000)}
HEADER = "vendor,model,name,usd_per_million_input,usd_per_million_output,usd_per_million_cached_input,from_date,to_date"


@pytest.fixture(scope="module")
def service(module_service) -> Latchkey:
    return module_service()


@pytest.fixture
def user() -> str:
    return f"reporter-{next(NAMES)}"


def event(user: str, number: int = 0, model: str = "gpt-4o", **attributes) -> dict:
    return {
        "id": f"event-{number}",
        "user_id": user,
        "attributes": {
            "gen_ai.provider.name": "openai",
            "gen_ai.response.model": model,
            "gen_ai.usage.input_tokens": 1000 + number,
            "gen_ai.usage.output_tokens": 100,
            **attributes,
        },
    }


def cost(number: int, model: str = "gpt-4o") -> int:
    """In micro-dollars, rounded half up."""
    per_input, per_output = PRICE[model]
    return ((1000 + number) * per_input + 100 * per_output + 500_000) // 1_000_000


def report(service: Latchkey, body, token: str | None = None):
    client = service.client()
    return client.call("POST", "/api/service/usage", token=token or client.service_token, json=body)


def counted(service: Latchkey, user: str, **query) -> dict:
    return expect.success(service.client().as_user(user, "GET", "/api/usage", params=query))


def events(service: Latchkey, user: str) -> list[dict]:
    return expect.success(service.client().as_user(user, "GET", "/api/usage/events"))["events"]


def as_admin(service: Latchkey, method: str, path: str, **rest):
    client = service.client()
    return client.call(method, path, token=tokens.mint(client.jwt_secret, "the-admin", roles=["admin"]), **rest)


class TestIdempotence:
    def test_told_again_it_changes_nothing(self, service, user):
        first = expect.success(report(service, event(user)))
        assert first == {"received": 1, "new": 1, "known": 0}
        before = (counted(service, user), events(service, user))
        changed = event(user) | {"duration_ms": 5}
        for body in (event(user), {"events": [event(user)]}, changed):
            assert expect.success(report(service, body)) == {"received": 1, "new": 0, "known": 1}
        assert (counted(service, user), events(service, user)) == before

    def test_parallel_reports_of_the_same_events_count_them_once(self, service, user):
        body = {"events": [event(user, number) for number in range(50)]}
        gate = threading.Barrier(8)

        def send(_):
            gate.wait(30)
            return expect.success(report(service, body))

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(send, range(8)))
        totals = counted(service, user)["totals"]
        assert totals["requests"] == 50
        assert totals["cost_micros"] == sum(cost(number) for number in range(50))
        assert all(answer["received"] == 50 for answer in answers)

    def test_twice_in_one_report(self, service, user):
        assert expect.success(report(service, {"events": [event(user), event(user)]}))["new"] == 1
        assert counted(service, user)["totals"]["requests"] == 1

    def test_the_same_id_of_another_user_is_another_event(self, service, user):
        other = f"{user}-other"
        both = {"events": [event(user), event(other)]}
        assert expect.success(report(service, both))["new"] == 2
        assert [len(events(service, name)) for name in (user, other)] == [1, 1]

    def test_it_outlives_kill_9(self, make_service, user):
        service = make_service()
        expect.success(report(service, {"events": [event(user, number) for number in range(20)]}))
        service.kill()
        service.start()
        assert counted(service, user)["totals"]["requests"] == 20


BAD = {
    "no id": {"id": None},
    "an id with a blank": {"id": "a b"},
    "an id that is too long": {"id": "a" * 65},
    "no user": {"user_id": None},
    "an empty user": {"user_id": ""},
    "no attributes": {"attributes": None},
    "attributes that are none": {"attributes": []},
    "a member that is not known": {"cost": 5},
    "a provider that is not known": {"attributes": {"gen_ai.provider.name": "nobody.at.all"}},
    "no provider": {"attributes": {"gen_ai.request.model": "gpt-4o"}},
    "a negative count": {"gen_ai.usage.input_tokens": -1},
    "a fraction": {"gen_ai.usage.output_tokens": 1.5},
    "a count as text": {"gen_ai.usage.input_tokens": "1000"},
    "too large a count": {"gen_ai.usage.input_tokens": 10**13},
    "more cached than read": {"gen_ai.usage.cache_read.input_tokens": 10**9},
    "a model that is too long": {"gen_ai.response.model": "m" * 129},
    "a model with a control character": {"gen_ai.response.model": "gpt\n4o"},
    "a time that is none": {"time": "yesterday"},
    "a time far ahead": {"time": "2199-01-01T00:00:00Z"},
    "a negative duration": {"duration_ms": -1},
    "a key's name that is none": {"key_name": "a b"},
    "a status that is none": {"http.response.status_code": 42},
}


class TestBadEvents:
    @pytest.mark.parametrize("what", BAD)
    def test_all_or_nothing_with_the_place(self, service, user, what):
        changes = BAD[what]
        bad = event(user, 1, **{name: value for name, value in changes.items() if "." in name})
        bad |= {name: value for name, value in changes.items() if "." not in name}
        bad = {name: value for name, value in bad.items() if value is not None}
        answer = report(service, {"events": [event(user, 0), bad, event(user, 2)]})
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith("events[1]: "), answer.text
        assert report(service, bad).status_code == 400
        assert events(service, user) == []

    @pytest.mark.parametrize("body", [{"events": []}, {"events": [1]}, [], {"events": [{}] * 1001}])
    def test_no_list(self, service, body):
        assert report(service, body).status_code == 400

    @pytest.mark.parametrize("token", ["nonsense", None])
    def test_only_with_a_service_token(self, service, user, token):
        client = service.client()
        answer = client.call("POST", "/api/service/usage", token=token, json=event(user))
        expect.problem(answer, 401, "unauthorized")
        expect.problem(client.as_user(user, "POST", "/api/service/usage", json=event(user)), 401, "unauthorized")
        assert events(service, user) == []


class TestSums:
    def test_by_day_model_and_key(self, service, user):
        now = datetime.datetime.now(datetime.UTC)
        list_of = []
        for number in range(12):
            at = now - datetime.timedelta(days=number % 3)
            each = event(user, number, ("gpt-4o", "gpt-4o-mini")[number % 2])
            list_of.append(each | {"time": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "key_name": ("default", "work")[number % 2]})
        expect.success(report(service, {"events": list_of}))
        rows = counted(service, user, by="day,model,key")["usage"]
        assert len(rows) == 6
        found = {(row["day"], row["model"], row["key"]): (row["requests"], row["cost_micros"]) for row in rows}
        wanted = {}
        for number, each in enumerate(list_of):
            model = each["attributes"]["gen_ai.response.model"]
            place = (each["time"][:10], model, each["key_name"])
            requests, money = wanted.get(place, (0, 0))
            wanted[place] = (requests + 1, money + cost(number, model))
        assert found == wanted

    def test_the_dollars_are_the_micro_dollars(self, service, user):
        expect.success(report(service, event(user)))
        totals = counted(service, user)["totals"]
        assert (totals["cost_micros"], totals["cost_usd"]) == (3500, "0.0035")

    def test_an_unknown_model_has_no_cost_and_is_listed(self, service, user):
        expect.success(report(service, {"events": [event(user, 0, "house-model-7"), event(user, 1)]}))
        [newest, oldest] = sorted(events(service, user), key=lambda found: found["id"], reverse=True)
        assert oldest["cost_micros"] is None and newest["cost_micros"] == cost(1)
        assert counted(service, user)["totals"]["unpriced_requests"] == 1
        answer = expect.success(as_admin(service, "GET", "/api/admin/usage", params={"user": user}))
        assert [model["model"] for model in answer["unpriced_models"]] == ["house-model-7"]

    def test_users_see_their_own_and_administrators_all(self, service, user):
        other = f"{user}-other"
        expect.success(report(service, {"events": [event(user, 0), event(user, 1), event(other, 2)]}))
        assert counted(service, user)["totals"]["requests"] == 2
        assert counted(service, other)["totals"]["requests"] == 1
        by_user = expect.success(as_admin(service, "GET", "/api/admin/usage", params={"by": "user"}))["usage"]
        found = {row["user_id"]: row["requests"] for row in by_user}
        assert (found[user], found[other]) == (2, 1)
        expect.problem(service.client().as_user(user, "GET", "/api/admin/usage"), 403, "forbidden")
        for query in ({"user": other}, {"user_id": other}):
            assert service.client().as_user(user, "GET", "/api/usage", params=query).status_code == 400


def table(text: str) -> list[dict]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


class TestCSV:
    def test_it_says_the_same_as_json(self, service, user):
        models = ["gpt-4o", "=HYPERLINK(1)", "+1", "-1", "@x", 'quo"ted,', "plain"]
        expect.success(report(service, {"events": [event(user, n, model) for n, model in enumerate(models)]}))
        answer = service.client().as_user(user, "GET", "/api/usage", params={"by": "model", "format": "csv"})
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        rows = table(answer.text)
        shown = {row["model"]: row["requests"] for row in counted(service, user, by="model")["usage"]}
        assert {row["model"].removeprefix("'") for row in rows} == set(models) == set(shown)
        assert not any(row["model"][0] in "=+-@" for row in rows)
        by_header = service.client().as_user(
            user, "GET", "/api/usage", params={"by": "model"}, headers={"Accept": "text/csv"}
        )
        assert by_header.text == answer.text

    def test_the_command_says_the_same(self, service, user):
        expect.success(report(service, {"events": [event(user, number) for number in range(3)]}))
        printed = command(service, "usage", "--user", user, "--by", "model", "--csv")
        answer = service.client().as_user(user, "GET", "/api/usage", params={"by": "model", "format": "csv"})
        assert printed.replace("\r\n", "\n") == answer.text.replace("\r\n", "\n")
        lines = command(service, "usage", "--user", user, "--by", "model").splitlines()
        assert lines[0].split() == ["model", "requests", "input", "output", "cached", "cost", "USD", "unpriced"]
        assert lines[1].split()[:2] == ["gpt-4o", "3"]


def command(service: Latchkey, *arguments: str, code: int = 0) -> str:
    done = run_command(list(arguments), service.env, service.folder)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def budgets(service: Latchkey, user: str) -> list[dict]:
    return expect.success(service.client().as_user(user, "GET", "/api/budgets"))["budgets"]


def set_budget(service: Latchkey, user: str, **members) -> dict:
    return expect.success(service.client().as_user(user, "PUT", "/api/budgets", json=members))


class TestBudgets:
    @pytest.mark.parametrize("is_before", [False, True], ids=["set after", "set before"])
    def test_reported_usage_counts(self, service, user, is_before):
        def set_all():
            for metric in ("money", "tokens", "requests"):
                set_budget(service, user, metric=metric, per="day", amount=5000)

        if is_before:
            set_all()
        report_twice = [expect.success(report(service, event(user, 7))) for _ in range(2)]
        assert [answer["new"] for answer in report_twice] == [1, 0]
        if not is_before:
            set_all()
        used = {budget["metric"]: budget["used"] for budget in budgets(service, user)}
        assert used == {"money": cost(7), "tokens": 1107, "requests": 1}

    def test_on_a_key_only_what_that_key_used(self, service, user):
        set_budget(service, user, metric="requests", per="day", amount=9, provider="openai", key="work")
        expect.success(report(service, {"events": [event(user, 0), event(user, 1) | {"key_name": "work"}]}))
        [budget] = budgets(service, user)
        assert (budget["subject"], budget["provider"], budget["key"], budget["used"]) == ("key", "openai", "work", 1)

    def test_yesterdays_usage_is_not_todays(self, service, user):
        now = datetime.datetime.now(datetime.UTC)
        at = (now - datetime.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        set_budget(service, user, metric="requests", per="day", amount=5)
        expect.success(report(service, event(user) | {"time": at}))
        assert [budget["used"] for budget in budgets(service, user)] == [0]

    def test_more_than_the_budget_is_still_taken_and_warned_of(self, service, user):
        set_budget(service, user, metric="requests", per="month", amount=2, warnings=[50, 100])
        expect.success(report(service, {"events": [event(user, number) for number in range(5)]}))
        [budget] = budgets(service, user)
        assert (budget["used"], budget["warned"]) == (5, [50, 100])
        wait_until(lambda: service.run_errors().count("a budget has reached a threshold") >= 2, 5, "the warnings")

    def test_an_operators_budget_is_not_the_users_to_change(self, service, user):
        command(service, "budget", "set", "money/day=2.50", "--user", user)
        assert [(budget["set_by"], budget["amount"]) for budget in budgets(service, user)] == [("operator", 2_500_000)]
        path = {"metric": "money", "per": "day"}
        client = service.client()
        expect.problem(client.as_user(user, "DELETE", "/api/budgets", params=path), 404, "budget_not_found")
        set_budget(service, user, metric="money", per="day", amount_usd="99")
        amounts = sorted((budget["set_by"], budget["amount"]) for budget in budgets(service, user))
        assert amounts == [("operator", 2_500_000), ("user", 99_000_000)]
        expect.problem(client.as_user(user, "PUT", "/api/admin/budgets", params={"user": user}, json={}), 403, "forbidden")
        expect.success(as_admin(service, "DELETE", "/api/admin/budgets", params={"user": user, **path}))
        assert [budget["set_by"] for budget in budgets(service, user)] == ["user"]
        assert "no such budget" in command(service, "budget", "delete", "money/day", "--user", user, code=1)

    def test_the_table_of_the_command_lines_up(self, service, user):
        command(service, "budget", "set", "requests/minute=60", "--user", user, "--provider", "openai", "--key", "work")
        command(service, "budget", "set", "money/month=20", "--user", user)
        lines = command(service, "budget", "list", "--user", user).splitlines()
        assert len(lines) == 3
        place = lines[0].index("set by")
        assert {line[place : place + 8] for line in lines[1:]} == {"operator"}


class TestPrices:
    def test_the_operators_list_is_what_is_charged(self, make_service, tmp_path, user):
        prices = tmp_path / "prices.csv"
        prices.write_text(f"{HEADER}\nopenai,house-model,Own,4,8,,,\nopenai,gpt-4o,Negotiated,1,1,,,\n")
        service = make_service(LATCHKEY_PRICES_FILE=str(prices))
        models = ["house-model-2026-01-01", "gpt-4o-2024-08-06", "gpt-4o-mini"]
        expect.success(report(service, {"events": [event(user, n, model) for n, model in enumerate(models)]}))
        found = {each["id"]: each["cost_micros"] for each in events(service, user)}
        assert found == {"event-0": 4800, "event-1": 1101, "event-2": cost(2, "gpt-4o-mini")}

    @pytest.mark.parametrize(
        "row, says",
        [
            ("openai,gpt-4o,Own,1,2,,", "7 cells"),
            ("openai,gpt-4o,Own,-1,2,,,", "usd_per_million_input"),
            ("nobody,gpt-4o,Own,1,2,,,", "nobody"),
            ("openai,gpt-4o,Own,1,2,,2026-13-01,", "from_date"),
        ],
    )
    def test_a_mistake_stops_the_start_and_is_named_with_its_line(self, make_service, tmp_path, row, says):
        prices = tmp_path / "prices.csv"
        prices.write_text(f"{HEADER}\nopenai,one,One,1,1,,,\n{row}\n")
        service = make_service(start=False, LATCHKEY_PRICES_FILE=str(prices))
        service.launch()
        assert service.process.wait(30) == 2
        assert "the prices file, line 3: " in service.run_errors() and says in service.run_errors()

    def test_a_list_that_is_not_there(self, make_service, tmp_path):
        service = make_service(start=False, LATCHKEY_PRICES_FILE=str(tmp_path / "none.csv"))
        service.launch()
        assert service.process.wait(30) == 2
        assert "LATCHKEY_PRICES_FILE" in service.run_errors()
