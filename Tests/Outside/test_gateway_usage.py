"""What the usage API says is what the providers said, whatever the shape of their answers."""

import csv
import itertools
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
import requests

import expect
from client import fake_key
from gateway import MODELS, Caller, access_token, caller, events_of, new_tag
from harness import REPOSITORY, Latchkey, wait_until
from inference_shapes import Used
from scripted_inference import ScriptedInference

PRICES = REPOSITORY / "Sources" / "LatchkeyCore" / "Resources" / "prices.csv"
PIECES = [None, 1, 61]
COUNTS = ("input_tokens", "output_tokens", "cached_tokens", "cost_micros")
REPORTERS, KILL_AFTER, BATCH = 8, 400, 5


@pytest.fixture(scope="module")
def provider():
    with ScriptedInference() as running:
        yield running


@pytest.fixture(scope="module")
def service(module_service) -> Latchkey:
    return module_service()


@dataclass(frozen=True)
class Shape:
    """One way of calling a provider, and what of `Used` its answer tells."""

    vendor: str
    path: str
    operation: str
    body: dict = field(default_factory=dict)
    tells: str = "input output cached"
    model: str | None = None  # as it is answered, where that is not as it was asked for

    @property
    def asked_model(self) -> str:
        return MODELS[self.vendor]

    def request(self, tag: str, **members) -> dict:
        """The body, with the tag in the text; the model is in it, but for Gemini."""
        body = {name: value(tag) if callable(value) else value for name, value in {**self.body, **members}.items()}
        return body if self.vendor == "gemini" else {"model": self.asked_model, **body}

    def tokens(self, used: Used) -> dict:
        told = self.tells.split()
        return {name: getattr(used, name) if name in told else None for name in ("input", "output", "cached")}


def said(tag: str) -> list:
    return [{"role": "user", "content": tag}]


def parts(tag: str) -> list:
    return [{"role": "user", "parts": [{"text": tag}]}]


DATED = "gpt-4o-mini-2024-07-18"
GEMINI = f"/v1beta/models/{MODELS['gemini']}"
CHAT = {"messages": said}
CONTENTS = {"contents": parts}
MESSAGES = {"messages": said, "max_tokens": 99}
SHAPES = {
    "openai chat": Shape("openai", "/chat/completions", "chat", CHAT, model=DATED),
    "openai chat with v1": Shape("openai", "/v1/chat/completions", "chat", CHAT, model=DATED),
    "openai completions": Shape("openai", "/completions", "text_completion", {"prompt": str}, model=DATED),
    "openai responses": Shape("openai", "/responses", "chat", {"input": str}, model=DATED),
    "openai embeddings": Shape("openai", "/embeddings", "embeddings", {"input": str}, "input"),
    "groq chat": Shape("groq", "/chat/completions", "chat", CHAT),
    "openrouter chat": Shape("openrouter", "/chat/completions", "chat", CHAT),
    "anthropic messages": Shape("anthropic", "/messages", "chat", MESSAGES),
    "anthropic messages with v1": Shape("anthropic", "/v1/messages", "chat", MESSAGES),
    "gemini": Shape("gemini", f"{GEMINI}:generateContent", "generate_content", CONTENTS),
    "cohere chat": Shape("cohere", "/v2/chat", "chat", CHAT),
    "cohere embed": Shape("cohere", "/v2/embed", "embeddings", {"texts": lambda tag: [tag]}, "input"),
}
STREAMED = {
    "gemini events": Shape("gemini", f"{GEMINI}:streamGenerateContent?alt=sse", "generate_content", CONTENTS),
    "gemini array": Shape("gemini", f"{GEMINI}:streamGenerateContent", "generate_content", CONTENTS),
    **{name: shape for name, shape in SHAPES.items() if "emb" not in name and name != "gemini"},
}
TAKES_OPTIONS = [name for name, shape in STREAMED.items() if shape.path.endswith("completions")]


def assert_counted(provider, who: Caller, shape: Shape, streamed: bool):
    """One event, and it says what the provider has said."""
    [event] = who.wait_for_events(1)
    [exchange] = provider.generating(who.key)
    found = {name: event[f"{name}_tokens"] for name in ("input", "output", "cached")}
    assert found == shape.tokens(exchange.used)
    assert event["model"] == (shape.model or shape.asked_model)
    assert (event["provider"], event["key"], event["source"]) == (shape.vendor, "default", "user")
    assert (event["operation"], event["status"], event["streamed"]) == (shape.operation, 200, streamed)
    assert (event["origin"], event["estimated"]) == ("gateway", False)
    assert 0 <= event["first_byte_ms"] <= event["duration_ms"] < 30_000
    assert event["cost_micros"] == cost(event["model"], exchange.used, shape)


def cost(model: str, used: Used, shape: Shape) -> int | None:
    """Micro-dollars, out of the table as it is published; the longest name that the model begins with counts."""
    rows = list(csv.DictReader(PRICES.read_text().splitlines()))
    named = [row for row in rows if model.startswith(row["model"])]
    if not named:
        return None
    row = max(named, key=lambda row: len(row["model"]))
    fresh, output = Decimal(row["usd_per_million_input"]), Decimal(row["usd_per_million_output"])
    cached = Decimal(row["usd_per_million_cached_input"] or fresh)
    tokens = shape.tokens(used)
    read = tokens["cached"] or 0
    return int((used.input - read) * fresh + read * cached + (tokens["output"] or 0) * output + Decimal("0.5"))


class TestEveryShape:
    @pytest.mark.parametrize("piece", PIECES)
    @pytest.mark.parametrize("name", SHAPES)
    def test_whole(self, service, provider, name, piece):
        shape, tag = SHAPES[name], new_tag()
        who = caller(service, shape.vendor)
        provider.script(who.key, piece=piece)
        answer = who.post(shape.path, shape.request(tag))
        assert answer.status_code == 200, answer.text
        assert "emb" in name or f"[{tag}#3]" in answer.text
        assert_counted(provider, who, shape, streamed=False)

    @pytest.mark.parametrize("piece", PIECES)
    @pytest.mark.parametrize("name", STREAMED)
    def test_streamed(self, service, provider, name, piece):
        shape, tag = STREAMED[name], new_tag()
        who = caller(service, shape.vendor)
        provider.script(who.key, piece=piece)
        members = {} if shape.vendor == "gemini" else {"stream": True}
        answer = who.post(shape.path, shape.request(tag, **members))
        assert answer.status_code == 200, answer.text
        assert all(f"[{tag}#{number}]" in answer.text for number in range(4))
        assert_counted(provider, who, shape, streamed=name != "gemini array")

    @pytest.mark.parametrize("asked", [None, False, True])
    @pytest.mark.parametrize("piece", PIECES)
    @pytest.mark.parametrize("name", TAKES_OPTIONS)
    def test_the_usage_chunk_is_for_who_asked(self, service, provider, name, piece, asked):
        shape, options = STREAMED[name], {} if asked is None else {"stream_options": {"include_usage": asked}}
        who = caller(service, shape.vendor)
        provider.script(who.key, piece=piece)
        answer = who.post(shape.path, shape.request(new_tag(), stream=True, **options))
        *chunks, done = events_of(answer.content)
        assert done == "[DONE]"
        with_usage = [chunk for chunk in chunks if chunk.get("usage")]
        assert with_usage == (chunks[-1:] if asked else [])
        assert all(chunk["choices"] for chunk in chunks if chunk not in with_usage)
        used = provider.generating(who.key)[0].used
        assert not asked or chunks[-1]["usage"]["completion_tokens"] == used.output
        assert_counted(provider, who, shape, streamed=True)


class TestWhatIsNotWhole:
    def test_an_unknown_model_has_no_price(self, service, provider):
        who = caller(service)
        who.chat(model="a-model-nobody-has-priced")
        [event] = who.wait_for_events(1)
        assert (event["model"], event["cost_micros"]) == ("a-model-nobody-has-priced", None)
        assert event["input_tokens"] == provider.generating(who.key)[0].used.input

    @pytest.mark.parametrize("mode, status", [("ratelimited", 429), ("error500", 500), ("echo", 401)])
    def test_a_refusal_has_a_status_and_no_tokens(self, service, mode, status):
        who = caller(service, key=fake_key(mode))
        who.chat()
        [event] = who.wait_for_events(1)
        assert (event["status"], event["model"]) == (status, "gpt-4o-mini")
        assert not event["input_tokens"] and not event["output_tokens"] and not event["cost_micros"]

    def test_a_stream_that_is_cut_is_estimated(self, service, provider):
        who = caller(service)
        provider.script(who.key, "cut", events=20)
        with pytest.raises(requests.RequestException):
            who.chat(stream=True)
        [event] = who.wait_for_events(1)
        assert event["estimated"] is True and event["input_tokens"] > 0

    def test_what_the_gateway_refuses_is_no_usage(self, service, provider):
        who = caller(service)
        expect.problem(who.post("/chat/%2e%2e/x", {"model": "m"}), 400, "unsafe_path")
        who.chat()
        assert len(who.wait_for_events(1)) == 1


class TestTheUsageAPI:
    def test_sums_by_day_provider_model_and_key(self, service, provider):
        """Sums are the sums of the events, and each user sees their own."""
        who, stranger = caller(service), caller(service)
        work = fake_key("valid", "work")
        service.client().store(who.user, "openai", work, name="work")
        for number in range(6):
            key = "work" if number % 3 == 0 else "default"
            who.chat(model=("gpt-4o-mini", "unpriced")[number % 2], headers={"Latchkey-Key": key})
        stranger.chat()
        events = who.wait_for_events(6)
        summed = Counter()
        for event in events:
            group = (event["time"][:10], event["provider"], event["model"], event["key"])
            for name in COUNTS:
                summed[(*group, name)] += event[name] or 0
            summed[(*group, "requests")] += 1
        assert Counter(self.cells(service.client(), who.user)) == +summed
        assert len(stranger.wait_for_events(1)) == 1

    def cells(self, client, user: str) -> dict:
        """Day, provider, model, key and what is counted → the sum."""
        answer = client.as_user(user, "GET", "/api/usage", params={"by": "day,provider,model,key"})
        rows = expect.success(answer)["usage"]
        return {
            (row["day"], row["provider"], row["model"], row["key"], name): row[name]
            for row in rows
            for name in (*COUNTS, "requests")
            if row[name]
        }

    def test_the_totals_are_those_of_the_rows(self, service):
        who = caller(service)
        for model in ("gpt-4o-mini", "gpt-4o", "unpriced"):
            who.chat(model=model)
        events = who.wait_for_events(3)
        totals = expect.success(service.client().as_user(who.user, "GET", "/api/usage"))["totals"]
        assert totals["requests"] == 3 and totals["unpriced_requests"] == 1
        assert {name: totals[name] for name in COUNTS} == {
            name: sum(event[name] or 0 for event in events) for name in COUNTS
        }

    def test_the_token_that_was_shown_is_named(self, service):
        who = caller(service)
        made = access_token(service.client(), who.user)
        who.token = made["token"]
        who.chat()
        [event] = who.wait_for_events(1)
        assert event["token_id"] == made["id"]


# Reported usage.


def reported(user: str, number: int) -> dict:
    """One event in OpenTelemetry's words."""
    return {
        "id": f"event-{number}",
        "user_id": user,
        "attributes": {
            "gen_ai.provider.name": "openai",
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.usage.input_tokens": 100 + number,
            "gen_ai.usage.output_tokens": 10 + number,
        },
    }


class Reporter(threading.Thread):
    """Reports usage in batches, some of them twice, and remembers what was acknowledged."""

    def __init__(self, service: Latchkey, number: int):
        super().__init__(daemon=True)
        self.client, self.user = service.client(), f"reporter-{number}"
        self.random = random.Random(number)
        self.acknowledged: list[dict] = []
        self.refused: list[str] = []

    def run(self):
        for start in itertools.count(0, BATCH):
            batch = [reported(self.user, number) for number in range(start, start + BATCH)]
            for _ in range(self.random.choice((1, 1, 2))):
                try:
                    answer = report(self.client, batch)
                except requests.RequestException:
                    return
                if answer.status_code // 100 != 2:
                    self.refused.append(answer.text)
                    return
            self.acknowledged += batch


def report(client, events: list[dict]) -> requests.Response:
    return client.call("POST", "/api/service/usage", token=client.service_token, json={"events": events})


def test_kill_9_loses_no_acknowledged_usage(make_service):
    service = make_service()
    reporters = [Reporter(service, number) for number in range(REPORTERS)]
    for reporter in reporters:
        reporter.start()
    wait_until(
        lambda: sum(len(reporter.acknowledged) for reporter in reporters) >= KILL_AFTER, 60, "acknowledged usage"
    )
    service.kill()
    for reporter in reporters:
        reporter.join(60)
    assert [text for reporter in reporters for text in reporter.refused] == []
    client = service.start().client()
    for reporter in reporters:
        kept = {event["id"]: event for event in all_events(client, reporter.user)}
        lost = [event["id"] for event in reporter.acknowledged if event["id"] not in kept]
        assert lost == [], f"{len(lost)} of {len(reporter.acknowledged)} acknowledged events are lost"
        assert report(client, reporter.acknowledged).status_code // 100 == 2  # told again after the crash
        events = all_events(client, reporter.user)
        assert Counter(event["id"] for event in events).most_common(1)[0][1] == 1, "an event counts twice"
        assert {event["id"] for event in events} == set(kept)
        assert_sums(client, reporter.user, events)


def all_events(client, user: str) -> list[dict]:
    """Every page."""
    found, cursor = [], None
    while True:
        parameters = {"limit": 100} | ({"before": cursor} if cursor else {})
        page = expect.success(client.as_user(user, "GET", "/api/usage/events", params=parameters))
        found += page["events"]
        cursor = page.get("next")
        if not cursor:
            return found


def assert_sums(client, user: str, events: list[dict]):
    rows = expect.success(client.as_user(user, "GET", "/api/usage"))["usage"]
    for name in ("input_tokens", "output_tokens"):
        assert sum(row[name] for row in rows) == sum(event[name] for event in events)
    assert sum(row["requests"] for row in rows) == len(events)


def test_usage_through_the_gateway_outlives_kill_9_a_second_later(make_service, provider):
    service = make_service()
    who = caller(service)
    for _ in range(20):
        who.chat()
    who.wait_for_events(20)
    service.kill()
    again = service.start().client()
    events = expect.success(again.as_user(who.user, "GET", "/api/usage/events"))["events"]
    spent = [exchange.used for exchange in provider.generating(who.key)]
    assert sorted(event["output_tokens"] for event in events) == sorted(used.output for used in spent)
