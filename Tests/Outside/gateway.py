"""Calls through the gateway: who makes them, and what the provider must have seen of them."""

import itertools
import json
from dataclasses import dataclass, field

import requests

import expect
import needles
import tokens
from client import Client, fake_key
from harness import Latchkey, wait_until
from inference_wire import Exchange
from scripted_inference import KEY_HEADERS, ScriptedInference

PREFIX = "/gateway"
METERING_SECONDS = 5
NAMES = itertools.count(1)
MODELS = {
    "openai": "gpt-4o-mini",
    "groq": "llama-scripted",
    "openrouter": "scripted/chat",
    "anthropic": "claude-opus-4-5",
    "gemini": "gemini-2.5-flash",
    "cohere": "command-scripted",
}


def base_url(service: Latchkey, vendor: str) -> str:
    return f"http://127.0.0.1:{service.port}{PREFIX}/{vendor}"


def new_tag() -> str:
    """Something to know a request by, on all its way."""
    return f"tag-{next(NAMES)}"


def new_user() -> str:
    return f"user-{next(NAMES)}"


def access_token(client: Client, user: str, **members) -> dict:
    """A token the user makes for the gateway: the answer, with the text of the token as `token`."""
    body = {"label": "outside test", "scopes": ["gateway"], **members}
    return expect.success(client.as_user(user, "POST", "/api/access-tokens", json=body), 201)


def set_budget(who: "Caller", metric: str, period: str, amount: int, **members) -> dict:
    """A limit the user sets for themselves."""
    body = {"metric": metric, "per": period, "amount": amount, **members}
    return expect.success(who.service.client().as_user(who.user, "PUT", "/api/budgets", json=body))


@dataclass
class Caller:
    """A user with a key of their own, and what they show to the gateway."""

    service: Latchkey
    vendor: str
    user: str
    key: str
    token: str
    headers: dict = field(default_factory=dict)

    @property
    def base(self) -> str:
        return base_url(self.service, self.vendor)

    def post(self, path: str, body, headers: dict | None = None, **rest) -> requests.Response:
        """A call as no SDK makes it: on a connection of its own, without retries."""
        sent = {"Authorization": f"Bearer {self.token}", **self.headers, **(headers or {})}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent.setdefault("Content-Type", "application/json")
        with requests.Session() as session:
            session.trust_env = False
            return session.post(self.base + path, data=data, headers=sent, timeout=30, allow_redirects=False, **rest)

    def chat(self, tag: str | None = None, **members) -> requests.Response:
        """An OpenAI chat call."""
        headers = members.pop("headers", None)
        said = [{"role": "user", "content": tag or new_tag()}]
        return self.post("/chat/completions", {"model": MODELS[self.vendor], "messages": said, **members}, headers)

    # What the service says of it.

    def events(self) -> list[dict]:
        """The user's usage events, newest first."""
        answer = self.service.client().as_user(self.user, "GET", "/api/usage/events")
        return expect.success(answer)["events"]

    def wait_for_events(self, count: int, seconds: float = METERING_SECONDS) -> list[dict]:
        def enough() -> list[dict]:
            found = self.events()
            return found if len(found) >= count else []

        found = wait_until(enough, seconds, f"{count} usage events of {self.user}")
        assert len(found) == count, found
        return found


def caller(
    service: Latchkey, vendor: str = "openai", shows: str = "jwt", key: str | None = None, user: str | None = None
) -> Caller:
    """A new user with a key; `shows` says what: `jwt`, `access token`, or `service token`."""
    client, user = service.client(), user or new_user()
    key = key or fake_key("valid", user)
    client.store(user, vendor, key)
    if shows == "service token":
        return Caller(service, vendor, user, key, client.service_token, {"Latchkey-User": user})
    shown = access_token(client, user)["token"] if shows == "access token" else tokens.mint(client.jwt_secret, user)
    return Caller(service, vendor, user, key, shown)


# What the provider saw.


def assert_sole_credential(exchange: Exchange, key: str):
    """Exactly one credential, the right one, in exactly the right header."""
    header = KEY_HEADERS.get(exchange.vendor, "authorization")
    scheme = "" if exchange.vendor in KEY_HEADERS else "Bearer "
    assert exchange.credentials == [(header, scheme + key)], exchange.credentials


def assert_clean(provider: ScriptedInference, who: Caller, *more_secrets: str):
    """The provider saw the user's key in its place and nothing of what the caller showed, in no byte."""
    seen = provider.generating(who.key)
    assert seen, "the provider was not asked"
    for exchange in provider.requests(who.key):
        assert_sole_credential(exchange, who.key)
        names = [name.lower() for name, _ in exchange.headers]
        odd = [name for name in names if name.startswith("latchkey-") or name in ("cookie", "host2", "forwarded")]
        assert odd == [] and names.count("host") == 1, names
        assert exchange.header("host") == provider.origin.partition("://")[2]
    secrets = {f"secret {number}": text.encode() for number, text in enumerate((who.token, *more_secrets))}
    needles.assert_absent(secrets, {"requests": b"".join(bytes(exchange.raw) for exchange in seen)})


def events_of(body: bytes) -> list:
    """The data of server-sent events, as JSON but for `[DONE]`."""
    found = [line.removeprefix(b"data: ") for line in body.splitlines() if line.startswith(b"data: ")]
    return [line.decode() if line == b"[DONE]" else json.loads(line) for line in found]
