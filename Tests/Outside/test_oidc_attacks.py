"""Signing in with an OpenID Connect provider: answers, tokens and providers that are wrong in one thing each.

The provider says whatever a test wants (`scripted_issuer.py`), and a test takes the place of its log-in.
"""

import re
import secrets
import socket
import threading
from urllib.parse import urlencode

import pytest

import rawhttp
from harness import wait_until
from scripted_issuer import CLIENT, SECRET, Key, ScriptedIssuer, signed_with_the_public_key, unsigned
from sign_in_browser import ATTEMPT, CALLBACK, SESSION, Browser, error_of, parameters, set_cookies


@pytest.fixture(scope="module")
def scripted():
    with ScriptedIssuer() as running:
        yield running


@pytest.fixture(scope="module")
def beside_scripted(module_service, scripted):
    return module_service(**scripted.settings())


@pytest.fixture
def issuer(scripted):
    yield scripted
    scripted.reset()


class SignIn:
    """A sign-in of which the test is the provider's log-in."""

    def __init__(self, service, issuer: ScriptedIssuer):
        self.browser = Browser(service)
        self.sent = parameters(self.browser.start())
        issuer.nonce = self.sent["nonce"]

    def answer(self, **changes):
        given = {"code": "a-code", "state": self.sent["state"], **changes}
        query = urlencode({name: value for name, value in given.items() if value is not None})
        return self.browser.get(f"{CALLBACK}?{query}")


class TestWhatIsAsked:
    def test_the_request_is_that_of_the_standard(self, beside_scripted, issuer):
        browser = Browser(beside_scripted)
        answer = browser.get("/ui/oidc/start")
        location = answer.headers["location"]
        assert location.startswith(f"{issuer.url}/authorize?")
        sent = parameters(location)
        assert sent | {"state": "", "nonce": "", "code_challenge": ""} == {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": f"{browser.origin}{CALLBACK}",
            "scope": "openid",
            "state": "",
            "nonce": "",
            "code_challenge": "",
            "code_challenge_method": "S256",
        }
        assert all(re.fullmatch(r"[\w-]{43}", sent[name]) for name in ("state", "nonce", "code_challenge"))
        cookie = set_cookies(answer)[ATTEMPT]
        for attribute in ("Path=/", "Max-Age=600", "HttpOnly", "SameSite=Lax"):
            assert attribute in cookie.split("; ")
        assert all(value not in cookie for value in sent.values() if len(value) > 20)
        assert answer.headers["cache-control"] == "no-store" and answer.headers["referrer-policy"] == "no-referrer"

    def test_under_a_public_address_cookies_are_for_tls_and_this_host_alone(self, module_service, issuer):
        service = module_service(**issuer.settings(LATCHKEY_PUBLIC_URL="https://keys.example.com"))
        browser = Browser(service)
        answer = browser.get("/ui/oidc/start")
        sent = parameters(answer.headers["location"])
        assert sent["redirect_uri"] == f"https://keys.example.com{CALLBACK}"
        issuer.nonce = sent["nonce"]
        cookie = set_cookies(answer)[f"__Host-{ATTEMPT}"]
        assert "Secure" in cookie.split("; ") and "Domain" not in cookie
        kept = {"Cookie": cookie.split(";")[0]}
        ended = browser.get(f"{CALLBACK}?code=c&state={sent['state']}", headers=kept)
        assert error_of(ended) is None
        session = set_cookies(ended)[f"__Host-{SESSION}"].split("; ")
        assert "Secure" in session and "SameSite=Strict" in session and "HttpOnly" in session

    def test_many_who_sign_in_at_once_cost_the_provider_one_look(self, make_service, issuer):
        service = make_service(**issuer.settings())
        assert issuer.count("/.well-known/openid-configuration") == 0
        answers = []
        threads = [
            threading.Thread(target=lambda: answers.append(Browser(service).start())) for _ in range(24)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 24 and issuer.count("/.well-known/openid-configuration") == 1
        assert issuer.count("/keys") == 1

    @pytest.mark.parametrize("host", ["keys.example.com", "127.0.0.1.example.com", "evil.example:8080", "10.0.0.1"])
    def test_under_a_name_that_was_not_set_nobody_signs_in(self, beside_scripted, host):
        for path in ("/ui/oidc/start", f"{CALLBACK}?code=c&state=s"):
            answer = rawhttp.exchange(beside_scripted.port, rawhttp.head_bytes("GET", path, [], host))
            assert answer.status == 303 and answer.headers["location"] == "/ui/sign-in#error=public_url_missing"
            assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize(
        "page",
        [
            "https://evil.example/ui/", "//evil.example", "//evil.example/ui/", "/\\evil.example", "/ui//evil.example",
            "/ui/\\evil.example", "/ui/../../evil", "/ui/%2e%2e/api/session", "javascript:alert(1)", "/api/session",
            "/ui/oidc/start", "/ui/x\r\nSet-Cookie: a=b", "/ui/\t/evil.example", "", "/ui/" + "a" * 600,
            "http:evil.example", "/ui@evil.example", "\\\\evil.example", "/ui/#//evil.example", "ui/usage",
        ],
    )
    def test_nobody_is_led_elsewhere_after_signing_in(self, beside_scripted, issuer, page):
        browser = Browser(beside_scripted)
        issuer.nonce = (sent := parameters(browser.start(page)))["nonce"]
        answer = browser.get(f"{CALLBACK}?code=c&state={sent['state']}")
        assert error_of(answer) is None and answer.headers["location"] == "/ui/"
        assert list(set_cookies(answer)) == [SESSION, ATTEMPT]

    @pytest.mark.parametrize("page", ["/ui/usage", "/ui/activity?before=x&limit=20", "/ui/admin"])
    def test_a_page_of_ours_is_where_one_comes_out(self, beside_scripted, issuer, page):
        browser = Browser(beside_scripted)
        issuer.nonce = (sent := parameters(browser.start(page)))["nonce"]
        assert browser.get(f"{CALLBACK}?code=c&state={sent['state']}").headers["location"] == page

    def test_two_next_are_none(self, beside_scripted, issuer):
        browser = Browser(beside_scripted)
        started = browser.get("/ui/oidc/start?next=/ui/usage&next=//evil.example")
        issuer.nonce = (sent := parameters(started.headers["location"]))["nonce"]
        assert browser.get(f"{CALLBACK}?code=c&state={sent['state']}").headers["location"] == "/ui/"


class TestAnswersThatAreWrong:
    def test_a_right_one_signs_in(self, beside_scripted, issuer):
        """What the others differ from in one thing each."""
        sign_in = SignIn(beside_scripted, issuer)
        assert error_of(sign_in.answer()) is None
        assert sign_in.browser.who()["user_id"] == "alice" and not sign_in.browser.who()["is_admin"]

    @pytest.mark.parametrize(
        "changes, code",
        [
            ({"state": "x" * 43}, "state_mismatch"),
            ({"state": None}, "invalid_response"),
            ({"state": ""}, "invalid_response"),
            ({"code": None}, "invalid_response"),
            ({"error": "access_denied"}, "invalid_response"),
            ({"code": None, "error": "access_denied"}, "access_denied"),
            ({"code": None, "error": "login_required"}, "provider_refused"),
            ({"code": None, "error": "temporarily_unavailable"}, "provider_unavailable"),
            ({"code": None, "error": "<script>"}, "provider_refused"),
            ({"iss": "https://evil.example"}, "issuer_mismatch"),
            ({"code": None, "error": "access_denied", "iss": "https://evil.example"}, "issuer_mismatch"),
        ],
    )
    def test_a_wrong_answer_of_the_browser(self, beside_scripted, issuer, changes, code):
        sign_in = SignIn(beside_scripted, issuer)
        answer = sign_in.answer(**changes)
        assert error_of(answer) == code and SESSION not in set_cookies(answer)
        assert "Max-Age=0" in set_cookies(answer)[ATTEMPT]
        assert issuer.count("/token") == 0 and not sign_in.browser.who()["signed_in"]

    @pytest.mark.parametrize("name", ["code", "state", "iss"])
    def test_a_parameter_that_is_there_twice(self, beside_scripted, issuer, name):
        sign_in = SignIn(beside_scripted, issuer)
        query = urlencode({"code": "c", "state": sign_in.sent["state"], "iss": issuer.url})
        value = dict(pair.split("=") for pair in query.split("&"))[name]
        assert error_of(sign_in.browser.get(f"{CALLBACK}?{query}&{name}={value}")) == "invalid_response"
        assert issuer.count("/token") == 0

    @pytest.mark.parametrize("spoil", ["changed", "twice", "cut", "of another node's root"])
    def test_an_attempt_that_was_changed(self, beside_scripted, module_service, issuer, spoil):
        sign_in = SignIn(beside_scripted, issuer)
        attempt = sign_in.browser.session.cookies.get(ATTEMPT)
        if spoil == "of another node's root":
            other = Browser(module_service(**issuer.settings()))
            other.start()
            attempt = other.session.cookies.get(ATTEMPT)
        sent = {
            "changed": f"{ATTEMPT}={attempt[:-1]}{'A' if attempt[-1] != 'A' else 'B'}",
            "twice": f"{ATTEMPT}={attempt}; {ATTEMPT}={attempt}",
            "cut": f"{ATTEMPT}={attempt[:-4]}",
        }.get(spoil, f"{ATTEMPT}={attempt}")
        query = f"?code=c&state={sign_in.sent['state']}"
        answer = Browser(beside_scripted).get(CALLBACK + query, headers={"Cookie": sent})
        assert error_of(answer) == "sign_in_expired" and issuer.count("/token") == 0

    def test_a_provider_that_names_itself_in_answers_has_to(self, module_service, issuer):
        issuer.metadata = {"authorization_response_iss_parameter_supported": True}
        service = module_service(**issuer.settings())
        assert error_of(SignIn(service, issuer).answer()) == "issuer_mismatch"
        assert error_of(SignIn(service, issuer).answer(iss=issuer.url + "/")) == "issuer_mismatch"
        assert error_of(SignIn(service, issuer).answer(iss=issuer.url)) is None


class TestIDTokensThatDoNotHold:
    @pytest.mark.parametrize(
        "changes, code",
        [
            ({"iss": "https://evil.example"}, "issuer_mismatch"),
            ({"iss": ...}, "issuer_mismatch"),
            ({"aud": "another"}, "id_token_refused"),
            ({"aud": [CLIENT, "another"]}, "id_token_refused"),
            ({"azp": "another"}, "id_token_refused"),
            ({"exp": 1}, "id_token_refused"),
            ({"exp": ...}, "id_token_refused"),
            ({"iat": 1}, "id_token_refused"),
            ({"iat": 4_000_000_000}, "id_token_refused"),
            ({"nonce": "x" * 43}, "id_token_refused"),
            ({"nonce": ...}, "id_token_refused"),
            ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "id_token_refused"),
            ({"sub": ...}, "id_token_refused"),
            ({"sub": "a" * 65}, "user_not_usable"),
            ({"sub": "a\u0007b"}, "user_not_usable"),
        ],
    )
    def test_a_claim_that_is_wrong(self, beside_scripted, issuer, changes, code):
        sign_in = SignIn(beside_scripted, issuer)
        issuer.token = lambda: issuer.key.sign(issuer.claims(**changes))
        answer = sign_in.answer()
        assert error_of(answer) == code and SESSION not in set_cookies(answer)
        assert issuer.count("/token") == 1 and not sign_in.browser.who()["signed_in"]

    def test_a_nonce_of_another_browsers_sign_in(self, beside_scripted, issuer):
        mine = SignIn(beside_scripted, issuer)
        SignIn(beside_scripted, issuer)
        assert issuer.nonce != mine.sent["nonce"] and error_of(mine.answer()) == "id_token_refused"

    @pytest.mark.parametrize("number", range(8))
    def test_no_signature(self, beside_scripted, issuer, number):
        sign_in = SignIn(beside_scripted, issuer)
        issuer.token = lambda: unsigned(issuer.claims())[number]
        assert error_of(sign_in.answer()) == "id_token_refused"

    @pytest.mark.parametrize("number", range(12))
    def test_an_hmac_with_the_public_key_or_the_clients_secret(self, beside_scripted, issuer, number):
        sign_in = SignIn(beside_scripted, issuer)
        issuer.token = lambda: signed_with_the_public_key(issuer.key, issuer.claims())[number]
        assert error_of(sign_in.answer()) == "id_token_refused"

    @pytest.mark.parametrize(
        "header", [{"jwk": {}}, {"jku": "https://evil.example/keys"}, {"crit": ["exp"]}, {"typ": "at+jwt"}]
    )
    def test_a_header_that_brings_its_own_rules(self, beside_scripted, issuer, header):
        sign_in = SignIn(beside_scripted, issuer)
        issuer.token = lambda: issuer.key.sign(issuer.claims(), **header)
        assert error_of(sign_in.answer()) == "id_token_refused"

    def test_a_key_of_somebody_else(self, beside_scripted, issuer):
        for kid in ("one", "two"):
            sign_in = SignIn(beside_scripted, issuer)
            issuer.token = lambda: Key(kid).sign(issuer.claims())
            assert error_of(sign_in.answer()) == "id_token_refused"

    def test_a_new_key_of_the_providers_is_found(self, beside_scripted, issuer):
        new = Key(f"new-{secrets.token_hex(4)}")
        issuer.keys = [issuer.key.jwk(), new.jwk()]
        sign_in = SignIn(beside_scripted, issuer)
        issuer.token = lambda: new.sign(issuer.claims())
        assert error_of(sign_in.answer()) is None and sign_in.browser.who()["signed_in"]

    @pytest.mark.parametrize("said, code", [(True, None), (False, "user_not_usable"), (..., "user_not_usable")])
    def test_an_address_has_to_be_verified(self, module_service, issuer, said, code):
        service = module_service(**issuer.settings(LATCHKEY_OIDC_USER_CLAIM="email"))
        sign_in = SignIn(service, issuer)
        issuer.token = lambda: issuer.key.sign(issuer.claims(email="alice@example.com", email_verified=said))
        assert error_of(sign_in.answer()) == code


class TestAProviderInTrouble:
    def test_one_that_is_down_stops_nobody_but_who_wants_to_sign_in(self, make_service):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        service = make_service(LATCHKEY_OIDC_ISSUER=f"http://127.0.0.1:{port}", LATCHKEY_OIDC_CLIENT_ID=CLIENT)
        browser, client = Browser(service), service.client()
        assert error_of(browser.get("/ui/oidc/start")) == "provider_unavailable"
        assert client.call("GET", "/healthz").status_code == 200
        assert client.call("GET", "/readyz").status_code == 200
        assert client.status("alice")["keys"] == []
        with ScriptedIssuer(port) as issuer:

            def started():
                location = browser.get("/ui/oidc/start").headers["location"]
                return location if location.startswith(issuer.url) else None

            sent = parameters(wait_until(started, 15, "a sign-in once the provider is there"))
            issuer.nonce = sent["nonce"]
            assert error_of(browser.get(f"{CALLBACK}?code=c&state={sent['state']}")) is None
        assert browser.who()["signed_in"]

    @pytest.mark.parametrize(
        "answer, code",
        [
            ((400, {"error": "invalid_grant"}), "provider_refused"),
            ((401, {"error": "invalid_client"}), "provider_refused"),
            ((500, {}), "provider_unavailable"),
            ((200, {}), "provider_unusable"),
            ((200, b"<html>"), "provider_unusable"),
            ((200, {"token_type": "Bearer", "id_token": "x" * 300_000}), "provider_unusable"),
        ],
    )
    def test_a_token_endpoint_that_answers_otherwise(self, beside_scripted, issuer, answer, code):
        sign_in = SignIn(beside_scripted, issuer)
        issuer.token_answer = answer
        assert error_of(sign_in.answer()) == code and not sign_in.browser.who()["signed_in"]

    def test_a_redirect_is_not_followed(self, beside_scripted, issuer):
        sign_in = SignIn(beside_scripted, issuer)
        issuer.token_answer = (307, {}, ("location", f"{issuer.url}/elsewhere"))
        assert error_of(sign_in.answer()) == "provider_refused" and issuer.count("/elsewhere") == 0

    @pytest.mark.parametrize(
        "metadata, code",
        [
            ({"issuer": "https://evil.example"}, "issuer_mismatch"),
            ({"token_endpoint": "http://evil.example/token"}, "provider_unusable"),
            ({"jwks_uri": "ftp://evil.example/keys"}, "provider_unusable"),
            ({"authorization_endpoint": "javascript:alert(1)"}, "provider_unusable"),
            ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "provider_unusable"),
        ],
    )
    def test_a_discovery_document_that_is_wrong(self, module_service, issuer, metadata, code):
        issuer.metadata = metadata
        assert error_of(Browser(module_service(**issuer.settings())).get("/ui/oidc/start")) == code

    def test_the_words_of_a_provider_reach_no_log(self, make_service, issuer):
        service = make_service(**issuer.settings())
        needle = secrets.token_hex(12)
        sign_in = SignIn(service, issuer)
        answer = sign_in.answer(code=None, error=f"e{needle}", error_description=needle, iss=issuer.url)
        assert error_of(answer) == "provider_refused"
        sign_in = SignIn(service, issuer)
        issuer.token_answer = (400, {"error": needle, "error_description": needle})
        assert error_of(sign_in.answer(code=needle)) == "provider_refused"
        service.stop()
        output = service.all_output()
        assert b"provider_refused" in output and needle.encode() not in output and SECRET.encode() not in output
