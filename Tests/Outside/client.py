"""The service's routes as calls. Every call returns the plain `requests` answer."""

import itertools
import threading

import requests

import tokens

COUNTER = itertools.count(1)


def fake_key(behaviour: str = "valid", tag: str = "user") -> str:
    """A key never used before, obviously fake, that makes the scripted provider behave so."""
    return f"sk-fake-{behaviour}-{tag}-{next(COUNTER):08d}"


class Client:
    """Speaks to one running server; may be used from several threads."""

    def __init__(self, url: str, jwt_secret: str, service_token: str, setup_token: str | None, on_answer=None):
        self.url = url
        self.jwt_secret = jwt_secret
        self.service_token = service_token
        self.setup_token = setup_token
        self.on_answer = on_answer
        self.local = threading.local()

    def session(self) -> requests.Session:
        if not hasattr(self.local, "session"):
            self.local.session = requests.Session()
            self.local.session.trust_env = False
        return self.local.session

    def call(
        self, method: str, path: str, token: str | None = None, headers: dict | None = None, timeout: float = 30, **rest
    ) -> requests.Response:
        sent = {"Authorization": f"Bearer {token}"} if token is not None else {}
        sent.update(headers or {})
        answer = self.session().request(
            method, self.url + path, headers=sent, timeout=timeout, allow_redirects=False, **rest
        )
        if self.on_answer:
            self.on_answer(answer)
        return answer

    def as_user(self, user: str, method: str, path: str, **rest) -> requests.Response:
        return self.call(method, path, token=tokens.mint(self.jwt_secret, user), **rest)

    # The user's own routes.

    def set(self, user: str, provider: str, key: str, timeout: float = 30, **members) -> requests.Response:
        body = {"provider": provider, "api_key": key, **members}
        return self.as_user(user, "POST", "/api/api-keys/set", json=body, timeout=timeout)

    def store(self, user: str, provider: str, key: str, **members) -> dict:
        """A set that must succeed, without asking the provider."""
        answer = self.set(user, provider, key, **{"validate": False, **members})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def validate(self, user: str, provider: str, name: str | None = None) -> requests.Response:
        return self.as_user(user, "POST", f"/api/api-keys/validate/{provider}", params={"name": name} if name else None)

    def status(self, user: str) -> dict:
        answer = self.as_user(user, "GET", "/api/api-keys/status")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def delete(self, user: str, provider: str, name: str | None = None) -> requests.Response:
        return self.as_user(user, "DELETE", f"/api/api-keys/{provider}", params={"name": name} if name else None)

    def delete_all(self, user: str) -> requests.Response:
        return self.as_user(user, "DELETE", "/api/api-keys/")

    def set_fallback(self, user: str, on: bool) -> requests.Response:
        return self.as_user(user, "PUT", "/api/api-keys/settings", json={"global_fallback": on})

    def providers(self) -> requests.Response:
        return self.call("GET", "/api/api-keys/providers")

    # Set-up and service routes.

    def set_initial(self, provider: str, key: str, token: str | None = None, **members) -> requests.Response:
        body = {"provider": provider, "api_key": key, **members}
        return self.call("POST", "/api/api-keys/set-initial", token=token or self.setup_token, json=body)

    def status_initial(self, token: str | None = None) -> requests.Response:
        return self.call("GET", "/api/api-keys/status-initial", token=token or self.setup_token)

    def resolve(self, user: str, provider: str, name: str | None = None) -> requests.Response:
        body = {"user_id": user, "provider": provider} | ({"name": name} if name else {})
        return self.call("POST", "/api/service/resolve", token=self.service_token, json=body)
