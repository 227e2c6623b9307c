"""APIKeyService in Node and in Chromium: the same cases, against the running binary and a scripted service."""

import json
import os
import re
import subprocess

import pytest

import tokens
from browser import node
from harness import REPOSITORY
from web_pages import ASSETS, ScriptedService, WebPages

CASES = REPOSITORY / "Tests" / "Outside" / "web" / "cases.mjs"
NAMES = re.findall(r'^  async "([^"]+)"\(', CASES.read_text(encoding="utf-8"), re.MULTILINE)
NODE_SECONDS = 240
HARNESS = """
import { cases } from "/cases.mjs";
window.run = async (name, env) => {
  try {
    await cases[name](env);
    return null;
  } catch (error) {
    return String(error.stack ?? error);
  }
};
window.names = Object.keys(cases);
"""
PAGE = """<!doctype html><html lang="en"><title>cases</title>
<script type="importmap">{"imports": {"api-key-service": "/copy/api-key-service.js"}}</script>
<script type="module" src="/harness.js"></script></html>"""


@pytest.fixture(scope="module")
def scripted():
    with ScriptedService() as running:
        yield running


@pytest.fixture(scope="module")
def pages():
    with WebPages() as running:
        running.pages = {"/": PAGE, "/index.html": PAGE, "/harness.js": HARNESS, "/cases.mjs": CASES.read_text()}
        yield running


@pytest.fixture(scope="module")
def service(module_service, pages):
    return module_service(LATCHKEY_CORS_ORIGINS=pages.origin)


def environment(service, scripted, user: str) -> dict:
    return {
        "service": f"http://127.0.0.1:{service.port}",
        "scripted": scripted.origin,
        "user": user,
        "token": tokens.mint(service.jwt_secret, user),
        "setupToken": service.env["LATCHKEY_SETUP_TOKEN"],
    }


def test_in_node(service, scripted, tmp_path):
    module = (ASSETS / "api-key-service.js").as_uri()
    # Node takes a .js file for an ES module only where a package.json says so: an app's own does.
    copy = tmp_path / "api-key-service.mjs"
    copy.write_bytes((ASSETS / "api-key-service.js").read_bytes())
    module = copy.as_uri()
    env = json.dumps(environment(service, scripted, "node"))
    done = subprocess.run(
        [node(), "--test", "--test-reporter=tap", str(CASES.parent / "api-key-service.test.mjs")],
        env={"PATH": os.environ["PATH"], "LATCHKEY_ENV": env, "LATCHKEY_MODULE": module},
        capture_output=True,
        text=True,
        timeout=NODE_SECONDS,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    passed = re.findall(r"^ *ok \d+ - (.+)$", done.stdout, re.MULTILINE)
    assert set(NAMES) <= set(passed), done.stdout[-6000:]


def test_the_node_is_of_the_line_that_is_promised():
    version = subprocess.run([node(), "--version"], capture_output=True, text=True, timeout=30).stdout
    assert version.startswith("v20."), version


@pytest.fixture(scope="module")
def page(chromium, pages):
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{pages.origin}/index.html")
    page.wait_for_function("window.names")
    yield page
    context.close()


@pytest.mark.parametrize("name", NAMES)
def test_in_chromium(page, service, scripted, name):
    env = {**environment(service, scripted, "chromium"), "run": "chromium"}
    assert page.evaluate("([name, env]) => window.run(name, env)", [name, env]) is None


def test_every_case_is_run(page):
    assert page.evaluate("window.names") == NAMES and len(NAMES) >= 18


# The paper's code.

PAPER = (REPOSITORY / "docs" / "front-end.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```js\n(.*?)^```\n\n(?:[^`#]*?\n)?```text\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_papers_code_runs_and_prints_what_it_says(service, tmp_path):
    blocks = BLOCK.findall(PAPER)
    assert len(blocks) == PAPER.count("```js\n") == 2
    (tmp_path / "api-key-service.js").write_bytes((ASSETS / "api-key-service.js").read_bytes())
    (tmp_path / "package.json").write_text('{"type": "module"}')
    code = "".join(code for code, _ in blocks).replace("http://127.0.0.1:8080", f"http://127.0.0.1:{service.port}")
    token = json.dumps(tokens.mint(service.jwt_secret, "reader"))
    (tmp_path / "app.js").write_text(f"const currentToken = () => {token};\n{code}")
    done = subprocess.run([node(), "app.js"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout == "".join(printed for _, printed in blocks), done.stdout + done.stderr
