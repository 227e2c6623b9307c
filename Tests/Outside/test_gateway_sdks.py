"""Official clients through the gateway, unmodified but for the address and the token in the key's place."""

import hashlib
import os
import random

import anthropic
import openai
import pytest
from google import genai

import tokens
from client import fake_key
from gateway import MODELS, Caller, assert_clean, caller, new_tag
from harness import Latchkey
from scripted_inference import ScriptedInference

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would fetch a list of prices when imported
SHOWS = ["jwt", "access token", "service token"]
UPLOAD_BYTES = 3 * 1024 * 1024 + 17


@pytest.fixture(scope="module")
def provider():
    with ScriptedInference() as running:
        yield running


@pytest.fixture(scope="module")
def service(module_service) -> Latchkey:
    return module_service()


@pytest.fixture(params=SHOWS)
def shows(request) -> str:
    return request.param


@pytest.fixture
def seen_clean(provider, request):
    """Makes callers, and looks afterwards at what the provider saw of each."""
    made = []

    def make(*arguments, **members) -> Caller:
        made.append(caller(*arguments, **members))
        return made[-1]

    yield make
    for who in made:
        assert_clean(provider, who)
    assert provider.elsewhere() == []


def text(tag: str, events: int = 4) -> str:
    """What the provider says to a request with this tag."""
    return "".join(f"[{tag}#{number}]" for number in range(events))


class TestOpenAI:
    @pytest.fixture
    def who(self, service, shows, seen_clean) -> Caller:
        return seen_clean(service, "openai", shows)

    @pytest.fixture
    def client(self, who):
        with openai.OpenAI(api_key=who.token, base_url=who.base, default_headers=who.headers, max_retries=0) as client:
            yield client

    def test_chat(self, client):
        tag = new_tag()
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": tag}])
        assert answer.choices[0].message.content == text(tag) and answer.usage.prompt_tokens > 0

    @pytest.mark.parametrize("asked", [False, True], ids=["usage not asked for", "usage asked for"])
    def test_streaming_chat(self, client, asked):
        tag = new_tag()
        options = {"stream_options": {"include_usage": True}} if asked else {}
        said = [{"role": "user", "content": tag}]
        chunks = list(client.chat.completions.create(model="gpt-4o-mini", messages=said, stream=True, **options))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == text(tag)
        assert [bool(chunk.usage) for chunk in chunks] == [False] * (len(chunks) - 1) + [asked]
        assert all(chunk.choices for chunk in chunks if not chunk.usage)

    def test_responses(self, client):
        tag = new_tag()
        assert client.responses.create(model="gpt-4o-mini", input=tag).output_text == text(tag)
        events = list(client.responses.create(model="gpt-4o-mini", input=tag, stream=True))
        assert events[-1].response.output_text == text(tag)

    def test_embeddings(self, client):
        answer = client.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
        assert [entry.embedding for entry in answer.data] == [[0.0, 1.0, 2.0]] * 2

    def test_models(self, client, who, provider):
        assert [model.id for model in client.models.list()] == ["gpt-4o-mini", "scripted-1"]
        client.completions.create(model="m", prompt="x")
        assert len(provider.requests(who.key)) == 2

    def test_a_file_of_some_megabytes(self, client):
        content = random.Random(7).randbytes(UPLOAD_BYTES)
        answer = client.files.create(file=("upload.jsonl", content), purpose="batch")
        assert (answer.bytes, answer.id) == (UPLOAD_BYTES, f"file-{hashlib.sha256(content).hexdigest()}")


class TestOpenAIsErrors:
    """The client knows them for what they are."""

    def client(self, who: Caller, **members) -> openai.OpenAI:
        return openai.OpenAI(**{"api_key": who.token, "base_url": who.base, "max_retries": 0, **members})

    def ask(self, client: openai.OpenAI):
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "x"}])

    @pytest.mark.parametrize(
        "mode, error", [("ratelimited", openai.RateLimitError), ("error500", openai.InternalServerError)]
    )
    def test_the_providers(self, service, mode, error):
        who = caller(service, key=fake_key(mode))
        with pytest.raises(error) as found:
            self.ask(self.client(who))
        assert found.value.response.headers["latchkey-source"] == "user"
        assert who.key not in found.value.response.text

    def test_the_gateways(self, service, provider):
        who = caller(service)
        with pytest.raises(openai.AuthenticationError):
            self.ask(self.client(who, api_key=tokens.mint("another secret, quite as long as the right one", who.user)))
        with pytest.raises(openai.NotFoundError):
            self.ask(self.client(who, api_key=tokens.mint(service.jwt_secret, "a user without a key")))
        assert provider.requests(who.key) == []

    def test_a_key_by_name_and_a_cookie_that_stays_here(self, service, provider):
        who, work = caller(service), fake_key("valid", "work")
        service.client().store(who.user, "openai", work, name="work")
        headers = {"Latchkey-Key": "work", "Cookie": "session=of-the-app-itself", "Forwarded": "for=192.0.2.60"}
        client = self.client(who, default_headers=headers)
        answer = client.chat.completions.with_raw_response.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "x"}]
        )
        assert (answer.headers["latchkey-key"], answer.headers["latchkey-source"]) == ("work", "user")
        assert "set-cookie" not in answer.headers and "strict-transport-security" not in answer.headers
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
        assert answer.headers["x-ratelimit-remaining-requests"] == "41"
        assert provider.requests(who.key) == []
        who.key = work
        assert_clean(provider, who, "session=of-the-app-itself")



class TestAnthropic:
    @pytest.fixture
    def who(self, service, shows, seen_clean) -> Caller:
        return seen_clean(service, "anthropic", shows)

    @pytest.fixture(params=["api_key", "auth_token"])
    def client(self, who, request):
        """It sends what it calls a key in one place, and what it calls a token in another."""
        place = {request.param: who.token}
        with anthropic.Anthropic(**place, base_url=who.base, default_headers=who.headers, max_retries=0) as client:
            yield client

    def asked(self, tag: str) -> dict:
        return {"model": MODELS["anthropic"], "max_tokens": 99, "messages": [{"role": "user", "content": tag}]}

    def test_messages(self, client):
        tag = new_tag()
        answer = client.messages.create(**self.asked(tag))
        assert answer.content[0].text == text(tag) and answer.usage.input_tokens > 0

    def test_streaming_messages(self, client, who, provider):
        tag = new_tag()
        with client.messages.stream(**self.asked(tag)) as stream:
            assert "".join(stream.text_stream) == text(tag)
            final = stream.get_final_message()
        assert final.usage.output_tokens == provider.generating(who.key)[-1].used.output

    def test_counting_tokens(self, client):
        asked = self.asked(new_tag())
        assert client.messages.count_tokens(model=asked["model"], messages=asked["messages"]).input_tokens > 0


def test_a_key_in_anthropics_own_header(service, seen_clean):
    """Where other clients of Anthropic's put it."""
    who, tag = seen_clean(service, "anthropic"), new_tag()
    asked = {"model": MODELS["anthropic"], "max_tokens": 99, "messages": [{"role": "user", "content": tag}]}
    answer = who.post("/v1/messages", asked, {"Authorization": None, "x-api-key": who.token})
    assert answer.json()["content"][0]["text"] == text(tag)


class TestGemini:
    @pytest.fixture
    def who(self, service, shows, seen_clean) -> Caller:
        return seen_clean(service, "gemini", shows)

    @pytest.fixture
    def client(self, who):
        return genai.Client(api_key=who.token, http_options={"base_url": who.base, "headers": who.headers})

    def test_generate(self, client):
        tag = new_tag()
        answer = client.models.generate_content(model="gemini-2.5-flash", contents=tag)
        assert answer.text == text(tag) and answer.usage_metadata.prompt_token_count > 0

    def test_stream(self, client, who, provider):
        tag = new_tag()
        chunks = list(client.models.generate_content_stream(model="gemini-2.5-flash", contents=tag))
        assert "".join(chunk.text or "" for chunk in chunks) == text(tag)
        assert chunks[-1].usage_metadata.prompt_token_count == provider.generating(who.key)[-1].used.input

    def test_embeddings(self, client):
        assert client.models.embed_content(model="e", contents=["a"]).embeddings[0].values == [0.5] * 3


@pytest.fixture(scope="module")
def litellm():
    """Imported late: it takes seconds."""
    import litellm

    litellm.telemetry, litellm.num_retries = False, 0
    return litellm


LITELLM = {
    "openai": ("openai/gpt-4o-mini", ""),
    "groq": ("groq/llama-scripted", ""),
    "anthropic": ("anthropic/claude-opus-4-5", ""),
    "gemini": ("gemini/gemini-2.5-flash", "/v1beta"),
    "cohere": ("cohere_chat/command-scripted", "/v2/chat"),
}


@pytest.mark.filterwarnings("ignore:.*ReadOnly:UserWarning")
class TestLiteLLM:
    """Itself a client of many providers, in several of their formats."""

    def ask(self, litellm, who: Caller, tag: str, **members):
        model, suffix = LITELLM[who.vendor]
        said = [{"role": "user", "content": tag}]
        return litellm.completion(model=model, messages=said, api_base=who.base + suffix, api_key=who.token, **members)

    @pytest.mark.parametrize("vendor", LITELLM)
    def test_completion(self, litellm, service, seen_clean, vendor):
        who, tag = seen_clean(service, vendor, "access token"), new_tag()
        assert self.ask(litellm, who, tag).choices[0].message.content == text(tag)

    @pytest.mark.parametrize("vendor", [vendor for vendor in LITELLM if vendor != "cohere"])
    def test_streaming_completion(self, litellm, service, seen_clean, vendor):
        """Not Cohere's: this client cannot read the events that Cohere sends."""
        who, tag = seen_clean(service, vendor, "access token"), new_tag()
        chunks = self.ask(litellm, who, tag, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == text(tag)
