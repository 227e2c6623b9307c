"""Signing in with an OpenID Connect provider: a real one, Django with django-oauth-toolkit, through its own forms."""

import re
import secrets

import pytest

from client import fake_key
from oidc_provider import OpenIDProvider
from scripted_issuer import CLIENT
from sign_in_browser import ATTEMPT, CALLBACK, SESSION, Browser, error_of, parameters, set_cookies


@pytest.fixture(scope="module")
def django(tmp_path_factory):
    with OpenIDProvider(tmp_path_factory.mktemp("django")) as running:
        yield running


@pytest.fixture(scope="module")
def beside_django(module_service, django):
    return module_service(**django.settings())


class TestWithARealProvider:
    def test_a_person_signs_in_sees_their_keys_and_signs_out(self, beside_django, django):
        beside_django.client().store("alice", "openai", fake_key())
        browser = Browser(beside_django)
        assert browser.who()["oidc"] == {"name": "Sign in with Django", "url": "/ui/oidc/start"}
        answer = browser.get(browser.sign_in(django, "alice", "/ui/usage"))
        assert error_of(answer) is None and answer.headers["location"] == "/ui/usage"
        cookies = set_cookies(answer)
        assert "HttpOnly" in cookies[SESSION] and "SameSite=Strict" in cookies[SESSION]
        assert "Max-Age=0" in cookies[ATTEMPT]
        who = browser.who()
        assert who["signed_in"] and who["user_id"] == "alice" and not who["is_admin"]
        keys = browser.get("/api/api-keys/status")
        assert keys.status_code == 200 and "openai" in keys.text
        assert browser.get("/api/admin/usage").status_code == 403
        assert browser.sign_out().status_code == 204
        assert not browser.who()["signed_in"] and browser.get("/api/api-keys/status").status_code == 401

    def test_the_role_of_an_administrator_comes_from_the_claim(self, beside_django, django):
        browser = Browser(beside_django)
        assert error_of(browser.get(browser.sign_in(django, "root"))) is None
        assert browser.who()["is_admin"] and browser.get("/api/admin/usage").status_code == 200

    def test_without_the_claims_name_nobody_is_one(self, module_service, django):
        browser = Browser(module_service(**django.settings(LATCHKEY_OIDC_ROLES_CLAIM=None)))
        assert error_of(browser.get(browser.sign_in(django, "root"))) is None
        assert browser.who()["signed_in"] and not browser.who()["is_admin"]

    def test_a_public_client_needs_no_secret(self, module_service, django):
        settings = django.settings("public", LATCHKEY_OIDC_CLIENT_SECRET=None)
        browser = Browser(module_service(**settings))
        assert error_of(browser.get(browser.sign_in(django, "alice"))) is None and browser.who()["signed_in"]

    def test_the_secret_may_come_from_a_file(self, module_service, django, tmp_path):
        file = tmp_path / "client-secret"
        file.write_text(django.secret + "\n")
        file.chmod(0o600)
        settings = django.settings(LATCHKEY_OIDC_CLIENT_SECRET=None, LATCHKEY_OIDC_CLIENT_SECRET_FILE=str(file))
        browser = Browser(module_service(**settings))
        assert error_of(browser.get(browser.sign_in(django, "alice"))) is None

    def test_a_wrong_secret_signs_nobody_in(self, module_service, django):
        settings = django.settings(LATCHKEY_OIDC_CLIENT_SECRET=secrets.token_urlsafe(32))
        browser = Browser(module_service(**settings))
        assert error_of(browser.get(browser.sign_in(django, "alice"))) == "provider_refused"
        assert not browser.who()["signed_in"]

    def test_a_person_who_does_not_agree_is_not_signed_in(self, beside_django, django):
        browser = Browser(beside_django)
        answer = browser.get(browser.sign_in(django, "alice", agree=False))
        assert error_of(answer) == "access_denied" and SESSION not in set_cookies(answer)
        assert not browser.who()["signed_in"]

    def test_an_answer_is_good_once(self, beside_django, django):
        browser = Browser(beside_django)
        callback = browser.sign_in(django, "alice")
        attempt = browser.session.cookies.get(ATTEMPT)
        assert error_of(browser.get(callback)) is None
        # The browser has let go of the attempt; one that has not meets the provider, for whom the code is used.
        assert error_of(browser.get(callback)) == "sign_in_expired"
        kept = {"Cookie": f"{ATTEMPT}={attempt}"}
        assert error_of(Browser(beside_django).get(callback, headers=kept)) == "provider_refused"

    def test_an_answer_in_another_browser_signs_nobody_in(self, beside_django, django):
        first, second = Browser(beside_django), Browser(beside_django)
        callback = first.sign_in(django, "alice")
        assert error_of(second.get(callback)) == "sign_in_expired"
        second.start()
        assert error_of(second.get(callback)) == "state_mismatch"
        assert not second.who()["signed_in"]
        assert error_of(first.get(callback)) is None

    def test_a_code_of_another_sign_in_does_not_fit(self, beside_django, django):
        """Somebody's own code, put into the answer that another's browser waits for: PKCE's digest is another one."""
        theirs, mine = Browser(beside_django), Browser(beside_django)
        code = parameters(theirs.sign_in(django, "root"))["code"]
        state = parameters(mine.sign_in(django, "alice"))["state"]
        answer = mine.get(CALLBACK, params={"code": code, "state": state})
        assert error_of(answer) == "provider_refused" and not mine.who()["signed_in"]

    def test_a_code_of_another_client_does_not_fit(self, beside_django, module_service, django):
        other = Browser(module_service(**django.settings("other")))
        code = parameters(other.sign_in(django, "alice"))["code"]
        browser = Browser(beside_django)
        state = parameters(browser.sign_in(django, "alice"))["state"]
        assert error_of(browser.get(CALLBACK, params={"code": code, "state": state})) == "provider_refused"

    def test_nothing_secret_of_it_is_logged_even_at_trace_level(self, make_service, django):
        service = make_service(**django.settings())
        browser = Browser(service)
        started = browser.start()
        sent = parameters(started)
        callback = browser.sign_in(django, "alice")
        found = {**parameters(callback), "attempt": browser.session.cookies.get(ATTEMPT)}
        assert error_of(browser.get(callback)) is None
        found["session"] = browser.session.cookies.get(SESSION)
        service.stop()
        output = service.all_output()
        for value in [django.secret, sent["state"], sent["nonce"], sent["code_challenge"], *found.values()]:
            assert len(value) > 8 and value.encode() not in output


class TestInABrowser:
    """Chromium, and the provider on another site: what `SameSite`, the pages' policy and redirects do together."""

    @pytest.fixture
    def page(self, chromium):
        context = chromium.new_context(locale="en-GB")
        yield context.new_page()
        context.close()

    def sign_in(self, page, django, person: str, agree: bool = True):
        page.fill("input[name=username]", person)
        page.fill("input[name=password]", django.people[person])
        page.click("button[type=submit]")
        page.click("input[name=allow]" if agree else "input[type=submit]:not([name=allow])")

    def who(self, page) -> dict:
        return page.evaluate("() => fetch('/api/session').then((answer) => answer.json())")

    def test_the_button_leads_through_the_provider_to_the_page(self, page, beside_django, django):
        origin = f"http://127.0.0.1:{beside_django.port}"
        page.goto(f"{origin}/ui/sign-in?next=/ui/usage")
        page.get_by_role("button", name=re.compile("Sign in with Django")).click()
        self.sign_in(page, django, "alice")
        page.wait_for_url(f"{origin}/ui/usage")
        who = self.who(page)
        assert who["signed_in"] and who["user_id"] == "alice"
        cookies = {cookie["name"]: cookie for cookie in page.context.cookies(origin)}
        assert ATTEMPT not in cookies and cookies[SESSION]["sameSite"] == "Strict" and cookies[SESSION]["httpOnly"]

    def test_who_does_not_agree_is_told_so(self, page, beside_django, django):
        origin = f"http://127.0.0.1:{beside_django.port}"
        page.goto(f"{origin}/ui/oidc/start")
        self.sign_in(page, django, "alice", agree=False)
        page.wait_for_url(re.compile(re.escape(f"{origin}/ui/sign-in")))
        page.get_by_text("did not let you in").wait_for()
        assert not self.who(page)["signed_in"]


class TestSettings:
    @pytest.mark.parametrize(
        "settings, told",
        [
            ({"LATCHKEY_OIDC_ISSUER": "http://login.example.com"}, "LATCHKEY_OIDC_ISSUER"),
            ({"LATCHKEY_OIDC_ISSUER": "login.example.com"}, "LATCHKEY_OIDC_ISSUER"),
            ({"LATCHKEY_OIDC_CLIENT_ID": None}, "LATCHKEY_OIDC_CLIENT_ID"),
            ({"LATCHKEY_OIDC_ISSUER": None}, "LATCHKEY_OIDC_ISSUER"),
            ({"LATCHKEY_OIDC_SCOPES": "profile"}, "LATCHKEY_OIDC_SCOPES"),
            ({"LATCHKEY_OIDC_CLIENT_SECRET_FILE": "/nowhere/secret"}, "LATCHKEY_OIDC_CLIENT_SECRET_FILE"),
        ],
    )
    def test_what_cannot_be_right_stops_the_start(self, make_service, settings, told):
        given = {"LATCHKEY_OIDC_ISSUER": "https://login.example.com", "LATCHKEY_OIDC_CLIENT_ID": CLIENT}
        service = make_service(start=False, **{**given, **settings})
        service.launch()
        assert service.process.wait(20) == 2 and told in service.run_errors()

    def test_without_a_provider_there_is_nothing_there(self, module_service):
        browser = Browser(module_service())
        assert browser.who()["oidc"] is None
        for path in ("/ui/oidc/start", CALLBACK):
            answer = browser.get(path)
            assert answer.status_code == 404 and answer.json()["code"] == "not_found"
