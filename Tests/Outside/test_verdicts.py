"""Every answer a provider can give, and the verdict it leads to."""

import threading
import time

import pytest

import expect
from client import fake_key
from harness import wait_until

VENDORS = ("openai", "anthropic", "gemini", "openrouter")
CHECK_SECONDS = 10
# Behaviour → codes that tell it: ours, or the word the provider itself gave.
NOT_DECISIVE = {
    "garbage": {"unreadable_answer"},
    "notjson": {"unreadable_answer"},
    "error500": {"provider_error", "server_error"},
    "overloaded": {"provider_error", "overloaded_error"},
    "redirect": {"unexpected_status"},
    "teapot": {"unexpected_status"},
    "brokenhttp": {"network_error", "unreadable_answer"},
    "closed": {"network_error"},
}


@pytest.fixture(scope="module")
def client(module_service):
    return module_service().client()


def set_key(client, vendor, behaviour, **members):
    key = fake_key(behaviour, vendor)
    user = f"user-of-{key}"[:64]
    return user, key, client.set(user, vendor, key, **members)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    "behaviour, verdict",
    [
        ("valid", "valid"),
        ("invalid", "invalid"),
        ("restricted", "restricted"),
        ("nocredit", "no_credit"),
        ("ratelimited", "rate_limited"),
    ],
)
def test_a_telling_answer(client, vendor, behaviour, verdict):
    user, key, answer = set_key(client, vendor, behaviour)
    body = expect.key_object(expect.success(answer), key, vendor, verdict)
    assert isinstance(body["evidence"]["http_status"], int) and body["evidence"]["checked_at"]
    assert body["evidence"]["decisive"] is (verdict != "rate_limited")
    assert (body["last_validated"] is not None) is (verdict != "rate_limited")
    resolve = client.resolve(user, vendor)
    if verdict == "invalid":
        expect.problem(resolve, 409, "key_invalid")
    else:
        assert (expect.success(resolve)["api_key"], resolve.json()["verdict"]) == (key, verdict)


def test_a_blocked_key_is_not_an_invalid_one(client):
    user, key, answer = set_key(client, "gemini", "blocked")
    expect.key_object(expect.success(answer), key, "gemini", "blocked")


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("behaviour", NOT_DECISIVE)
def test_an_answer_that_tells_nothing_loses_nothing(client, vendor, behaviour):
    user, key, answer = set_key(client, vendor, behaviour)
    body = expect.key_object(expect.success(answer), key, vendor, "unknown")
    assert body["evidence"]["decisive"] is False
    assert body["evidence"]["code"] in NOT_DECISIVE[behaviour]
    assert expect.success(client.resolve(user, vendor))["api_key"] == key


def test_a_huge_answer_is_cut_off(client):
    user, key, answer = set_key(client, "openai", "huge")
    expect.key_object(expect.success(answer), key, "openai", "unknown")
    assert expect.success(client.resolve(user, "openai"))["api_key"] == key


def test_a_redirect_is_never_followed(client, provider):
    for vendor in VENDORS:
        _, key, answer = set_key(client, vendor, "redirect")
        assert expect.success(answer)["evidence"]["http_status"] == 302
        assert len(provider.requests(key)) == 1
    assert provider.elsewhere() == []


@pytest.fixture
def slow_answers(provider):
    """Sets how long a -slow- key waits, for one test."""
    before = provider.slow_seconds
    yield lambda seconds: setattr(provider, "slow_seconds", seconds)
    provider.slow_seconds = before


def test_a_slow_valid_answer_is_waited_for(client, slow_answers):
    slow_answers(1.5)
    _, key, answer = set_key(client, "openai", "slow")
    expect.key_object(expect.success(answer), key, "openai", "valid")


def test_a_too_slow_answer_is_given_up_and_holds_up_nobody(client, slow_answers):
    slow_answers(CHECK_SECONDS * 3)
    begun, results = time.monotonic(), []
    waiting = threading.Thread(target=lambda: results.append(set_key(client, "openai", "slow")))
    waiting.start()
    _, key, answer = set_key(client, "openai", "valid")
    expect.key_object(expect.success(answer), key, "openai", "valid")
    assert time.monotonic() - begun < CHECK_SECONDS / 2
    waiting.join(CHECK_SECONDS * 2)
    assert results, "no answer although the provider's time was up"
    user, key, answer = results[0]
    body = expect.key_object(expect.success(answer), key, "openai", "unknown")
    assert body["evidence"]["code"] == "timeout" and time.monotonic() - begun < CHECK_SECONDS * 1.5
    assert expect.success(client.resolve(user, "openai"))["api_key"] == key


@pytest.mark.parametrize("behaviour", ["ratelimited", "error500", "garbage", "brokenhttp", "redirect"])
@pytest.mark.parametrize("first, verdict", [("valid", "valid"), ("invalid", "invalid")])
def test_only_a_decisive_answer_changes_the_state(client, provider, first, verdict, behaviour):
    user, key, answer = set_key(client, "openai", first)
    decided = expect.success(answer)
    provider.answers[key] = behaviour
    again = expect.success(client.validate(user, "openai"))
    assert again["verdict"] == verdict and again["is_valid"] is decided["is_valid"]
    assert again["last_validated"] == decided["last_validated"]


@pytest.mark.parametrize(
    "then, verdict", [("invalid", "invalid"), ("restricted", "restricted"), ("nocredit", "no_credit")]
)
def test_a_decisive_answer_does_change_it_and_back(client, provider, then, verdict):
    user, key, answer = set_key(client, "openai", "valid")
    provider.answers[key] = then
    assert expect.success(client.validate(user, "openai"))["verdict"] == verdict
    provider.answers[key] = "valid"
    assert expect.success(client.validate(user, "openai"))["verdict"] == "valid"
    assert expect.success(client.resolve(user, "openai"))["api_key"] == key


def test_require_valid_stores_nothing_that_is_refused(client):
    user, key, answer = set_key(client, "openai", "invalid", require_valid=True)
    expect.problem(answer, 422, "key_refused")
    assert client.status(user)["keys"] == [] and key not in answer.text


def test_require_valid_leaves_the_old_key_in_place(client):
    good, bad = fake_key("valid"), fake_key("invalid")
    client.store("careful", "openai", good)
    before = client.status("careful")
    expect.problem(client.set("careful", "openai", bad, require_valid=True), 422, "key_refused")
    assert client.status("careful") == before
    assert expect.success(client.resolve("careful", "openai"))["api_key"] == good


def test_require_valid_keeps_what_was_not_decided(client):
    user, key, answer = set_key(client, "openai", "error500", require_valid=True)
    expect.key_object(expect.success(answer), key, "openai", "unknown")


def test_without_validation_the_provider_is_not_asked(client, provider):
    user, key, answer = set_key(client, "openai", "valid", validate=False)
    body = expect.key_object(expect.success(answer), key, "openai", "unknown")
    assert body["evidence"] == {"http_status": None, "code": None, "checked_at": None, "decisive": False}
    assert provider.requests(key) == []


@pytest.mark.parametrize(
    "vendor, header",
    [
        ("openai", "authorization"),
        ("anthropic", "x-api-key"),
        ("gemini", "x-goog-api-key"),
        ("openrouter", "authorization"),
    ],
)
def test_the_key_travels_in_its_header_and_nowhere_else(client, provider, vendor, header):
    _, key, answer = set_key(client, vendor, "valid")
    expect.success(answer)
    [request] = provider.requests(key)
    assert request.header(header).endswith(key)
    assert key not in request.target and request.raw.count(key.encode()) == 1
    assert vendor != "anthropic" or request.header("anthropic-version") == "2023-06-01"


def test_an_expiry_in_the_past_makes_the_key_unusable(client):
    key = fake_key()
    client.store("brief", "openai", key, expires_at=int(time.time()) + 2)
    assert client.resolve("brief", "openai").status_code == 200
    wait_until(lambda: client.resolve("brief", "openai").status_code != 200, 10, "the key's expiry")
    expect.problem(client.resolve("brief", "openai"), 409, "key_expired")


def test_validating_what_is_not_there(client):
    expect.problem(client.validate("nobody", "openai"), 404, "key_not_found")
    client.store("somebody", "openai", fake_key())
    expect.problem(client.validate("nobody", "openai"), 404, "key_not_found")
    expect.problem(client.validate("somebody", "openai", "work"), 404, "key_not_found")
