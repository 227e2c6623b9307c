"""Fixtures: one scripted provider for the run, servers per module or per test, all ended again.

The whole suite runs once for each kind of database, but for what is listed in NOT_ON.
"""

import itertools
import time

import pytest

import database
from browser import running_chromium
from client import fake_key
from harness import Latchkey, binary_path
from postgres_database import shared_cluster
from scripted_provider import ScriptedProvider

NOT_ON = {
    "sqlite": {
        "test_postgres_refusals.py": "how PostgreSQL refuses",
        "test_postgres_isolation.py": "PostgreSQL's roles and row-level security",
        "test_nodes.py": "an SQLite file has one node",
        "test_failover.py": "there is no server to lose",
        "test_pgbouncer.py": "there is no server to pool connections to",
        "test_moving_house.py": "there is no server to move to",
        "test_access_tokens.py::test_revoked_on_one_node_is_refused_on_the_other": "one node",
        "test_default_key.py::test_two_nodes": "one node",
        "test_access_tokens.py::test_a_limit_of_tokens_is_one_on_two_nodes": "one node",
        "test_web_sessions.py::test_one_code_at_two_nodes": "one node",
        "test_web_sessions.py::test_signed_out_on_one_node_is_out_on_the_other": "one node",
        "test_gateway_budgets.py::TestTwoNodes::test_both_together_let_exactly_as_many_through": "one node",
    },
    "postgresql": {
        "test_docs.py": "the papers, which use no database but their own",
        "test_api_key_service.py": "the front end's module, which no database takes part in",
        "test_front_end_examples.py": "pages with the front end's element, which no database takes part in",
        "test_ui_assets.py": "the pages' files, which no database takes part in",
        "test_element.py": "the front end's element, which no database takes part in",
        "test_element_shown.py": "the front end's element, which no database takes part in",
        "test_element_reading.py": "the front end's element, which no database takes part in",
        "test_ui_payloads.py": "stored texts in a page, which come there by the same way from any database",
        "test_ui_flow.py::test_how_the_pages_look": "pictures of the pages",
        "test_scripted_provider.py": "the tests' own provider, without the service",
        "test_scripted_inference.py": "the tests' own inference provider, without the service",
        "test_gateway_tls.py": "the gateway's connections to providers, which no database takes part in",
        "test_gateway_connections.py": "the gateway on the wire, which no database takes part in",
        "test_oidc_attacks.py": "answers of identity providers, which no database takes part in",
        "test_start_refusals.py::TestADatabaseThatDoesNotFit::test_a_file_that_is_no_database": "a file",
        "test_start_refusals.py::TestADatabaseThatDoesNotFit::test_a_folder": "a file",
        "test_limits.py::test_slow_clients_are_cut_off": "half a minute of slow clients who never reach a database",
        "test_verdicts.py::test_a_too_slow_answer_is_given_up_and_holds_up_nobody": "the provider's ten seconds",
    },
}[database.KIND]


def pytest_ignore_collect(collection_path):
    """Modules that are not for this kind of database."""
    return True if collection_path.name in NOT_ON else None


def pytest_collection_modifyitems(config, items):
    """The same for single tests."""
    left_out = [item for item in items if item.nodeid.partition("[")[0].rpartition("/")[2] in NOT_ON]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_report_header() -> list[str]:
    return [f"database: {database.KIND}", *(f"not on {database.KIND}: {what}: {why}" for what, why in NOT_ON.items())]


def pytest_terminal_summary(terminalreporter):
    """Said with -q too, which prints no header."""
    terminalreporter.write_sep("=", f"on {database.KIND}")
    for what, why in NOT_ON.items():
        terminalreporter.write_line(f"not run on {database.KIND}: {what}: {why}")


@pytest.fixture(scope="session")
def provider():
    with ScriptedProvider() as running:
        yield running


@pytest.fixture(scope="module")
def chromium():
    """A browser, started on first use in a file; each test opens a context of its own. No longer than that: while it is
    there its thread has an event loop, and other files run one of theirs."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def cluster():
    """A PostgreSQL for whatever needs one, also in a run on SQLite; started on first use."""
    return shared_cluster()


@pytest.fixture(scope="session")
def binary():
    path = binary_path()
    if not path.is_file():
        pytest.exit(f"no binary at {path}: build it with `swift build -c release`, or name one in LATCHKEY_BINARY", 2)
    return path


def service_factory(provider, new_folder):
    """A function that makes services, and the list of what it made."""
    made = []

    def make(start: bool = True, like: Latchkey | None = None, **settings) -> Latchkey:
        service = like.twin(new_folder()) if like else Latchkey(new_folder(), provider, **settings)
        if like:
            service.configure(**settings)
        made.append(service)
        return service.start() if start else service

    return make, made


@pytest.fixture
def make_service(binary, provider, tmp_path):
    """Makes services for one test: `make_service(NAME="value", OTHER=None)`; with `like`, another node of that one."""
    numbers = itertools.count(1)
    make, made = service_factory(provider, lambda: tmp_path / f"service-{next(numbers)}")
    yield make
    for service in made:
        service.end()


@pytest.fixture(scope="module")
def module_service(binary, provider, tmp_path_factory):
    """Makes services that live as long as the module's tests."""
    make, made = service_factory(provider, lambda: tmp_path_factory.mktemp("service"))
    yield make
    for service in made:
        service.end()


@pytest.fixture
def service(make_service) -> Latchkey:
    """A running service that no other test touches."""
    return make_service()


@pytest.fixture(scope="session")
def early_pair(binary, tmp_path_factory):
    """Two nodes, their provider, keys that are due for a check and slow to be checked, and when all this was ready."""
    with ScriptedProvider() as own_provider:
        make, made = service_factory(own_provider, lambda: tmp_path_factory.mktemp("early"))
        nodes = [make()]
        keys = [fake_key("slow", "due") for _ in range(24)]
        for number, key in enumerate(keys):
            nodes[0].client().store(f"due-{number:02}", "openai", key)
        with database.connect(nodes[0].database) as connection:
            connection.execute("UPDATE user_api_keys SET next_check_at = timestamp '2001-01-01'")
        nodes.append(make(like=nodes[0]))
        yield nodes, own_provider, keys, time.monotonic()
        for service in made:
            service.end()


@pytest.fixture(scope="session", autouse=True)
def what_takes_a_minute(request):
    """Is started first, so that the minute passes while other tests run."""
    if any("early_pair" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("early_pair")
