"""Fixtures: one scripted provider for the run, servers per module or per test, all ended again."""

import itertools

import pytest

from harness import Latchkey, binary_path
from scripted_provider import ScriptedProvider


@pytest.fixture(scope="session")
def provider():
    with ScriptedProvider() as running:
        yield running


@pytest.fixture(scope="session")
def binary():
    path = binary_path()
    if not path.is_file():
        pytest.exit(f"no binary at {path}: build it with `swift build -c release`, or name one in LATCHKEY_BINARY", 2)
    return path


def service_factory(provider, new_folder):
    """A function that makes services, and the list of what it made."""
    made = []

    def make(start: bool = True, **settings) -> Latchkey:
        service = Latchkey(new_folder(), provider, **settings)
        made.append(service)
        return service.start() if start else service

    return make, made


@pytest.fixture
def make_service(binary, provider, tmp_path):
    """Makes services for one test: `make_service(NAME="value", OTHER=None)`."""
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
