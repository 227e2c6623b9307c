"""A browser at Latchkey's own pages, as far as the wire shows it: it keeps a cookie and sends what a page would."""

import re

import requests

import expect
import tokens

SESSION, CODES = "/api/session", "/api/session/codes"
# RFC 6265, section 4.1.1: what a cookie's value may be made of.
COOKIE = re.compile(r"(?P<name>[^=;]+)=(?P<value>[!#-+\--:<-\[\]-~]*)(?P<attributes>(?:; [^;]+)*)")


def make_code(service, user: str, **claims) -> dict:
    token = tokens.mint(service.jwt_secret, user, **claims)
    return expect.success(service.client().call("POST", CODES, token=token), 201)


class WebBrowser:
    """One user's browser. `origin` is where its pages are, whatever it connects to."""

    def __init__(self, service, origin: str | None = None, cookie_name: str = "latchkey"):
        self.url = f"http://127.0.0.1:{service.port}"
        self.origin = origin or self.url
        self.cookie_name, self.cookie, self.csrf = cookie_name, None, None

    def sign_in(self, service, user: str, **claims) -> "WebBrowser":
        answer = self.redeem(make_code(service, user, **claims)["code"])
        self.take(answer)
        return self

    def redeem(self, code: str) -> requests.Response:
        return self.send("POST", SESSION, {"Origin": self.origin}, json={"code": code})

    def take(self, answer: requests.Response):
        self.csrf = expect.success(answer)["csrf_token"]
        self.cookie = set_cookie(answer)["value"]

    def fields(self, method: str) -> dict:
        """What a page of ours sends along."""
        read = {"Cookie": f"{self.cookie_name}={self.cookie}", "Sec-Fetch-Site": "same-origin"}
        return read if method in ("GET", "HEAD") else {**read, "Origin": self.origin, "X-CSRF-Token": self.csrf}

    def call(self, method: str, path: str, change: dict | None = None, **rest) -> requests.Response:
        """`change` adds fields; None takes one away."""
        fields = {**self.fields(method), **(change or {})}
        return self.send(method, path, {name: value for name, value in fields.items() if value is not None}, **rest)

    def send(self, method: str, path: str, headers: dict, **rest) -> requests.Response:
        # No session of the library: it would keep the cookies by itself.
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, self.url + path, headers=headers, timeout=30, allow_redirects=False, **rest)

    def state(self) -> dict:
        return expect.success(self.call("GET", SESSION))

    def is_signed_in(self) -> bool:
        return self.state()["signed_in"]


def set_cookie(answer: requests.Response) -> dict:
    """The one cookie that an answer sets: name, value and attributes."""
    fields = [value for name, value in answer.raw.headers.items() if name.lower() == "set-cookie"]
    assert len(fields) == 1, fields
    match = COOKIE.fullmatch(fields[0])
    assert match, fields[0]
    return {**match.groupdict(), "attributes": set(match["attributes"].split("; ")[1:])}
