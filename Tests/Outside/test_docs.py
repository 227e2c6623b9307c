"""The papers say what the code does: their commands run, their tables match, their links and test names lead somewhere.

Conventions in the papers:
- every ```sh block is run, in order, in one folder for each paper; variables and files stay for the next block;
- an ```output block after it says what is printed, in full: `…` stands for anything in a line, a line that is `…` alone
  for any lines;
- `<!-- in the background -->` above a block: it is started and left running, on a free port to which curl is
  pointed for 8080;
- `<!-- not run: reason -->` above a block: it is not run. Neither are blocks of `make` alone: those build.
"""

import itertools
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from harness import (
    LISTENING,
    PRINTED_SETUP_TOKEN,
    REPOSITORY,
    STOP_SECONDS,
    binary_path,
    clean_environment,
    started,
    wait_until,
)

PAPERS = sorted(
    [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")], key=lambda path: (len(path.parts), path.name)
)
SOURCES, TESTS = REPOSITORY / "Sources", REPOSITORY / "Tests"
OPENAPI = SOURCES / "LatchkeyServer" / "Resources" / "openapi.yaml"
BLOCK_SECONDS = 60
FENCE = re.compile(r"(?:^<!-- (?P<mark>[^\n]*?) -->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def paper_name(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def read(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


# Blocks.


@dataclass
class Block:
    line: int
    text: str
    mark: str
    expected: str | None

    @property
    def is_background(self) -> bool:
        return self.mark == "in the background"

    @property
    def is_run(self) -> bool:
        only_make = all(line.startswith("make ") for line in self.text.strip().splitlines())
        return not only_make and not re.fullmatch(r"not run: .{10,}", self.mark)


def blocks(text: str) -> list[Block]:
    found: list[Block] = []
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start("text"))
        if match["kind"] == "sh":
            found.append(Block(line, match["text"], match["mark"] or "", None))
        elif match["kind"] == "output":
            assert found and found[-1].expected is None, f"line {line}: an output block without a command before it"
            found[-1].expected = match["text"]
    return found


def matches(expected: str, actual: str) -> bool:
    """`…` is anything in a line; alone in a line it is any lines."""
    pattern = "".join(
        r"(?:[^\n]*\n)*?" if line == "…" else "[^\n]*".join(map(re.escape, line.split("…"))) + "\n"
        for line in expected.splitlines()
    )
    return re.fullmatch(pattern, actual if actual.endswith("\n") else actual + "\n") is not None


class Reader:
    """A reader of one paper: a shell in a folder, where blocks are run one after the other."""

    def __init__(self, folder: Path):
        self.folder = folder / "paper"
        self.background: list[subprocess.Popen] = []
        programs = folder / "bin"
        for place in (self.folder / ".build" / "release", self.folder / "Tests", programs):
            place.mkdir(parents=True)
        for link in (programs / "latchkey", self.folder / ".build" / "release" / "latchkey"):
            link.symlink_to(binary_path())
        (self.folder / "Tests" / "Outside").symlink_to(TESTS / "Outside")
        self.state = folder / "state"
        self.state.write_text("")
        env = clean_environment(folder)
        python = REPOSITORY / ".venv" / "bin"
        self.env = {**env, "PATH": f"{programs}:{python}:{env['PATH']}", "CURL_HOME": str(folder), "NO_PROXY": "*"}

    def run(self, block: Block) -> str:
        script = f"set -a; source '{self.state}'; set -euo pipefail\n{block.text}\nexport -p > '{self.state}'\n"
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=BLOCK_SECONDS
        )
        told = f"{block.text}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == 0, f"line {block.line}: exit {done.returncode}\n{told}"
        return done.stdout

    def start(self, command: str):
        """Runs a service that the paper starts, on a free port, and points curl to it for 127.0.0.1:8080."""
        output = self.folder.parent / "served.log"
        with open(output, "wb") as log:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {command.strip()} --port 0"],
                cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )
        started.append(process)
        self.background.append(process)
        wait_until(lambda: LISTENING.search(output.read_text()) or process.poll() is not None, 30, command)
        listening = LISTENING.search(output.read_text())
        assert listening, output.read_text()
        port = listening.group(2)
        Path(self.env["CURL_HOME"], ".curlrc").write_text(f'connect-to = "127.0.0.1:8080:127.0.0.1:{port}"\n')
        printed = PRINTED_SETUP_TOKEN.search(output.read_text())
        with open(self.state, "a") as state:
            state.write(f"export SETUP_TOKEN={printed.group(1)}\n" if printed else "")

    def end(self):
        for process in self.background:
            process.terminate()
            process.wait(STOP_SECONDS)


@pytest.fixture
def reader(binary, tmp_path):
    reader = Reader(tmp_path)
    yield reader
    reader.end()


def run_recipe() -> str:
    """What `make run` ends in, without address and port: the README's reader has it running."""
    recipe = re.search(r"^run:.*\n\t@exec \$\(RELEASE\) (serve .*)$", read("Makefile"), re.MULTILINE)
    assert recipe, "the Makefile's run target has changed: look at what the README says of it"
    return "latchkey " + recipe[1].replace("--hostname $(HOST) --port $(PORT) ", "")


@pytest.mark.parametrize("name", [paper_name(path) for path in PAPERS if blocks(path.read_text(encoding="utf-8"))])
def test_a_block_of_a_paper_runs(reader, name):
    for tool in ("curl", "sqlite3"):
        assert shutil.which(tool), f"{tool} is missing: apt-get install {tool}"
    if name == "README.md":
        reader.start(run_recipe())
    for block in blocks(read(name)):
        if not block.is_run:
            continue
        if block.is_background:
            reader.start(block.text)
            continue
        printed = reader.run(block)
        if block.expected is not None:
            # Answers without a line end, one after the other, are shown one a line.
            shown = re.sub(r"\}\{", "}\n{", printed)
            told = f"{name} line {block.line} prints\n{printed}\nand not\n{block.expected}"
            assert matches(block.expected, shown), told


def test_a_block_that_is_not_run_says_why():
    for path in PAPERS:
        for block in blocks(path.read_text(encoding="utf-8")):
            known = block.mark in ("", "in the background") or re.fullmatch(r"not run: .{10,}", block.mark)
            assert known, f"{paper_name(path)} line {block.line}: <!-- {block.mark} -->"


def test_the_comparison_of_output_can_fail():
    assert matches("a…c\n…\nlast\n", "abc\nx\ny\nlast") and matches("…\na\n", "a\n")
    for wrong in ("abd\nlast\n", "abc\nx\n", "abc\nlast\nmore\n", "zabc\nlast\n"):
        assert not matches("a…c\n…\nlast\n", wrong)


# Tables.


def rows_after(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table after a heading, without its head."""
    assert f"\n{heading}\n" in text, f"there is no heading {heading}"
    lines = text.split(f"\n{heading}\n", 1)[1].splitlines()
    rest = itertools.dropwhile(lambda line: not line.startswith("|"), lines)
    table = list(itertools.takewhile(lambda line: line.startswith("|"), rest))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def test_every_setting_is_in_the_table_with_its_default(binary, tmp_path):
    printed = subprocess.run(
        [binary, "serve", "--print-config"],
        env=clean_environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert printed.returncode == 0, printed.stderr
    lines = [re.fullmatch(r"(\w+)=(.*?)   # (?:default|not set)", line) for line in printed.stdout.splitlines()]
    assert lines and all(lines), printed.stdout
    rows = rows_after(read("docs/configuration.md"), "## Settings")
    documented = {row[0].strip("`"): row[1].strip("`") for row in rows}
    assert documented == {line[1]: line[2] for line in lines}
    assert f"shows all {len(lines)} with" in read("README.md")


def test_every_limit_is_the_codes():
    rows = rows_after(read("docs/configuration.md"), "## Limits")
    files = {path.name: path for path in SOURCES.rglob("*.swift")}
    assert len(rows) > 15
    for limit, _, code in rows:
        name, line = code.strip("`").split(": ", 1)
        assert line in files[name].read_text(encoding="utf-8"), f"{limit}: {name} has no {line}"


@dataclass(frozen=True)
class Code:
    name: str
    status: int
    is_of_start: bool


def codes() -> list[Code]:
    text = (SOURCES / "LatchkeyCore" / "Errors" / "ErrorCode.swift").read_text(encoding="utf-8")
    found = re.findall(r'= Self\(\s*"(\w+)", (\d+), "[^"]+"(, exit: 2)?\)', text)
    assert len(found) == text.count("= Self("), "a code is written in a form this test does not read"
    return [Code(name, int(status), bool(exits)) for name, status, exits in found]


def test_every_error_code_is_in_the_table_with_its_status():
    rows = rows_after(read("docs/configuration.md"), "## Error codes")
    documented = sorted((row[0].strip("`"), int(row[1])) for row in rows)
    assert documented == sorted((code.name, 2 if code.is_of_start else code.status) for code in codes())


@pytest.mark.parametrize("name", sorted({code.name for code in codes() if not code.is_of_start}))
def test_every_error_code_of_an_answer_is_in_the_description(name):
    assert re.search(rf"\b{name}\b", OPENAPI.read_text(encoding="utf-8"))


def test_every_route_is_in_the_readme():
    described = {
        f"{method.upper()} {path}"
        for path, methods in yaml.safe_load(OPENAPI.read_text(encoding="utf-8"))["paths"].items()
        for method in methods
        if method in ("get", "put", "post", "delete", "patch")
    }
    documented = [row[0].strip("`") for row in rows_after("\n" + read("docs/endpoints.md"), "# Endpoints")]
    assert sorted(documented) == sorted(described)


def test_the_readme_counts_the_providers():
    catalogue = yaml.safe_load((SOURCES / "LatchkeyCore" / "Resources" / "providers.yaml").read_text(encoding="utf-8"))
    assert f"The {len(catalogue['providers'])} providers" in read("README.md")


# The module graph and the files.


def module_graph() -> dict[str, set[str]]:
    """Our targets, without tests, and which of ours each depends on, out of Package.swift."""
    targets = read("Package.swift").split("\n    targets: [\n", 1)[1]
    names = re.findall(r'\.(?:target|executableTarget)\(\s*name: "(\w+)"', targets)
    graph = {}
    for name in names:
        dependencies = re.search(rf'\(\s*name: "{name}",\s*dependencies: \[(.*?)\]', targets, re.DOTALL)
        listed = re.findall(r'"(\w+)"', dependencies[1]) if dependencies else []
        graph[name] = {found for found in listed if found in names}
    return graph


def test_the_module_table_is_the_package():
    rows = rows_after("\n" + read("ARCHITECTURE.md"), "# Architecture")
    documented = {row[0].strip("`"): set(row[2].split(", ")) - {"none"} for row in rows}
    assert documented == module_graph() and len(documented) >= 7


IMPORT = re.compile(r"^(?:package |public )?import (?:\w+ )?(\w+)", re.MULTILINE)


def test_no_module_imports_what_it_does_not_declare():
    graph = module_graph()
    for module, allowed in graph.items():
        for path in (SOURCES / module).rglob("*.swift"):
            imported = set(IMPORT.findall(path.read_text(encoding="utf-8")))
            assert imported & set(graph) <= allowed, f"{path} imports {imported & set(graph) - allowed}"


def test_long_files_are_named():
    text = read("ARCHITECTURE.md")
    for path in [*SOURCES.rglob("*"), *TESTS.rglob("*")]:
        if path.is_file() and path.suffix in (".swift", ".py", ".yaml"):
            length = path.read_text(encoding="utf-8").count("\n")
            assert length <= 400 or paper_name(path) in text, f"{path} has {length} lines: say why in ARCHITECTURE.md"


# Names and links.


def named_tests() -> list[tuple[str, str]]:
    found = {
        (paper_name(paper), name)
        for paper in PAPERS
        for name in re.findall(r"`([\w/]+\.(?:py|swift)::[^`]+)`", paper.read_text(encoding="utf-8"))
    }
    return sorted(found)


@pytest.mark.parametrize("paper, name", named_tests())
def test_a_named_test_is_there(paper, name):
    file, test = name.split("::", 1)
    path = TESTS / file
    assert path.is_file(), f"{paper} names {file}"
    text = path.read_text(encoding="utf-8")
    wanted = rf"^ *def {test}\(" if file.endswith(".py") else rf"func `{re.escape(test)}`\("
    assert re.search(wanted, text, re.MULTILINE), f"{paper}: {file} has no test named {test}"


@pytest.mark.parametrize("name", ["SECURITY.md", "ARCHITECTURE.md"])
def test_every_row_of_promises_names_a_test(name):
    assert len([paper for paper, _ in named_tests() if paper == name]) > 20
    in_table = False
    for number, line in enumerate(read(name).splitlines(), 1):
        if line.startswith(("| promise |", "| invariant |")):
            in_table = True
        elif not line.startswith("|"):
            in_table = False
        elif in_table and not line.startswith("|---"):
            assert "::" in line, f"{name} line {number} promises without a test"


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", [paper_name(path) for path in PAPERS])
def test_links_lead_somewhere(name):
    text = re.sub(r"^```.*?^```$", "", read(name), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (REPOSITORY / name).parent / file if file else REPOSITORY / name
        assert path.exists(), f"{name} links to {target}"
        assert not anchor or anchor in anchors(path.read_text(encoding="utf-8")), f"{name} links to {target}"


@pytest.mark.parametrize("name", [paper_name(path) for path in PAPERS])
def test_file_names_lead_somewhere(name):
    """Paths in code style that begin with a folder of this repository."""
    text = read(name)
    for target in re.findall(r"`((?:Sources|Tests|docs|scripts)/[\w./+-]+)`", text):
        assert (REPOSITORY / target).exists(), f"{name} names {target}"


def test_the_readme_is_short():
    assert read("README.md").count("\n") < 150


def test_the_papers_know_only_this_repository():
    for path in PAPERS:
        found = re.search(r"/work/|/home/\w|/root/|\.\./shared|/tmp/", path.read_text(encoding="utf-8"))
        assert not found, f"{paper_name(path)}: {found[0]}"
