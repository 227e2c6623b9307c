"""A start that must not happen: exit 2, one sentence, one hint, nothing written, no listener."""

import re
import socket

import database
from harness import Latchkey

REFUSAL_SECONDS = 20
ERROR = re.compile(r"^latchkey: error: \S.*\n(?:.*\n)*?latchkey: hint: \S.*$", re.MULTILINE)


def held_port() -> socket.socket:
    """A port nobody else can listen on: a start that got as far as listening would complain about that instead."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    holder.listen()
    return holder


def refused_start(service: Latchkey, code: int = 2) -> str:
    """Starts `serve`, asserts a clean refusal with this exit code, and gives what it said."""
    before = database.contents(service.database)
    with held_port() as holder:
        port = holder.getsockname()[1]
        service.launch(("--hostname", "127.0.0.1", "--port", str(port)))
        found = service.process.wait(REFUSAL_SECONDS)
    said = service.run_errors()
    assert found == code, f"ended with {found}, not {code}:\n{said[-4000:]}"
    assert ERROR.search(said), said
    assert "in use" not in said.lower(), f"it tried to listen first:\n{said[-4000:]}"
    assert "listening on" not in service.run_output()
    assert_unchanged(before, database.contents(service.database))
    return said


def assert_unchanged(before: dict[str, bytes], after: dict[str, bytes]):
    """Says which file or table is new, gone or different, without printing its bytes."""
    changed = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    sizes = {name: (len(before.get(name, b"")), len(after.get(name, b""))) for name in changed}
    assert not changed, f"a refused start wrote to the database; bytes before and after: {sizes}"


def assert_silent_about(said: str, *secrets: str):
    """No part of a refused secret is repeated."""
    for secret in secrets:
        assert secret not in said
