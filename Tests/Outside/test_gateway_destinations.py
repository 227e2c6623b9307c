"""Where a gateway call goes and what travels with it, whatever the caller or the database says.

Two upstreams stand by: the good one, which the catalogue names, and the evil one. No trick may open so much as a
connection to the evil one, and none may get past what a call is allowed at the good one.
"""

import contextlib
import itertools

import pytest

import database
import expect
import tokens
from client import fake_key
from harness import Latchkey
from rawhttp import RawAnswer, exchange, head_bytes
from tricks import ABSOLUTE_FORMS, ENDS_HERE, GOES_ON, HIDDEN, SEGMENTS, SMUGGLING, SPELLINGS, TARGETS
from watched_upstream import MODELS, WatchedUpstream, answer

USER = "alice"
CARRIERS = ("Authorization", "x-api-key", "api-key", "x-goog-api-key", "xi-api-key")
PATH = "/gateway/openai/models"


@pytest.fixture(scope="module")
def provider():
    with WatchedUpstream() as good:
        yield good


@pytest.fixture(scope="module")
def evil():
    with WatchedUpstream() as running:
        yield running


@pytest.fixture(scope="module")
def key() -> str:
    return fake_key("valid", USER)


@pytest.fixture(scope="module")
def service(module_service, key) -> Latchkey:
    running = module_service()
    running.client().store(USER, "openai", key)
    return running


@pytest.fixture(scope="module")
def token(service) -> str:
    return tokens.mint(service.jwt_secret, USER)


@pytest.fixture(autouse=True)
def evil_sees_nothing(evil):
    yield
    evil.untouched()


@pytest.fixture
def good(provider):
    """The good upstream with a memory that begins now."""
    provider.answer = answer(200)
    provider.recorded.clear()
    return provider


def send(service, token, target=PATH, *headers, method="GET", body=b"", host="127.0.0.1") -> RawAnswer | None:
    """One request as bytes, with the user's token."""
    sent = [("Authorization", f"Bearer {token}"), *headers]
    return exchange(service.port, head_bytes(method, target, sent, host) + body)


def assert_refused(seen: RawAnswer | None, good, *statuses: int):
    """Refused by the service itself, before anybody was asked."""
    assert seen is not None and seen.status in (statuses or range(400, 500)), seen
    assert b'"code":' in seen.body, seen.body
    assert good.requests() == []


def assert_key_alone(recorded, key: str, token: str):
    """The key, once, in its place, and nothing of the caller's token."""
    carried = [(name.lower(), value) for name, value in recorded.headers if name.lower() in map(str.lower, CARRIERS)]
    assert carried == [("authorization", f"Bearer {key}")]
    assert recorded.raw.count(key.encode()) == 1 and token.encode() not in recorded.raw


def test_a_plain_call_arrives(service, token, good, key):
    """Without this, nothing below would prove anything."""
    seen = send(service, token, PATH + "?limit=2&after=a%2Fb")
    assert (seen.status, seen.json()) == (200, MODELS)
    [recorded] = good.requests()
    assert (recorded.method, recorded.target) == ("GET", "/openai/v1/models?limit=2&after=a%2Fb")
    assert_key_alone(recorded, key, token)


# Paths.


@pytest.mark.parametrize("segment", SEGMENTS, ids=ascii)
@pytest.mark.parametrize("place", ["/gateway/{}/openai/models", "/gateway/openai/{}/models", "/gateway/openai/v1/{}"])
def test_a_path_that_leaves_its_place(service, token, good, evil, segment, place):
    target = place.format(segment.replace("EVIL", evil.host))
    if target.endswith("v1/"):
        pytest.skip("a slash at the end is a path")
    assert_refused(send(service, token, target), good, 400, 404)


@pytest.mark.parametrize(
    "target",
    TARGETS,
    ids=lambda text: ascii(text)[:60],
)  # fmt: skip
def test_a_target_that_names_another_place(service, token, good, evil, target):
    for method in ("GET", "POST"):
        seen = send(service, token, target.replace("EVIL", evil.host), method=method)
        if b"\r\n" in target.encode("latin-1"):
            # Two lines of a head: what counts is that the second is no host.
            assert all(entry.header("host") == good.host for entry in good.requests())
            good.recorded.clear()
        elif seen is not None:
            assert seen.status >= 400, seen
            assert good.requests() == []


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "TRACK", "PROPFIND", "PRI", "M-SEARCH", "get"])
@pytest.mark.parametrize("target", [PATH, "EVIL", "http://EVIL/models"])
def test_a_method_that_is_not_passed_on(service, token, good, evil, method, target):
    seen = send(service, token, target.replace("EVIL", evil.host), method=method)
    assert seen is None or seen.status in range(400, 500), seen
    assert good.requests() == []


@pytest.mark.parametrize(
    "query",
    ["key=", "KEY=", "a=b&api_key=", "a=b;key=", "api-key=", "access_token=", "token=", "%6bey=", "key[]="],
)
def test_a_credential_in_the_url(service, token, good, query):
    seen = send(service, token, f"{PATH}?{query}{token}")
    assert_refused(seen, good, 400)
    assert seen.json()["code"] == "credential_in_url" and token.encode() not in seen.body


# Header fields.


def test_exactly_these_header_fields_reach_the_provider(service, token, good, evil, key):
    mixed = [pair for pairs in itertools.zip_longest(ENDS_HERE, GOES_ON) for pair in pairs if pair]
    body = b'{"model":"m"}'
    sent = [(name, value.replace("EVIL", evil.host)) for name, value in mixed]
    seen = send(
        service, token, "/gateway/openai/embeddings", *sent, ("Content-Length", str(len(body))), method="POST",
        body=body,
    )  # fmt: skip
    assert seen.status == 200, seen
    [recorded] = good.requests()
    assert recorded.target == "/openai/v1/embeddings"
    own = [
        ("accept-encoding", "identity"), ("authorization", f"Bearer {key}"), ("host", good.host),
        ("content-length", str(len(recorded.body))),
    ]  # fmt: skip
    golden = sorted([(name.lower(), value) for name, value in GOES_ON] + own)
    assert sorted((name.lower(), value) for name, value in recorded.headers) == golden
    assert evil.host.encode() not in recorded.raw and b"keep-out" not in recorded.raw


@pytest.mark.parametrize("more", [(), (("Host", "EVIL"),), (("Host", "127.0.0.1"), ("host", "EVIL"))], ids=len)
@pytest.mark.parametrize("target", [PATH, *ABSOLUTE_FORMS])
@pytest.mark.parametrize("host", ["EVIL", "api.openai.com", "localhost", "", "EVIL@127.0.0.1", "127.0.0.1, EVIL"])
def test_the_host_that_was_asked_for_decides_nothing(service, token, good, evil, key, host, target, more):
    target, host = (text.replace("EVIL", evil.host) for text in (target, host))
    more = [(name, value.replace("EVIL", evil.host)) for name, value in more]
    seen = send(service, token, target, *more, host=host)
    assert seen is None or seen.status in (200, 400), seen
    for recorded in good.requests():
        assert recorded.target == "/openai/v1/models"
        assert [value for name, value in recorded.headers if name.lower() == "host"] == [good.host]
        assert evil.host.encode() not in recorded.raw
        assert_key_alone(recorded, key, token)


@pytest.mark.parametrize("first, second", list(itertools.product(CARRIERS, repeat=2)))
def test_two_credentials_are_none(service, token, good, first, second):
    """Also the same one twice: somebody behind would look at the other."""
    for values in ((f"Bearer {token}", f"Bearer {token}"), (token, "x"), ("", token), (f"Bearer {token}", "")):
        lines = [("Accept", "*/*"), (first, values[0]), ("X-Between", "x"), (second, values[1])]
        seen = exchange(service.port, head_bytes("GET", PATH, lines))
        assert_refused(seen, good, 401)
        assert seen.json()["code"] == "unauthorized"


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("named", [*CARRIERS, "host", "content-length", "accept-encoding", "close, authorization"])
def test_one_credential_wherever_it_stands_and_whatever_connection_names(
    service, token, good, evil, key, carrier, named
):
    """`Connection` may take a field away from the next hop, but never the key, and never our own fields."""
    value = f"Bearer {token}" if carrier == "Authorization" else token
    connection = [("Connection", named), ("connection", f"x-private, {carrier}")]
    lines = [(carrier, value), *connection, ("X-Private", "keep-out")]
    seen = exchange(service.port, head_bytes("GET", PATH, lines))
    assert seen.status == 200, seen
    [recorded] = good.requests()
    assert_key_alone(recorded, key, token)
    assert recorded.header("host") == good.host and recorded.header("accept-encoding") == "identity"
    assert b"keep-out" not in recorded.raw


@pytest.mark.parametrize("how", SMUGGLING)
def test_a_request_inside_another(service, token, good, evil, key, how):
    """What the service takes for one request is one to the provider too, or it is refused."""
    start = f"POST /gateway/openai/embeddings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    data = (start + SMUGGLING[how] + HIDDEN).replace("EVIL", evil.host).encode("latin-1")
    seen = exchange(service.port, data, seconds=5)
    assert seen is None or seen.status == 200 or seen.status in range(400, 500), seen
    assert len(good.requests()) <= 1
    for recorded in good.requests():
        assert seen is not None and seen.status == 200
        assert (recorded.method, recorded.target) == ("POST", "/openai/v1/embeddings")
        assert b"smuggled" not in recorded.raw and b"stolen" not in recorded.raw
        assert evil.host.encode() not in recorded.raw
        assert_key_alone(recorded, key, token)
        framing = [name for name, _ in recorded.headers if name.lower() in ("content-length", "transfer-encoding")]
        assert len(framing) == 1, framing


# Answers.


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
@pytest.mark.parametrize("where", ["http://EVIL/models", "//EVIL/models", "/openai/v1/other", "https://EVIL@GOOD/"])
def test_a_redirect_is_not_followed_and_its_address_not_told(service, token, good, evil, status, where):
    place = where.replace("EVIL", evil.host).replace("GOOD", good.host)
    good.answer = answer(status, ("Location", place), ("Refresh", f"0; url={place}"), ("Link", f"<{place}>; rel=next"))
    for method in ("GET", "DELETE"):
        seen = send(service, token, method=method)
        assert seen.status in (status, 502), seen
        assert evil.host not in str(seen.headers) and not {"location", "refresh", "link"} & seen.headers.keys()
    assert [recorded.target for recorded in good.requests()] == ["/openai/v1/models"] * 2


def test_of_an_answer_only_what_is_the_callers(service, token, good, evil, key):
    comes_in = [("x-ratelimit-remaining-requests", "41"), ("openai-processing-ms", "12"), ("x-accel-buffering", "no")]
    ends_here = [
        ("Set-Cookie", "keep-out=1"), ("Set-Cookie2", "keep-out"), ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Credentials", "true"), ("Strict-Transport-Security", "max-age=1"),
        ("Public-Key-Pins", "keep-out"), ("Alt-Svc", f'h2="{evil.host}"'), ("Clear-Site-Data", "*"),
        ("Content-Security-Policy", "keep-out"), ("Report-To", "keep-out"), ("NEL", "keep-out"),
        ("Refresh", f"0; url=http://{evil.host}"), ("Link", f"<http://{evil.host}>; rel=next"),
        ("WWW-Authenticate", "Basic"), ("Service-Worker-Allowed", "/"), ("X-Accel-Redirect", "/internal"),
        ("X-Sendfile", "/etc/passwd"), ("Latchkey-Source", "keep-out"), ("Connection", "X-Hop"), ("X-Hop", "keep-out"),
        ("X-Echo", f"you sent {key}"), ("Authorization", f"Bearer {key}"),
    ]  # fmt: skip
    good.answer = answer(200, *comes_in, *ends_here)
    seen = send(service, token)
    assert seen.status == 200
    assert [(name, seen.headers.get(name)) for name, _ in comes_in] == comes_in
    stays = {"latchkey-source", "connection"}
    leaked = [name for name, _ in ends_here if name.lower() in seen.headers and name.lower() not in stays]
    assert leaked == []
    assert not {"keep-out", key, evil.host} & {part for value in seen.headers.values() for part in value.split()}


# The database.


@pytest.fixture(scope="module")
def connection(service):
    opened = database.connect(service.database)
    yield opened
    opened.close()


@contextlib.contextmanager
def changed(connection, where: dict, values: dict):
    """The row as somebody who can write the database leaves it, and back again."""
    row = database.read_row(connection, "user_api_keys", **where)
    database.write_columns(connection, "user_api_keys", row["rowid of it"], values)
    try:
        yield
    finally:
        database.put_back(connection, "user_api_keys", row["rowid of it"], row)


def assert_integrity(service, token, good):
    seen = send(service, token)
    assert (seen.status, seen.json()["code"]) == (500, "integrity")
    assert good.requests() == []


@pytest.mark.parametrize("place", ["/openai/v1", "/v1", ""])
def test_a_base_url_written_into_the_row(service, token, good, evil, connection, place):
    where = {"user_id": USER, "provider": "openai"}
    for url in (evil.origin + place, f"{good.origin}@{evil.host}{place}", good.origin + "/elsewhere"):
        with changed(connection, where, {"base_url": url}):
            assert_integrity(service, token, good)
    assert send(service, token).status == 200


@pytest.mark.parametrize("user, provider_id", [("mallory", "openai"), (USER, "anthropic")])
def test_another_row_copied_over_this_one(service, token, good, evil, connection, user, provider_id):
    """Whole, with a base URL of its own or the evil one."""
    service.client().store(user, provider_id, fake_key("valid", "mallory"))
    row = database.read_row(connection, "user_api_keys", user_id=user, provider=provider_id)
    lookup = {"id", "rowid of it", "user_id", "provider", "name"}
    copied = {name: value for name, value in row.items() if name not in lookup}
    where = {"user_id": USER, "provider": "openai"}
    for more in ({}, {"base_url": evil.base_url("openai")}):
        with changed(connection, where, copied | more):
            assert_integrity(service, token, good)
    assert send(service, token).status == 200


# Base URLs of the user's own.


@pytest.fixture(scope="module")
def lenient(module_service, evil) -> Latchkey:
    """An operator who allows everything they ever heard of, the evil upstream's numbers included."""
    hosts = [
        "allowed.example", "keep.example", "localhost", "127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1",
        "0x7f000001", "0", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "2852039166", "10.0.0.1",
    ]  # fmt: skip
    named = [f"{host}:{evil.port}" for host in hosts]
    return module_service(LATCHKEY_ALLOWED_BASE_URL_HOSTS=",".join(hosts + named))


@pytest.mark.parametrize("spelling", SPELLINGS, ids=ascii)
def test_a_base_url_that_leads_elsewhere_is_not_stored(lenient, evil, spelling):
    url = spelling.replace("EVIL", evil.host).replace("PORT", str(evil.port))
    client, user = lenient.client(), "chooser"
    for check in (False, True):
        seen = client.set(user, "openai", fake_key(), base_url=url, validate=check)
        expect.problem(seen, 400, "base_url_not_allowed", "invalid_request", "bad_json")
    assert client.status(user)["keys"] == []


def test_an_allowed_name_that_leads_inside_is_not_dialled(lenient, good, evil):
    """The name is the operator's choice; what it leads to today is judged again, at set time and at each call."""
    client, user = lenient.client(), "insider"
    for check in (True, False):
        seen = client.set(user, "openai", fake_key(), base_url=f"https://localhost:{evil.port}/v1", validate=check)
        assert expect.success(seen)
    client.validate(user, "openai")
    seen = send(lenient, tokens.mint(lenient.jwt_secret, user))
    assert (seen.status, seen.json()["code"]) == (403, "destination_refused")
    assert b"localhost" not in seen.body and b"127.0.0.1" not in seen.body
    assert good.requests() == []


def test_a_host_that_is_no_longer_allowed_gets_no_call(make_service, good):
    running, user = make_service(LATCHKEY_ALLOWED_BASE_URL_HOSTS="allowed.example"), "remainer"
    running.client().store(user, "openai", fake_key(), base_url="https://allowed.example/v1")
    running.restart(LATCHKEY_ALLOWED_BASE_URL_HOSTS="other.example")
    seen = send(running, tokens.mint(running.jwt_secret, user))
    assert (seen.status, seen.json()["code"]) == (403, "destination_refused")
    assert good.requests() == []
