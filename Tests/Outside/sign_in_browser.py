"""A browser as far as signing in needs one: cookies, redirects one at a time, and forms filled in and sent."""

from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

ATTEMPT = "latchkey-oidc"
SESSION = "latchkey"
CALLBACK = "/ui/oidc/callback"


class Form(HTMLParser):
    """The first form of a page: where it goes, and what is written in it already."""

    def __init__(self, page: requests.Response):
        super().__init__()
        self.action, self.values, self.buttons = page.url, {}, []
        self.feed(page.text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "form" and given.get("action"):
            self.action = urljoin(self.action, given["action"])
        if tag == "input" and given.get("name"):
            if given.get("type") == "submit":
                self.buttons.append((given["name"], given.get("value", "")))
            elif given.get("type") not in ("checkbox", "radio") or "checked" in given:
                self.values[given["name"]] = given.get("value", "")


class Browser:
    def __init__(self, service):
        self.origin = f"http://127.0.0.1:{service.port}"
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, address: str, **rest) -> requests.Response:
        """One request, no redirect followed."""
        return self.session.get(urljoin(self.origin, address), allow_redirects=False, timeout=30, **rest)

    def start(self, next_page: str | None = None) -> str:
        """Begins a sign-in; where the service sends the browser to."""
        answer = self.get("/ui/oidc/start", params={"next": next_page} if next_page is not None else None)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def sign_in(self, provider, person: str, next_page: str | None = None, agree: bool = True) -> str:
        """To the provider and through its forms; the address that it sends the browser back to, not yet opened."""
        answer = self.get(self.start(next_page))
        for _ in range(8):
            if answer.status_code in (301, 302, 303):
                target = urljoin(answer.url, answer.headers["location"])
                if target.startswith(self.origin):
                    return target
                answer = self.get(target)
                continue
            form = Form(answer)
            if "password" in form.values:
                form.values |= {"username": person, "password": provider.people[person]}
            elif agree:
                form.values |= dict(button for button in form.buttons if button[0] == "allow")
            headers = {"Referer": answer.url}
            answer = self.session.post(
                form.action, data=form.values, headers=headers, allow_redirects=False, timeout=30
            )
        raise AssertionError(f"the provider goes on and on: {answer.status_code} {answer.text[:2000]}")

    def who(self) -> dict:
        answer = self.get("/api/session")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def sign_out(self) -> requests.Response:
        headers = {"Origin": self.origin, "X-CSRF-Token": self.who()["csrf_token"]}
        return self.session.delete(f"{self.origin}/api/session", headers=headers, timeout=30)


def parameters(address: str) -> dict:
    """Of a query, each there once."""
    found = parse_qs(urlsplit(address).query, keep_blank_values=True)
    assert all(len(values) == 1 for values in found.values()), address
    return {name: values[0] for name, values in found.items()}


def error_of(answer: requests.Response) -> str | None:
    """What the sign-in page is told; None where the sign-in went well."""
    assert answer.status_code == 303, answer.text
    page, _, error = answer.headers["location"].partition("#error=")
    assert page.startswith("/ui/"), page
    return error or None


def set_cookies(answer) -> dict[str, str]:
    """Each cookie that an answer sets, with its attributes."""
    return {line.split("=", 1)[0]: line for line in answer.raw.headers.getlist("set-cookie")}
