"""What a provider, a caller or another spelling must not bring about: each of these once did."""

import asyncio
import gzip
import json
from dataclasses import dataclass, replace

import pytest

import expect
from certificates import Certificate
from conversation import Conversation, request
from gateway import MODELS, PREFIX, Caller, access_token, caller, events_of, new_tag, new_user, set_budget
from harness import Latchkey
from inference_wire import Exchange
from rawhttp import RawAnswer
from scripted_inference import Script, ScriptedInference
from stream_client import Stream
from test_gateway_budgets import Keys, spent
from tls_upstream import Upstream
from upstream_actions import ANOTHER_ANSWER

JSON = ("Content-Type", "application/json")
NO_STATUS = ("1000", "-5", "099", "+200", "0200")
ANSWER_BYTES = 8_000_000
PAUSE_SECONDS = 0.001
OPERATOR = "requests/day=1"


class Whole(ScriptedInference):
    """Streams come with their length, as from a provider that has put them together beforehand."""

    def reply(self, exchange: Exchange, script: Script):
        status, headers, reply = super().reply(exchange, script)
        body = reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)
        return status, headers, replace(reply, body=body)


@dataclass
class Providers:
    """`openai` and its like; `http2`, which does what its path says; and `http1`, the same in the other version."""

    inference: Whole
    http2: Upstream
    http1: Upstream
    ca_file: str

    def operator_file(self) -> dict:
        more = [
            {"id": "http2", "base_url": f"https://localhost:{self.http2.port}/v1"},
            {"id": "http1", "base_url": f"http://127.0.0.1:{self.http1.port}/v1"},
        ]
        return {"providers": self.inference.operator_file()["providers"] + more}


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    folder, authority = tmp_path_factory.mktemp("tls"), Certificate.authority("Scripted authority")
    ca_file = folder / "authority.pem"
    ca_file.write_bytes(authority.pem)
    context = authority.issue("localhost").context(folder, alpn=("h2",))
    with Whole() as inference, Upstream(context) as http2, Upstream() as http1:
        yield Providers(inference, http2, http1, str(ca_file))
    assert http2.violations == []


@pytest.fixture(scope="module")
def inference(provider) -> Whole:
    return provider.inference


@pytest.fixture(scope="module")
def service(module_service, provider) -> Latchkey:
    return module_service(LATCHKEY_PROVIDER_CA_FILE=provider.ca_file)


@pytest.fixture(autouse=True)
def lives_on(service):
    """Nothing that is sent here ends the process."""
    process = service.process
    yield
    assert service.process is process and service.is_running(), service.run_errors()[-4000:]


@pytest.fixture
def line(service):
    with Conversation(service.port) as conversation:
        yield conversation


def call(who: Caller, method: str, path: str, *fields: tuple[str, str], body: bytes = b"") -> bytes:
    shown = [("Authorization", f"Bearer {who.token}"), *who.headers.items(), *fields]
    return request(method, f"{PREFIX}/{who.vendor}{path}", *shown, body=body)


def chat(who: Caller, tag: str, path: str = "/chat/completions", **members) -> bytes:
    """The same as a body, with another path or other members."""
    said = [{"role": "user", "content": tag}]
    body = {"model": MODELS["openai"], "messages": said, **members}
    return call(who, "POST", path, JSON, body=json.dumps(body).encode())


def problem(answer: RawAnswer, status: int, code: str):
    assert (answer.status, answer.headers.get("content-type")) == (status, "application/problem+json"), answer
    assert answer.json()["code"] == code


def assert_next_is_right(line: Conversation, who: Caller, method: str = "POST"):
    """The connection carries nothing but the answer to what is asked next."""
    body = json.dumps({"said": new_tag()}).encode()
    line.send(call(who, "POST", "/echo", JSON, body=body))
    answer = line.answer()
    assert (answer.status, answer.json()["bytes"]) == (200, len(body)), answer
    assert line.rest == b""


class TestStatuses:
    """What a provider says instead of a status."""

    @pytest.fixture
    def who(self, service) -> Caller:
        return caller(service, "http2")

    @pytest.mark.parametrize("status", NO_STATUS)
    def test_no_status_is_no_answer_and_the_next_call_is_served(self, service, provider, who, line, status):
        line.send(call(who, "GET", f"/odd/{status}"))
        problem(line.answer(), 502, "upstream_failed")
        assert [each.protocol for each in provider.http2.seen(status)] == ["h2"]
        with Conversation(service.port) as another:
            assert_next_is_right(another, who)

    @pytest.mark.parametrize("vendor", ["http2", "http1"])
    def test_the_protocol_is_not_switched(self, service, provider, line, vendor):
        who = caller(service, vendor)
        line.send(call(who, "GET", "/odd/101"))
        problem(line.answer(), 502, "upstream_failed")
        assert len(getattr(provider, vendor).seen("101")) == 1
        with Conversation(service.port) as another:
            assert_next_is_right(another, who)

    @pytest.mark.parametrize("vendor, status", [("http2", 204), ("http1", 204), ("http1", 304)])
    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    def test_a_body_where_there_is_none_is_not_the_next_answer(self, service, provider, line, vendor, method, status):
        who, upstream = caller(service, vendor), getattr(provider, vendor)
        before = len(upstream.seen("odd"))
        line.send(call(who, method, f"/odd/{status}"))
        answer = line.answer(method)
        assert answer.status == status and "content-length" not in answer.headers
        assert_next_is_right(line, who)
        [asked] = upstream.seen("odd")[before:]
        if vendor == "http2":
            assert (asked.protocol, asked.ending, asked.written) == ("h2", "whole", len(ANOTHER_ANSWER))

    @pytest.mark.parametrize("method, status", [("GET", 304), ("HEAD", 200)])
    def test_nor_where_it_breaks_the_rules_of_http_2(self, who, line, method, status):
        """That ends the call to the provider; the caller's answer was whole with its head."""
        line.send(call(who, method, f"/odd/{status}"))
        assert line.answer(method).status == status
        assert_next_is_right(line, who)


class TestLengthsAndEncodings:
    def test_a_stream_that_is_made_shorter_has_no_length(self, service, inference, line):
        who, tags = caller(service), [new_tag() for _ in range(3)]
        for tag in tags:
            line.send(chat(who, tag, stream=True))
            answer = line.answer()
            assert (answer.status, answer.headers.get("transfer-encoding")) == (200, "chunked"), answer
            assert "content-length" not in answer.headers and line.rest == b""
            *chunks, done = events_of(answer.body)
            assert done == "[DONE]" and f"[{tag}#3]" in answer.body.decode()
            assert all(chunk["choices"] and not chunk.get("usage") for chunk in chunks)
            [asked] = inference.tagged(tag)
            assert asked.json()["stream_options"] == {"include_usage": True}, "there was nothing to hide"

    def test_a_stream_that_is_passed_on_as_it_is_keeps_its_length(self, service, line):
        line.send(chat(caller(service), new_tag(), stream=True, stream_options={"include_usage": True}))
        answer = line.answer()
        assert int(answer.headers["content-length"]) == len(answer.body) and line.rest == b""
        assert events_of(answer.body)[-2]["usage"]

    def test_every_content_encoding_counts(self, service, inference, line):
        """Not the first alone: what is compressed cannot be metered."""
        who = caller(service)
        inference.script(who.key, headers=(("Content-Encoding", "identity"), ("Content-Encoding", "gzip")))
        line.send(chat(who, new_tag()))
        problem(line.answer(), 502, "upstream_failed")
        assert len(inference.generating(who.key)) == 1
        inference.script(who.key, headers=(("Content-Encoding", "identity"), ("Content-Encoding", "identity")))
        assert who.chat().status_code == 200

    def test_a_slow_reader_who_wants_the_connection_closed_gets_every_byte(self, service):
        """The end of the answer is still on its way when all of it has been written."""
        who = caller(service, "http1")

        async def read_slowly() -> bytes:
            stream = await Stream.open(who, f"/sized/{ANSWER_BYTES}", b"{}", JSON, ("Connection", "close"))
            assert await stream.begin() == 200
            found = bytearray()
            while piece := await stream.reader.read(4_096):
                found += piece
                await asyncio.sleep(PAUSE_SECONDS)
            stream.leave()
            return bytes(found)

        found = asyncio.run(asyncio.wait_for(read_slowly(), 60))
        assert len(found) == ANSWER_BYTES and found == b"x" * ANSWER_BYTES


class TestSpellings:
    """What a call uses and which model it is for is told by its path: there is one spelling of it."""

    @pytest.fixture
    def restricted(self, service) -> Caller:
        """For one model alone."""
        who = caller(service)
        who.token = access_token(service.client(), who.user, models=[MODELS["openai"]])["token"]
        return who

    @pytest.mark.parametrize(
        "path",
        [
            "/chat/%63ompletions",
            "/chat/%43ompletions",
            "/%64eployments/gpt-4o/chat/completions",
            "/chat/completions;x",
            "/chat/completions%3Bx",
            "/chat;x/completions",
        ],
    )
    @pytest.mark.parametrize("shows", ["jwt", "access token"])
    def test_another_spelling_is_refused(self, service, inference, line, shows, path):
        who = caller(service, shows=shows)
        line.send(chat(who, tag := new_tag(), path))
        problem(line.answer(), 400, "unsafe_path")
        assert inference.tagged(tag) == []

    @pytest.mark.parametrize(
        "path, model",
        [
            ("/Deployments/gpt-4o/chat/completions", MODELS["openai"]),
            ("/DEPLOYMENTS/gpt-4o/chat/completions", None),
            ("/deployments/gpt-4o/chat/completions", MODELS["openai"]),
            (f"/deployments/{MODELS['openai']}/chat/completions", "gpt-4o"),
            (f"/Deployments/{MODELS['openai']}/chat/completions", "gpt-4o"),
            ("/Chat/Completions", "gpt-4o"),
        ],
    )
    def test_every_model_that_is_named_must_be_allowed(self, inference, restricted, line, path, model):
        line.send(chat(restricted, tag := new_tag(), path, **({"model": model} if model else {})))
        problem(line.answer(), 403, "model_not_allowed")
        assert inference.tagged(tag) == []

    @pytest.mark.parametrize("path", ["/chat/completions", f"/Deployments/{MODELS['openai']}/chat/completions"])
    def test_the_allowed_one_is_passed_on(self, inference, restricted, line, path):
        line.send(chat(restricted, tag := new_tag(), path))
        line.answer()
        assert len(inference.tagged(tag)) == 1


class TestWhatIsMetered:
    @pytest.mark.parametrize("identifier", ["gw-", "gw-1", "gw-3w5e11264sgsf-2", "expired.", "expired.gw-1"])
    def test_names_the_service_gives_are_not_reported(self, service, identifier):
        """Whoever took one beforehand would make that call count for nothing."""
        assert_reported(service, identifier, 400)

    @pytest.mark.parametrize("identifier", ["gw", "gw.1", "expired", "expired-1", "my-gw-1"])
    def test_other_names_are(self, service, identifier):
        assert_reported(service, identifier, 200)

    @pytest.mark.parametrize("field", ["Content-Encoding", "content-encoding"])
    @pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "identity, gzip"])
    def test_a_compressed_call_is_refused(self, service, inference, field, encoding):
        """It cannot be looked into."""
        who, tag = caller(service), new_tag()
        body = json.dumps({"model": MODELS["openai"], "messages": [{"role": "user", "content": tag}]}).encode()
        answer = who.post("/chat/completions", gzip.compress(body), {field: encoding})
        expect.problem(answer, 415, "unsupported_media_type")
        assert inference.generating(who.key) == []

    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
    @pytest.mark.parametrize("kind", ["image/png", "text/plain", "application/octet-stream"])
    def test_a_call_is_metered_whatever_it_says_of_its_type(self, service, inference, kind, stream):
        who = caller(service)
        assert who.chat(stream=stream, headers={"Content-Type": kind}).status_code == 200
        [event], [asked] = who.wait_for_events(1), inference.generating(who.key)
        assert (event["input_tokens"], event["output_tokens"]) == (asked.used.input, asked.used.output)
        assert event["model"].startswith(MODELS["openai"]) and event["estimated"] is False


def assert_reported(service: Latchkey, identifier: str, status: int):
    """Whether usage of this name is taken, among others that are; it is all or nothing."""
    user, client = new_user(), service.client()
    attributes = {"gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": 1, "gen_ai.usage.output_tokens": 1}
    events = [{"id": each, "user_id": user, "attributes": attributes} for each in ("first", identifier)]
    answer = client.call("POST", "/api/service/usage", token=client.service_token, json={"events": events})
    if status == 400:
        assert expect.problem(answer, 400, "invalid_usage")["detail"].startswith("events[1]: ")
    else:
        assert expect.success(answer)["new"] == 2
    found = expect.success(client.as_user(user, "GET", "/api/usage/events"))["events"]
    assert len(found) == (0 if status == 400 else 2)


class TestTheLastCallOfABudget:
    """A key that cannot serve uses up nothing of what the next one needs."""

    @pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
    @pytest.mark.parametrize("whose", ["user", "operator"])
    def test_is_served_by_another_key_and_counts_once(self, service, inference, whose, stream):
        keys = Keys(service, default="ratelimited", other="valid").want_failover()
        if whose == "user":
            set_budget(keys.who, "requests", "day", 1)
        else:
            done = service.command("budget", "set", OPERATOR, "--user", keys.who.user)
            assert done.returncode == 0, done.stderr
        answer = keys.who.chat(tag := new_tag(), stream=stream)
        assert answer.status_code == 200 and f"[{tag}#3]" in answer.text, answer.text
        assert answer.headers["latchkey-key"] == "other"
        spent(keys.who, {"requests": 1})
        expect.problem(keys.who.chat(), 429, "budget_exceeded")
        assert keys.asked(inference) == ["default", "other"]
        spent(keys.who, {"requests": 1})
