"""Budgets hold under parallel calls, on one node and on two; and another key serves only where it may."""

import datetime
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import expect
import tokens
from client import fake_key
from gateway import Caller, access_token, caller, new_tag, new_user, set_budget
from harness import Latchkey, wait_until
from inference_shapes import Used
from scripted_inference import ScriptedInference

CALLERS, ALLOWED = 100, 17


@pytest.fixture(scope="module")
def provider():
    with ScriptedInference() as running:
        yield running


@pytest.fixture(scope="module")
def service(module_service) -> Latchkey:
    return module_service()


def budgets(who: Caller) -> list[dict]:
    return expect.success(who.service.client().as_user(who.user, "GET", "/api/budgets"))["budgets"]


def all_at_once(calls: list) -> list:
    """The answers to calls that begin at the same moment."""
    gate = threading.Barrier(len(calls))

    def make(call):
        gate.wait(30)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(make, calls))


def assert_exactly(provider, who: Caller, answers: list):
    """As many as the budget allows were let through; every other was told why, and cost nothing."""
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(200), statuses.count(429)) == (ALLOWED, len(answers) - ALLOWED), statuses
    assert len(provider.generating(who.key)) == ALLOWED
    for answer in answers:
        if answer.status_code == 429:
            expect.problem(answer, 429, "budget_exceeded")


class TestParallelCalls:
    @pytest.mark.parametrize("period", ["minute", "day", "month"])
    def test_one_node_lets_exactly_as_many_through(self, service, provider, period):
        who = caller(service)
        not_about_to_end(period)
        set_budget(who, "requests", period, ALLOWED)
        assert_exactly(provider, who, all_at_once([who.chat] * CALLERS))

    def test_streams_are_counted_when_they_begin(self, service, provider):
        who = caller(service)
        provider.script(who.key, every=0.05)
        set_budget(who, "requests", "day", ALLOWED)
        assert_exactly(provider, who, all_at_once([lambda: who.chat(stream=True)] * CALLERS))

    def test_an_access_token_brings_its_own_budget(self, service, provider):
        who = caller(service)
        limits = [{"metric": "requests", "per": "day", "amount": ALLOWED}]
        limited = Caller(service, "openai", who.user, who.key, "")
        limited.token = access_token(service.client(), who.user, limits=limits)["token"]
        assert_exactly(provider, who, all_at_once([limited.chat] * CALLERS))
        assert who.chat().status_code == 200, "the user themselves is not limited"

    def test_the_smallest_of_several_counts(self, service, provider):
        who = caller(service)
        for period, amount in (("minute", 90), ("day", ALLOWED), ("month", 50)):
            set_budget(who, "requests", period, amount)
        assert_exactly(provider, who, all_at_once([who.chat] * CALLERS))


class TestTwoNodes:
    def test_both_together_let_exactly_as_many_through(self, module_service, service, provider):
        other = module_service(like=service)
        who = caller(service)
        twin = Caller(other, "openai", who.user, who.key, who.token)
        set_budget(who, "requests", "day", ALLOWED)
        assert_exactly(provider, who, all_at_once([who.chat, twin.chat] * (CALLERS // 2)))
        spent(who, {"requests": ALLOWED})
        spent(twin, {"requests": ALLOWED})


def spent(who: Caller, wanted: dict):
    """Until every budget says that it is settled to exactly this."""

    def settled() -> bool:
        return all(
            budget["used"] == wanted[budget["metric"]] and budget["reserved"] == 0
            for budget in budgets(who)
            if budget["metric"] in wanted
        )

    try:
        wait_until(settled, 5, f"budgets settled to {wanted}")
    except AssertionError as error:
        raise AssertionError(f"{error}; they are {budgets(who)}") from None


def amount_of(metric: str, event: dict) -> int:
    return event["cost_micros"] if metric == "money" else event["input_tokens"] + event["output_tokens"]


class TestSettling:
    """What is set aside before a call is a guess; what is counted afterwards is what it used."""

    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
    def test_tokens(self, service, provider, stream):
        who = caller(service)
        set_budget(who, "tokens", "day", 10**9)
        all_at_once([lambda: who.chat(stream=stream, max_tokens=50)] * 20)
        used = [exchange.used for exchange in provider.generating(who.key)]
        assert len(used) == 20
        spent(who, {"tokens": sum(each.input + each.output for each in used)})

    def test_money(self, service, provider):
        who = caller(service)
        set_budget(who, "money", "month", 10**9)
        all_at_once([lambda: who.chat(max_tokens=50)] * 20)
        spent(who, {"money": sum(event["cost_micros"] for event in who.wait_for_events(20))})

    @pytest.mark.parametrize("metric, amount", [("tokens", 20_000), ("money", 6_000)])
    def test_a_budget_that_is_used_up_stops_the_next_call(self, service, metric, amount):
        """Also when calls use more than could be foreseen."""
        who, used = caller(service), []
        set_budget(who, metric, "day", amount)
        while (answer := who.chat(max_tokens=50)).status_code == 200:
            assert sum(used) < amount, "this call should not have been let through"
            used = [amount_of(metric, event) for event in who.wait_for_events(len(used) + 1)]
            spent(who, {metric: sum(used)})
        expect.problem(answer, 429, "budget_exceeded")
        assert len(used) >= 2

    def test_parallel_calls_never_exceed_what_could_be_foreseen(self, service, provider):
        """What is set aside for calls under way counts as well; what they leave of it can be used again."""
        who, amount, used = caller(service), 20_000, Used(10, 300, 1, 0, 1)
        provider.script(who.key, used=used, every=0.02)
        set_budget(who, "tokens", "day", amount)
        through = []
        while not through or through[-1]:
            answers = all_at_once([lambda: who.chat(stream=True, max_tokens=1_000)] * 40)
            assert {answer.status_code for answer in answers} <= {200, 429}
            through.append(sum(answer.status_code == 200 for answer in answers))
            spent(who, {"tokens": sum(through) * 310})
        assert through[0] <= amount // 1_000 and len(through) > 3, through
        assert amount - 2_000 < sum(through) * 310 <= amount, through

    def test_a_call_that_never_reached_the_provider_gives_back(self, service):
        who = caller(service)
        set_budget(who, "tokens", "day", 10**9)
        set_budget(who, "requests", "day", 10**3)
        assert who.post("/chat/%2e%2e/x", {"model": "m"}).status_code == 400
        who.headers = {"Latchkey-Key": "there-is-none"}
        assert who.chat().status_code == 404
        spent(who, {"tokens": 0, "requests": 0})

    def test_a_refusal_uses_no_tokens(self, service):
        who = caller(service, key=fake_key("error500"))
        set_budget(who, "tokens", "day", 10**9)
        assert who.chat(max_tokens=1_000).status_code == 500
        spent(who, {"tokens": 0})


class TestTheRefusal:
    @pytest.mark.parametrize("period, seconds", [("minute", 60), ("day", 86_400), ("month", 31 * 86_400)])
    def test_says_which_budget_and_when_it_begins_anew(self, service, period, seconds):
        who = caller(service)
        not_about_to_end(period)
        set_budget(who, "requests", period, 1)
        assert who.chat().status_code == 200
        refused = who.chat()
        problem = expect.problem(refused, 429, "budget_exceeded")
        assert "requests" in problem["detail"] and period in problem["detail"]
        after = int(refused.headers["Retry-After"])
        assert 1 <= after <= seconds
        ends = next_period(period)
        assert abs((now() + datetime.timedelta(seconds=after) - ends).total_seconds()) < 5
        assert ends.strftime("%Y-%m-%dT%H:%M") in problem["detail"]

    def test_a_budget_of_nothing_lets_nothing_through(self, service, provider):
        who = caller(service)
        set_budget(who, "requests", "day", 0)
        expect.problem(who.chat(), 429, "budget_exceeded")
        assert provider.requests(who.key) == []


def not_about_to_end(period: str):
    """A minute that has some seconds left; days and months are long enough."""
    if period == "minute":
        wait_until(lambda: now().second < 50, 11, "the next minute")


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def next_period(period: str) -> datetime.datetime:
    """In UTC."""
    at = now().replace(second=0, microsecond=0)
    if period == "minute":
        return at + datetime.timedelta(minutes=1)
    at = at.replace(hour=0, minute=0)
    if period == "day":
        return at + datetime.timedelta(days=1)
    return (at.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)


# Failing over.


class Keys:
    """A user with several keys of one provider; each name says how its key behaves."""

    def __init__(self, service: Latchkey, **behaviours: str):
        user = new_user()
        self.who = Caller(service, "openai", user, "", tokens.mint(service.jwt_secret, user))
        self.user_keys = {name: fake_key(behaviour, name) for name, behaviour in behaviours.items()}
        for name, key in self.user_keys.items():
            service.client().store(user, "openai", key, name=name)

    def want_failover(self, on: bool = True) -> "Keys":
        client = self.who.service.client()
        expect.success(client.as_user(self.who.user, "PUT", "/api/api-keys/settings", json={"key_failover": on}))
        return self

    def asked(self, provider) -> list[str]:
        """The names of the keys the provider was asked with, in order."""
        names = {key: name for name, key in self.user_keys.items()}
        found = [exchange for exchange in provider.requests() if exchange.key in names]
        return [names[exchange.key] for exchange in found if not exchange.path.endswith("/models")]


class TestFailover:
    @pytest.mark.parametrize("first", ["ratelimited", "nocredit"])
    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
    def test_another_key_of_the_user_serves(self, service, provider, first, stream):
        keys, tag = Keys(service, default=first, zweit="valid").want_failover(), new_tag()
        answer = keys.who.chat(tag, stream=stream)
        assert answer.status_code == 200 and f"[{tag}#3]" in answer.text
        assert (answer.headers["latchkey-key"], answer.headers["latchkey-source"]) == ("zweit", "user")
        assert keys.asked(provider) == ["default", "zweit"]

    def test_by_name_after_the_default_one(self, service, provider):
        behaviours = {name: "ratelimited" for name in ("delta", "alpha", "default", "charlie")}
        keys = Keys(service, **behaviours, echoing="valid").want_failover()
        assert keys.who.chat().headers["latchkey-key"] == "echoing"
        assert keys.asked(provider) == ["default", "alpha", "charlie", "delta", "echoing"]

    def test_the_chosen_one_comes_first_and_then_the_default_one(self, service, provider):
        keys = Keys(service, alpha="ratelimited", beta="ratelimited", default="valid").want_failover()
        keys.who.headers = {"Latchkey-Key": "beta"}
        assert keys.who.chat().headers["latchkey-key"] == "default"
        assert keys.asked(provider) == ["beta", "default"]

    def test_where_none_can_serve_the_last_refusal_is_passed_on(self, service, provider):
        keys = Keys(service, default="ratelimited", other="nocredit").want_failover()
        answer = keys.who.chat()
        assert answer.status_code == 429 and answer.json()["error"]["code"] == "insufficient_quota"
        assert keys.asked(provider) == ["default", "other"]
        assert not any(key in answer.text for key in keys.user_keys.values())

    @pytest.mark.parametrize("first", ["error500", "restricted", "invalid"])
    def test_not_for_other_refusals(self, service, provider, first):
        keys = Keys(service, default=first, other="valid").want_failover()
        assert keys.who.chat().status_code in (401, 403, 500)
        assert keys.asked(provider) == ["default"]

    @pytest.mark.parametrize("setting", [None, False])
    def test_not_without_the_users_wish(self, service, provider, setting):
        keys = Keys(service, default="ratelimited", other="valid")
        if setting is not None:
            keys.want_failover().want_failover(setting)
        answer = keys.who.chat()
        assert answer.status_code == 429 and answer.json()["error"]["code"] == "rate_limit_exceeded"
        assert (answer.headers["retry-after"], keys.asked(provider)) == ("7", ["default"])

    def test_it_is_one_call_of_the_key_that_served(self, service, provider):
        """What was set aside for the first try is given back."""
        keys = Keys(service, default="ratelimited", other="valid").want_failover()
        set_budget(keys.who, "tokens", "day", 10**9)
        set_budget(keys.who, "requests", "day", 10, provider="openai", key="default")
        keys.who.chat()
        [event] = keys.who.wait_for_events(1)
        assert (event["key"], event["status"]) == ("other", 200)
        [used] = [exchange.used for exchange in provider.generating(keys.user_keys["other"])]
        spent(keys.who, {"tokens": used.input + used.output, "requests": 0})

    def test_a_call_of_several_megabytes_is_sent_again_whole(self, service, provider):
        keys, tag = Keys(service, default="ratelimited", other="valid").want_failover(), new_tag()
        said = [{"role": "user", "content": f"{tag} " + "x" * 3_000_000}]
        answer = keys.who.post("/chat/completions", {"model": "gpt-4o-mini", "messages": said})
        assert answer.status_code == 200
        first, second = (provider.requests(key)[-1] for key in keys.user_keys.values())
        assert first.body == second.body and len(first.body) > 3_000_000


def test_never_to_the_global_key(make_service, provider):
    service, shared = make_service(), fake_key("valid", "global")
    expect.success(service.client().set_initial("openai", shared, validate=False))
    keys = Keys(service, default="ratelimited").want_failover()
    assert keys.who.chat().status_code == 429
    assert provider.requests(shared) == []
    stranger = Caller(service, "openai", "a-stranger", shared, caller(service, "groq", user="a-stranger").token)
    answer = stranger.chat()
    assert (answer.status_code, answer.headers["latchkey-source"]) == (200, "global")
