"""Tokens that must not be taken: every one is answered 401 with one body, and the service stays up."""

import json
import os
import time
from pathlib import Path

import pytest

import expect
from harness import REPOSITORY
from odd_tokens import (
    ALGORITHMS,
    AUTHORIZATIONS,
    CLAIMS,
    HEADERS,
    KEYS,
    NOW,
    SPELLINGS,
    spellings,
)
from rawhttp import exchange, head_bytes
from tokens import forge, good_claims, mint

STATUS = "/api/api-keys/status"
VECTORS = Path(os.environ.get("LATCHKEY_VECTORS") or REPOSITORY.parent / "shared" / "vectors") / "wycheproof"


@pytest.fixture(scope="module")
def service(module_service):
    return module_service()


@pytest.fixture(scope="module")
def refused_body(service):
    """What a request without any token is told; everybody else must be told the same."""
    return told(service.client().call("GET", STATUS))


def told(answer) -> dict:
    """The refusal without its request id."""
    body = expect.problem(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    return {name: value for name, value in body.items() if name != "request_id"}


def assert_refused(service, refused_body, token):
    assert told(service.client().call("GET", STATUS, token=token)) == refused_body


@pytest.fixture(autouse=True)
def still_alive(service):
    yield
    assert service.client().status("alice")["user_id"] == "alice"


@pytest.mark.parametrize("case", ALGORITHMS)
def test_algorithms(service, refused_body, case):
    assert_refused(service, refused_body, ALGORITHMS[case](service.jwt_secret))


@pytest.mark.parametrize("case", KEYS)
def test_keys(service, refused_body, case):
    assert_refused(service, refused_body, KEYS[case](service.jwt_secret))


@pytest.mark.parametrize("case", HEADERS)
def test_headers(service, refused_body, case):
    assert_refused(service, refused_body, forge(service.jwt_secret, good_claims(), HEADERS[case]))


@pytest.mark.parametrize("case", CLAIMS)
def test_claims(service, refused_body, case):
    assert_refused(service, refused_body, forge(service.jwt_secret, CLAIMS[case]))


@pytest.mark.parametrize("case", SPELLINGS)
def test_spellings(service, refused_body, case):
    assert_refused(service, refused_body, spellings(service.jwt_secret)[case])


@pytest.mark.parametrize("size", [9 * 1024, 40 * 1024])
def test_a_large_token(service, refused_body, size):
    assert_refused(service, refused_body, mint(service.jwt_secret, "alice", padding="x" * size))


def test_a_token_of_a_megabyte(service):
    token = mint(service.jwt_secret, "alice", padding="x" * 1_000_000)
    answer = exchange(service.port, head_bytes("GET", STATUS, [("Authorization", f"Bearer {token}")]))
    assert answer is None or answer.status in (401, 431)


@pytest.mark.parametrize("case", AUTHORIZATIONS)
def test_carriers(service, refused_body, case):
    answer = exchange(service.port, head_bytes("GET", STATUS, AUTHORIZATIONS[case](mint(service.jwt_secret, "alice"))))
    assert answer.status == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert {name: value for name, value in answer.json().items() if name != "request_id"} == refused_body


def test_a_token_in_the_query_is_none(service, refused_body):
    token = mint(service.jwt_secret, "alice")
    assert told(service.client().call("GET", f"{STATUS}?access_token={token}&token={token}")) == refused_body


class TestWhatIsTaken:
    """So that the refusals above are no accident."""

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_the_scheme_in_any_case(self, service, scheme):
        answer = service.client().call(
            "GET", STATUS, headers={"Authorization": f"{scheme} {mint(service.jwt_secret, 'alice')}"}
        )
        assert expect.success(answer)["user_id"] == "alice"

    @pytest.mark.parametrize("header", [{"alg": "HS256"}, {"typ": "JWT", "alg": "HS256"}, ' {\n "alg" : "HS256" } '])
    def test_plain_headers(self, service, header):
        answer = service.client().call("GET", STATUS, token=forge(service.jwt_secret, good_claims(), header))
        assert expect.success(answer)["user_id"] == "alice"

    @pytest.mark.parametrize(
        "claims",
        [
            good_claims(exp=...),
            good_claims(iat=...),
            good_claims(nbf=NOW - 5),
            good_claims(iat=NOW + 5),
            good_claims(name="Alice", nested={"a": [1, 2.5, None]}),
        ],
        ids=["iat only", "exp only", "nbf", "skew", "more"],
    )
    def test_plain_claims(self, service, claims):
        answer = service.client().call("GET", STATUS, token=forge(service.jwt_secret, claims))
        assert expect.success(answer)["user_id"] == "alice"


def test_iat_lives_as_long_as_configured(make_service):
    service = make_service(JWT_EXPIRATION_MINUTES="10")
    client = service.client()
    for age, status in ((60, 200), (9 * 60, 200), (12 * 60, 401)):
        token = forge(service.jwt_secret, good_claims(exp=..., iat=int(time.time()) - age))
        assert client.call("GET", STATUS, token=token).status_code == status


@pytest.mark.parametrize("algorithm, others", [("HS384", ("HS256", "HS512")), ("HS512", ("HS256", "HS384"))])
def test_another_algorithm_pinned(make_service, algorithm, others):
    service = make_service(JWT_ALGORITHM=algorithm)
    client = service.client()
    assert (
        expect.success(client.call("GET", STATUS, token=mint(service.jwt_secret, "alice", algorithm)))["user_id"]
        == "alice"
    )
    for other in others:
        expect.problem(client.call("GET", STATUS, token=mint(service.jwt_secret, "alice", other)), 401, "unauthorized")


def test_published_tokens_open_nothing(service, refused_body):
    """The Wycheproof tokens as they are; their MACs are judged inside, where their keys can be used."""
    path = VECTORS / "json_web_signature_hmac_subset.json"
    if not path.is_file():
        pytest.skip("the Wycheproof file is not there: set LATCHKEY_VECTORS to the folder that holds wycheproof/")
    groups = json.loads(path.read_text())["testGroups"]
    found = [test["jws"] for group in groups for test in group["tests"]]
    assert len(found) == 40
    for token in found:
        assert_refused(service, refused_body, token.strip())


class TestServiceToken:
    """The same refusal at the service's door."""

    BODY = {"user_id": "alice", "provider": "openai"}

    def ask(self, service, token=None, headers=None):
        return service.client().call("POST", "/api/service/resolve", token=token, json=self.BODY, headers=headers)

    def test_only_the_whole_token_opens(self, service, refused_body):
        right = service.env["LATCHKEY_SERVICE_TOKEN"]
        expect.problem(self.ask(service, right), 404, "key_not_found")
        for wrong in (
            None,
            "",
            "x",
            right[:-1],
            right + "x",
            right.swapcase(),
            mint(service.jwt_secret, "alice"),
            mint(service.jwt_secret, "alice", roles=["admin"]),
            service.jwt_secret,
            service.env["LATCHKEY_SETUP_TOKEN"],
        ):
            assert told(self.ask(service, wrong)) == refused_body

    def test_it_is_no_users_token(self, service, refused_body):
        assert_refused(service, refused_body, service.env["LATCHKEY_SERVICE_TOKEN"])

    def test_without_one_configured_nobody_gets_in(self, make_service, refused_body):
        service = make_service()
        token = service.env["LATCHKEY_SERVICE_TOKEN"]
        service.restart(LATCHKEY_SERVICE_TOKEN=None)
        service.configure(LATCHKEY_SERVICE_TOKEN=token)
        client = service.client()
        for wrong in (token, ""):
            assert told(client.call("POST", "/api/service/resolve", token=wrong, json=self.BODY)) == refused_body
