"""Latchkey's own pages and their files as a browser gets them: headers, tags, compression, what is not there."""

import gzip
import hashlib
import re
import shutil
from pathlib import Path

import pytest

import expect
from harness import LISTENING, REPOSITORY, START_SECONDS, Latchkey, wait_until

ASSETS = REPOSITORY / "Sources" / "LatchkeyWeb" / "Assets"
NAMES = sorted(path.name for path in ASSETS.iterdir() if path.name != "page.html")
PAGES = ["", "usage", "activity", "security", "setup", "admin", "sign-in", "embed"]
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
ANCESTOR = "https://app.example.com"
FIRST_VIEW_BYTES = 100 * 1024
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
}


@pytest.fixture(scope="module")
def service(module_service) -> Latchkey:
    return module_service(LATCHKEY_UI_FRAME_ANCESTORS=ANCESTOR, LATCHKEY_CORS_ORIGINS="https://app.example")


def get(service: Latchkey, path: str, method: str = "GET", **headers):
    """Without `Accept-Encoding` unless it is said: requests would take gzip by itself."""
    sent = {"Accept-Encoding": None} | {name.replace("_", "-"): value for name, value in headers.items()}
    return service.client().call(method, path, headers=sent, stream=True)


def policy(answer) -> dict:
    assert len(answer.raw.headers.getlist("Content-Security-Policy")) == 1
    parts = (part.strip().partition(" ") for part in answer.headers["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in parts}


def secured(answer, **changed):
    assert policy(answer) == POLICY | {name.replace("_", "-"): value for name, value in changed.items()}
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert expect.REQUEST_ID.fullmatch(answer.headers["X-Request-Id"])
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("page", PAGES)
def test_a_page(service, page):
    answer = get(service, f"/ui/{page}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    secured(answer, **({"frame_ancestors": ANCESTOR} if page == "embed" else {}))
    assert answer.headers.get("Cross-Origin-Opener-Policy") == (None if page == "embed" else "same-origin")
    html = answer.text
    assert f'<script type="module" src="/ui/page-{page or "keys"}.js"></script>' in html
    assert "{{" not in html and "<style" not in html and " style=" not in html and not re.search(r"\son\w+=", html)
    for address in re.findall(r'(?:src|href)="([^"#][^"]*)"', html):
        assert address == "/ui/" or address.startswith("/ui/"), address
        assert get(service, address).status_code == 200, address


@pytest.mark.parametrize("name", NAMES)
def test_a_file(service, name):
    answer = get(service, f"/ui/{name}")
    content = (ASSETS / name).read_bytes()
    assert answer.status_code == 200 and answer.raw.read() == content
    assert answer.headers["Content-Type"] == TYPES[Path(name).suffix]
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["ETag"] == f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    secured(answer)
    for tag in (answer.headers["ETag"], f"W/{answer.headers['ETag']}", f'"x", {answer.headers["ETag"]}', "*"):
        again = get(service, f"/ui/{name}", If_None_Match=tag)
        assert again.status_code == 304 and again.raw.read() == b""
        assert again.headers["ETag"] == answer.headers["ETag"]
        secured(again)
    assert get(service, f"/ui/{name}", If_None_Match='"x"').status_code == 200


@pytest.mark.parametrize("name", NAMES)
def test_compressed(service, name):
    answer = get(service, f"/ui/{name}", Accept_Encoding="br, gzip")
    body = answer.raw.read(decode_content=False)
    assert "Accept-Encoding" in answer.headers["Vary"]
    if answer.headers.get("Content-Encoding") == "gzip":
        assert len(body) < (ASSETS / name).stat().st_size
        body = gzip.decompress(body)
        tag = answer.headers["ETag"]
        assert tag != get(service, f"/ui/{name}").headers["ETag"]
        assert get(service, f"/ui/{name}", Accept_Encoding="gzip", If_None_Match=tag).status_code == 304
        # The tag of the one is not the other's.
        assert get(service, f"/ui/{name}", If_None_Match=tag).status_code == 200
    assert body == (ASSETS / name).read_bytes()


@pytest.mark.parametrize("page", PAGES)
def test_a_first_view_is_small(service, page):
    """The page, its style and every module that it asks for before it runs, as they travel."""
    html = get(service, f"/ui/{page}").text
    addresses = set(re.findall(r'(?:src|href)="(/ui/[^"]+\.(?:js|css|svg))"', html))
    assert f"/ui/page-{page or 'keys'}.js" in addresses
    sizes = {a: len(get(service, a, Accept_Encoding="gzip").raw.read(decode_content=False)) for a in addresses}
    assert len(html.encode()) + sum(sizes.values()) < FIRST_VIEW_BYTES, sizes


def imported(name: str) -> set[str]:
    text = (ASSETS / name).read_text(encoding="utf-8")
    return set(re.findall(r"""(?:from|import)\s*\(?\s*["'](?:\./|/ui/)([\w.-]+)["']""", text))


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".js")])
def test_what_a_module_imports_is_there(service, name):
    for other in imported(name):
        assert other in NAMES, f"{name} imports {other}"
        if get(service, f"/ui/{name}").headers["Cross-Origin-Resource-Policy"] == "cross-origin":
            resource_policy = get(service, f"/ui/{other}").headers["Cross-Origin-Resource-Policy"]
            assert resource_policy == "cross-origin", f"{name} is for any page and imports {other}, which is not"


def test_who_may_import_what(service):
    for name in ("api-key-service.js", "latchkey-keys.js"):
        answer = get(service, f"/ui/{name}", Origin="https://app.example")
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert {"Origin", "Accept-Encoding"} <= {word.strip() for word in answer.headers["Vary"].split(",")}
        assert "Access-Control-Allow-Origin" not in get(service, f"/ui/{name}", Origin="https://evil.example").headers
    assert get(service, "/ui/shell.js").headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/ui/", "/ui/usage", "/ui/style.css", "/ui/nothing"])
def test_head(service, path):
    shown, head = get(service, path), get(service, path, "HEAD")
    assert head.status_code == shown.status_code and head.raw.read() == b""
    for name in ("Content-Type", "ETag", "Cache-Control", "Content-Security-Policy"):
        assert head.headers.get(name) == shown.headers.get(name)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/ui/", "/ui/usage", "/ui/style.css"])
def test_other_methods(service, method, path):
    answer = get(service, path, method)
    expect.problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET"
    secured(answer)


def test_without_its_slash(service):
    answer = get(service, "/ui")
    assert (answer.status_code, answer.headers["Location"]) == (308, "/ui/")
    secured(answer)


@pytest.mark.parametrize(
    "path",
    [
        "/ui/nothing",
        "/ui/page.html",
        "/ui/keys",
        "/ui/Style.css",
        "/ui/style.css%00",
        "/ui/..%2fstyle.css",
        "/ui/style.css/more",
        "/ui/.git",
        "/ui/" + "x" * 10_000,
        "/ui/\u00e9",
    ],
)
def test_what_is_not_there(service, path):
    answer = get(service, path)
    expect.problem(answer, 404, "not_found")
    secured(answer)


def test_other_answers_are_as_they_were(service):
    for path in ("/healthz", "/openapi.yaml", "/api/api-keys/status", "/uix"):
        answer = get(service, path)
        assert "Content-Security-Policy" not in answer.headers and answer.headers["Cache-Control"] == "no-store"


def test_by_default_nobody_shows_the_element_in_a_frame(make_service):
    secured(get(make_service(), "/ui/embed"))


@pytest.mark.parametrize(
    "value", ["*", "https://*.example.com", "https://app.example.com/", "app.example.com", "https://a; script-src *"]
)
def test_what_is_no_origin_stops_the_start(make_service, value):
    service = make_service(start=False, LATCHKEY_UI_FRAME_ANCESTORS=value)
    service.launch()
    assert service.process.wait(START_SECONDS) == 2
    assert "LATCHKEY_UI_FRAME_ANCESTORS" in service.run_errors()


class TestAFolder:
    """`--ui-folder`: files from disk, as they are now."""

    def start(self, service: Latchkey, folder: Path):
        service.launch(("--port", "0", "--ui-folder", str(folder)))
        wait_until(service.listening_or_ended, START_SECONDS, "a start")
        listening = LISTENING.search(service.run_output())
        if listening:
            service.port = int(listening.group(2))
        return listening

    def test_what_is_changed_is_served(self, make_service, tmp_path):
        folder = tmp_path / "assets"
        shutil.copytree(ASSETS, folder)
        (folder / "secret.txt").write_text("not for everybody")
        (tmp_path / "style.css").write_text("outside")
        service = make_service(start=False)
        assert self.start(service, folder)
        (folder / "style.css").write_text("a{}")
        assert get(service, "/ui/style.css").text == "a{}"
        (folder / "style.css").write_text("b{}")
        changed = get(service, "/ui/style.css")
        assert changed.text == "b{}"
        secured(changed)
        (folder / "style.css").unlink()
        expect.problem(get(service, "/ui/style.css"), 404, "not_found")
        for path in ("/ui/secret.txt", "/ui/../style.css", "/ui/..%2fstyle.css", "/ui/page.html"):
            assert get(service, path).status_code == 404
        (folder / "page.html").write_text("<p>{{title}}</p>")
        assert get(service, "/ui/usage").text == "<p>Usage</p>"

    def test_a_folder_that_is_none(self, make_service, tmp_path):
        service = make_service(start=False)
        assert not self.start(service, tmp_path)
        assert service.process.wait(START_SECONDS) == 2
        assert "page.html" in service.run_errors()
