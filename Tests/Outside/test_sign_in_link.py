"""`latchkey token --open`: the link that signs a browser in, from the command line."""

import os
import pty

import pytest

from harness import binary_path
from web_browser import WebBrowser

USER = "browser-owner"


@pytest.fixture(scope="module")
def shared(module_service):
    return module_service()


def test_the_link_on_the_command_line(shared):
    asked = ("token", "--user", USER, "--url", f"http://127.0.0.1:{shared.port}")
    for arguments in (("--open",), ("--print-link",), ("--open", "--print-link", "--role", "admin")):
        done = shared.command(*asked, *arguments)
        assert done.returncode == 0, done.stderr
        link = done.stdout.removesuffix("\n")
        origin, _, code = link.partition("/ui/sign-in#code=")
        assert origin == f"http://127.0.0.1:{shared.port}" and "\n" not in link
        browser = WebBrowser(shared)
        browser.take(browser.redeem(code))
        assert browser.state()["user_id"] == USER
        assert browser.state()["is_admin"] is ("--role" in arguments)


def on_a_terminal(service, *arguments: str, **settings) -> tuple[int, str]:
    """The exit code and what the terminal showed."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(service.folder)
        os.execve(binary_path(), [str(binary_path()), *arguments], {**service.env, **settings})
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            piece = b""
        if not piece:
            break
        shown += piece
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), shown.decode()


@pytest.mark.parametrize("exits", [0, 3])
def test_the_link_in_the_browser(shared, tmp_path, exits):
    """Where a browser can be opened it is, without our secrets; where that fails, the link is printed."""
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\nenv > {tmp_path}/environment\necho "$@" > {tmp_path}/opened\nexit {exits}\n')
    opener.chmod(0o755)
    code, shown = on_a_terminal(
        shared, "token", "--user", USER, "--open", "--url", f"http://127.0.0.1:{shared.port}",
        DISPLAY=":99", PATH=f"{tmp_path}:{shared.env['PATH']}",
    )  # fmt: skip
    assert code == 0, shown
    link = (tmp_path / "opened").read_text().strip()
    browser = WebBrowser(shared)
    browser.take(browser.redeem(link.partition("#code=")[2]))
    assert (link in shown) is (exits != 0)
    environment = (tmp_path / "environment").read_text()
    for secret in (shared.jwt_secret, shared.root, shared.env["LATCHKEY_SERVICE_TOKEN"]):
        assert secret not in environment
    assert "DISPLAY=:99" in environment


def test_the_link_without_a_browser(shared):
    address = f"http://127.0.0.1:{shared.port}"
    code, shown = on_a_terminal(shared, "token", "--user", USER, "--open", "--url", address)
    assert code == 0 and f"{address}/ui/sign-in#code=lkc_" in shown


def test_what_makes_no_link(shared, make_service):
    def failed(*arguments: str, **settings) -> str:
        done = shared.command("token", "--user", USER, "--print-link", *arguments, **settings)
        assert done.returncode == 2 and done.stdout == "", (done.stdout, done.stderr)
        assert "hint" in done.stderr
        return done.stderr

    unused = make_service()
    unused.stop()
    told = failed("--url", f"http://127.0.0.1:{unused.port}")
    assert "no service answers" in told and "latchkey serve" in told and "--url" in told
    here = f"http://127.0.0.1:{shared.port}"
    assert "does not accept" in failed("--url", here, JWT_SECRET_KEY="another-secret-of-48-bytes-0123456789-abcdefghij")
    for url in ("http://keys.example.com", here + "/", "127.0.0.1", "ftp://127.0.0.1", ""):
        assert "--url" in failed("--url", url)


@pytest.mark.parametrize("arguments", [["--open", "--minutes", "5"], ["--url", "http://127.0.0.1:1"]], ids=" ".join)
def test_options_that_do_not_go_together(shared, arguments):
    done = shared.command("token", "--user", USER, *arguments)
    assert done.returncode not in (0, 1, 2) and done.stdout == ""
