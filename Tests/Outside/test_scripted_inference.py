"""The scripted inference provider itself, asked directly: a test tool that lies would make other tests worthless."""

import json
import re
import socket

import anthropic
import openai
import pytest
import requests
from google import genai

from client import fake_key
from harness import wait_until
from inference_wire import Exchange
from scripted_inference import BASE_PATHS, ScriptedInference

CHAT = "/openai/v1/chat/completions"


@pytest.fixture(scope="module")
def provider():
    with ScriptedInference() as running:
        yield running


@pytest.fixture(scope="module")
def direct():
    """For the official clients: see there."""
    with ScriptedInference(direct=True) as running:
        yield running


def chat(provider, key: str, tag: str = "tag-1", **members) -> requests.Response:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": tag}], **members}
    headers = {"Authorization": f"Bearer {key}"}
    return requests.post(provider.origin + CHAT, json=body, headers=headers, timeout=10, allow_redirects=False)


def events(answer) -> list:
    lines = [line.removeprefix(b"data: ") for line in answer.content.split(b"\n") if line.startswith(b"data: ")]
    return [json.loads(line) for line in lines if line != b"[DONE]"]


class TestOfficialClients:
    """They take these answers for the real ones."""

    def test_openai(self, direct):
        key = fake_key()
        client = openai.OpenAI(api_key=key, base_url=direct.origin + BASE_PATHS["openai"], max_retries=0)
        said = [{"role": "user", "content": "tag-o"}]
        whole = client.chat.completions.create(model="gpt-4o-mini", messages=said)
        assert whole.choices[0].message.content == "".join(f"[tag-o#{number}]" for number in range(4))
        stream = client.chat.completions.create(
            model="gpt-4o-mini", messages=said, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
        used = direct.requests(key)[-1].used
        assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (used.input, used.output)
        assert client.embeddings.create(model="e", input=["a", "b"]).data[1].embedding == [0.0, 1.0, 2.0]
        assert client.responses.create(model="gpt-4o-mini", input="tag-r").output_text.startswith("[tag-r#0]")
        assert [event.type for event in client.responses.create(model="m", input="x", stream=True)][-1] == (
            "response.completed"
        )
        assert client.completions.create(model="m", prompt="tag-c").choices[0].text.startswith("[tag-c#0]")

    def test_anthropic(self, direct):
        key = fake_key()
        base = direct.origin + BASE_PATHS["anthropic"].removesuffix("/v1")
        client = anthropic.Anthropic(api_key=key, base_url=base, max_retries=0)
        asked = {"model": "claude-opus-4-5", "max_tokens": 99, "messages": [{"role": "user", "content": "tag-a"}]}
        assert client.messages.create(**asked).content[0].text.startswith("[tag-a#0]")
        with client.messages.stream(**asked) as stream:
            final = stream.get_final_message()
        assert final.usage.output_tokens == direct.requests(key)[-1].used.output
        counted = client.messages.count_tokens(model="m", messages=asked["messages"])
        assert counted.input_tokens > 0

    def test_gemini(self, direct):
        key = fake_key()
        options = {"base_url": direct.origin + BASE_PATHS["gemini"]}
        client = genai.Client(api_key=key, http_options=options)
        asked = {"model": "gemini-2.5-flash", "contents": "tag-g"}
        assert client.models.generate_content(**asked).text.startswith("[tag-g#0]")
        last = list(client.models.generate_content_stream(**asked))[-1]
        assert last.usage_metadata.prompt_token_count == direct.requests(key)[-1].used.input
        assert client.models.embed_content(model="e", contents="a").embeddings[0].values == [0.5] * 3


class TestUsage:
    def test_every_request_has_counts_of_its_own(self, provider):
        key = fake_key()
        for _ in range(20):
            chat(provider, key)
        assert len({exchange.used for exchange in provider.requests(key)}) == 20

    def test_a_stream_that_did_not_ask_gets_none(self, provider):
        found = events(chat(provider, fake_key(), stream=True))
        assert found and not any("usage" in chunk for chunk in found)

    def test_a_stream_that_asked_gets_it_once_and_last(self, provider):
        found = events(chat(provider, fake_key(), stream=True, stream_options={"include_usage": True}))
        assert [chunk["usage"] is None for chunk in found] == [True] * (len(found) - 1) + [False]
        assert found[-1]["choices"] == []


class TestCredentials:
    @pytest.mark.parametrize(
        "headers, query",
        [
            ({"x-api-key": "KEY"}, ""),
            ({"Authorization": "Bearer KEY", "x-api-key": "KEY"}, ""),
            ({"Authorization": "Bearer KEY", "Cookie": "a=b"}, ""),
            ({"Authorization": "Bearer KEY"}, "?key=KEY"),
            ({"Authorization": "KEY"}, ""),
        ],
    )
    def test_anything_but_the_one_right_credential_is_refused(self, provider, headers, query):
        key = fake_key()
        headers = {name: value.replace("KEY", key) for name, value in headers.items()}
        assert requests.post(provider.origin + CHAT + query, json={}, headers=headers, timeout=10).status_code == 401

    def test_every_byte_is_kept(self, provider):
        key = fake_key()
        wire = (
            f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nX-Odd:  a:b\r\n"
            "Transfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\n\r\n"
        ).encode()
        with socket.create_connection(provider.socket.getsockname(), timeout=10) as connection:
            connection.sendall(wire)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 OK\r\n")
        [exchange] = provider.requests(key)
        assert (exchange.raw, exchange.body, exchange.header("x-odd")) == (wire, b"{}", "a:b")


class TestModes:
    @pytest.mark.parametrize(
        "mode, status", [("ratelimited", 429), ("nocredit", 429), ("error500", 500), ("redirect", 302), ("echo", 401)]
    )
    def test_a_key_chooses_the_answer(self, provider, mode, status):
        assert chat(provider, fake_key(mode)).status_code == status

    def test_a_stream_cut_off(self, provider):
        for mode in ("cut", "reset"):
            with pytest.raises(requests.RequestException):
                chat(provider, provider.script(fake_key(), mode), stream=True)

    @pytest.mark.parametrize("mode", ["endless", "silent", "stall"])
    def test_a_client_that_leaves_is_seen_to_leave(self, provider, mode):
        key = provider.script(fake_key(), mode, every=0.001)
        exchange = abandoned(provider, key)
        wait_until(lambda: exchange.ending == "cancelled", 2, "the end of the exchange")
        wait_until(lambda: exchange.connection not in provider.open, 2, "the end of the connection")

    def test_a_client_that_does_not_read_holds_the_stream_back(self, provider):
        key = provider.script(fake_key(), "endless", padding=4_000)
        with connection_with(provider, key):
            [exchange] = wait_until(lambda: provider.requests(key), 5, "the request")
            wait_until(lambda: exchange.blocked_for() > 0.3, 10, "a stream that is held back")
            assert exchange.written > 16_000

    @pytest.mark.parametrize("size", [1, 7])
    def test_pieces_make_up_the_whole(self, provider, size):
        key = provider.script(fake_key(), piece=size)
        deltas = [chunk["choices"][0]["delta"] for chunk in events(chat(provider, key, stream=True))]
        text = "".join(delta.get("content", "") for delta in deltas)
        assert re.findall(r"#(\d)\]", text) == list("0123")

    def test_a_body_cut_in_two_at_every_position(self, provider):
        key = provider.script(fake_key("echo"), split=0)
        whole = chat(provider, key).content
        for position in range(1, len(whole), 17):
            assert chat(provider, provider.script(key, split=position)).content == whole

    def test_gzip_and_close(self, provider):
        key = provider.script(fake_key(), "gzip")
        answer = chat(provider, key)
        assert answer.headers["content-encoding"] == "gzip" and answer.json()["model"]
        assert chat(provider, fake_key("close")).headers["connection"] == "close"
        assert chat(provider, fake_key("fickle")).status_code == 200

    def test_an_interim_answer_comes_before_the_answer(self, provider):
        with connection_with(provider, fake_key("interim")) as connection:
            data = connection.recv(65_536)
            assert data.startswith(b"HTTP/1.1 103 Early Hints\r\n")
            while b"HTTP/1.1 200 OK\r\n" not in data:
                data += connection.recv(65_536)

    def test_a_deaf_provider_reads_when_told(self, provider):
        key = provider.script(fake_key(), "deaf")
        with connection_with(provider, key) as connection:
            [exchange] = wait_until(lambda: provider.requests(key), 5, "the request")
            assert exchange.body == b""
            provider.listen(key)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 OK")
            assert b"tag-raw" in exchange.body


def connection_with(provider, key: str) -> socket.socket:
    """A connection on which a streaming call was sent and nothing is read."""
    body = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"tag-raw"}]}'
    head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
    connection.settimeout(10)
    connection.connect(provider.socket.getsockname())
    connection.sendall(head.encode() + body)
    return connection


def abandoned(provider, key: str) -> Exchange:
    with connection_with(provider, key):
        [exchange] = wait_until(lambda: provider.requests(key), 5, "the request")
        wait_until(lambda: exchange.status == 200, 5, "an answer")
    return exchange
