"""The scripted provider itself: a test tool that lies would make every other test worthless."""

import json
import socket

import pytest
import requests

from client import fake_key
from scripted_answers import BEHAVIOURS, HUGE_BYTES, behaviour_of
from scripted_provider import ScriptedProvider

PROBES = {
    "openai": ("/openai/v1/models", "Authorization", "Bearer "),
    "anthropic": ("/anthropic/v1/models", "x-api-key", ""),
    "gemini": ("/gemini/v1beta/models", "x-goog-api-key", ""),
    "openrouter": ("/openrouter/api/v1/key", "Authorization", "Bearer "),
}


@pytest.fixture
def provider():
    """One of its own: these tests turn its switches and follow its redirect."""
    with ScriptedProvider(slow_seconds=0.3) as running:
        yield running


def probe(provider, vendor: str, key: str) -> requests.Response:
    path, header, scheme = PROBES[vendor]
    return requests.get(provider.origin + path, headers={header: scheme + key}, allow_redirects=False, timeout=10)


@pytest.mark.parametrize("vendor", PROBES)
@pytest.mark.parametrize(
    "behaviour, status",
    [
        ("valid", {200}),
        ("invalid", {400, 401}),
        ("restricted", {403}),
        ("nocredit", {400, 402, 429}),
        ("ratelimited", {429}),
        ("garbage", {200}),
        ("redirect", {302}),
        ("error500", {500}),
        ("overloaded", {529}),
    ],
)
def test_a_key_chooses_the_answer(provider, vendor, behaviour, status):
    answer = probe(provider, vendor, fake_key(behaviour))
    assert answer.status_code in status


def test_every_behaviour_is_found_in_its_own_key():
    assert [behaviour_of(fake_key(word)) for word in BEHAVIOURS] == list(BEHAVIOURS)
    assert behaviour_of("sk-something-else") == "invalid"


def test_the_wrong_header_is_no_key(provider):
    key = fake_key("valid")
    answer = requests.get(
        provider.origin + "/anthropic/v1/models", headers={"Authorization": f"Bearer {key}"}, timeout=10
    )
    assert answer.status_code == 401


def test_only_the_probe_is_served(provider):
    key = fake_key("valid")
    headers = {"Authorization": f"Bearer {key}"}
    assert requests.post(provider.origin + "/openai/v1/models", headers=headers, timeout=10).status_code == 404
    assert requests.get(provider.origin + "/openrouter/api/v1/models", headers=headers, timeout=10).status_code == 404


def test_every_byte_is_kept(provider):
    key = fake_key("valid", "bytes")
    wire = (
        f"GET /openai/v1/models HTTP/1.1\r\nHost: x\r\nauthorization:  Bearer {key}\r\nX-Odd: a:b\r\n"
        "Content-Length: 4\r\n\r\nbody"
    ).encode()
    with socket.create_connection(("127.0.0.1", provider.server.server_address[1]), timeout=10) as connection:
        connection.sendall(wire)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 OK\r\n")
    [request] = provider.requests(key)
    assert request.raw == wire and request.body == b"body" and request.header("x-odd") == "a:b"


def test_a_slow_key_is_answered_late(provider):
    assert probe(provider, "openai", fake_key("slow")).elapsed.total_seconds() >= 0.3


def test_broken_answers_are_broken(provider):
    assert len(probe(provider, "openai", fake_key("huge")).content) > HUGE_BYTES
    with pytest.raises(json.JSONDecodeError):
        json.loads(probe(provider, "openai", fake_key("notjson")).content)
    for behaviour in ("brokenhttp", "closed"):
        with pytest.raises(requests.ConnectionError):
            probe(provider, "openai", fake_key(behaviour))


def test_a_test_can_change_the_answer(provider):
    key = fake_key("valid")
    provider.answers[key] = "invalid"
    assert probe(provider, "openai", key).status_code == 401


def test_the_redirect_leads_where_calls_are_counted(provider):
    assert provider.elsewhere() == []
    answer = probe(provider, "openai", fake_key("redirect"))
    requests.get(provider.origin + answer.headers["Location"], timeout=10)
    assert len(provider.elsewhere()) == 1
