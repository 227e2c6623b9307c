"""Whoever can write the database can break a key, but never gets it out, swaps it or redirects it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

import database
import expect
from client import fake_key
from scripted_provider import ScriptedProvider

USERS = [f"user-{number:02}" for number in range(24)]
PROVIDERS = ("openai", "anthropic")
LOOKUP = {"user_id", "provider", "name"}
VERDICT = {"is_valid", "verdict"}
VICTIM, OTHER_USER = "user-00", "user-01"
HUGE_TEXT, HUGE_NUMBER = "A" * 300_000, 2**62
STRANGE_TIMES = {time: time for time in ("infinity", "-infinity", "0044-03-15 12:00:00 BC", "294276-12-31 23:59:59")}


@dataclass
class Vault:
    """Fifty user rows and one global row under attack, and what each must keep giving."""

    service: object
    client: object
    connection: object
    keys: dict
    older: dict
    evil: ScriptedProvider


@pytest.fixture(scope="module")
def vault(module_service):
    service = module_service()
    client, older = service.client(), {}
    connection = database.connect(service.database)
    keys = {(user, provider): fake_key("valid", user) for user in USERS for provider in PROVIDERS}
    keys |= {(VICTIM, "gemini"): fake_key("valid", VICTIM), (VICTIM, "openrouter"): fake_key("valid", VICTIM)}
    client.store(VICTIM, "openai", fake_key("valid", "older"), label="older label")
    expect.success(client.set_initial("gemini", fake_key("valid", "older"), validate=False))
    older["user_api_keys"] = database.read_row(connection, "user_api_keys", user_id=VICTIM, provider="openai")
    older["global_api_keys"] = database.read_row(connection, "global_api_keys", provider="gemini")
    for (user, provider), key in keys.items():
        expect.success(client.set(user, provider, key))
    keys["anybody", "gemini"] = fake_key("valid", "global")
    expect.success(client.set_initial("gemini", keys["anybody", "gemini"], validate=False))
    expect.success(client.set_initial("openrouter", fake_key("valid", "global"), validate=False))
    assert connection.execute("SELECT count(*) FROM user_api_keys").fetchone() == (50,)
    with ScriptedProvider() as evil:
        yield Vault(service, client, connection, keys, older, evil)
    connection.close()


def bytes_of(value) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def flipped(value):
    """The smallest change: one bit of a number, one bit of the middle byte of the rest."""
    if value is None:
        return 1
    if isinstance(value, bool):
        return not value
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1)
    if isinstance(value, int):
        return value ^ 1
    if isinstance(value, float):
        return value + 1
    data = bytearray(bytes_of(value) or b"\x00")
    data[len(data) // 2] ^= 1
    return bytes(data) if isinstance(value, bytes) else data.decode("utf-8", "replace")


def emptied(value):
    return {int: 0, float: 0.0, bytes: b"", bool: False, datetime: datetime.min}.get(type(value), "")


def huge(value):
    kinds = {int: HUGE_NUMBER, float: 1e300, bytes: HUGE_TEXT.encode(), bool: True, datetime: datetime.max}
    return kinds.get(type(value), HUGE_TEXT)


def truncated(value):
    return value[: len(value) // 2] if isinstance(value, (str, bytes)) else -1


def mutations(column: str, current, others: dict[str, dict]) -> dict:
    """Name → value to write. Values that change nothing are left out."""
    values = {f"from {name}": row[column] for name, row in others.items() if column in row}
    values |= STRANGE_TIMES if isinstance(current, datetime) else {}
    values |= {
        "flipped": flipped(current),
        "null": None,
        "empty": emptied(current),
        "huge": huge(current),
        "truncated": truncated(current),
        "another type": b"\x00\xff" if not isinstance(current, bytes) else "text",
        "injection": "'; DROP TABLE user_api_keys;--",
    }
    return {name: value for name, value in values.items() if value != current or type(value) is not type(current)}


def assert_outcome(answer, column: str, what: str, key: str, base_url: str):
    """The right key for the right place, or a refusal; nothing in between."""
    where = f"{column} {what}: {answer.status_code} {answer.text[:300]}"
    if answer.status_code == 200:
        body = answer.json()
        assert (body["api_key"], body["base_url"], body["fields"]) == (key, base_url, {}), where
        return
    assert key not in answer.text, where
    allowed = {(500, "integrity")}
    allowed |= {(404, "key_not_found")} if column in LOOKUP else set()
    allowed |= {(409, "key_invalid"), (404, "key_not_found")} if column in VERDICT else set()
    assert (answer.status_code, answer.json()["code"]) in allowed, where


def assert_status_survives(vault: Vault, user: str, key: str):
    """A broken row may be reported, but the page is not a crash and never the key."""
    answer = vault.client.as_user(user, "GET", "/api/api-keys/status")
    assert answer.status_code == 200 or answer.json()["code"] == "integrity", answer.text[:300]
    assert key not in answer.text


def assert_others_resolve(vault: Vault, victim: tuple, owners):
    for user, provider in owners:
        if (user, provider) != victim:
            answer = vault.client.resolve(user, provider)
            assert expect.success(answer)["api_key"] == vault.keys[user, provider]


def attack(vault: Vault, table: str, victim: tuple, where: dict, others: dict) -> dict:
    """Every mutation of every column of one row, each put back afterwards. Counts the outcomes."""
    row = database.read_row(vault.connection, table, **where)
    base_url = expect.success(vault.client.resolve(*victim))["base_url"]
    outcomes: dict = {}
    for column in database.columns(vault.connection, table):
        for what, value in mutations(column, row[column], others).items():
            try:
                database.write_columns(vault.connection, table, row["rowid of it"], {column: value})
            except database.SCHEMA_REFUSES:
                outcomes["schema"] = outcomes.get("schema", 0) + 1
                continue
            answer = vault.client.resolve(*victim)
            assert_status_survives(vault, victim[0], vault.keys[victim])
            outcomes[answer.status_code] = outcomes.get(answer.status_code, 0) + 1
            is_rowid = column == "id" and isinstance(value, int)
            database.put_back(vault.connection, table, value if is_rowid else row["rowid of it"], row)
            assert_outcome(answer, column, what, vault.keys[victim], base_url)
            assert_others_resolve(vault, victim, [(OTHER_USER, "openai"), (VICTIM, "anthropic")])
        assert_others_resolve(vault, victim, vault.keys)
    assert expect.success(vault.client.resolve(*victim))["api_key"] == vault.keys[victim]
    return outcomes


def test_every_column_of_a_users_row(vault):
    others = {
        "another user": database.read_row(vault.connection, "user_api_keys", user_id=OTHER_USER, provider="openai"),
        "another provider": database.read_row(vault.connection, "user_api_keys", user_id=VICTIM, provider="anthropic"),
        "an older row": vault.older["user_api_keys"],
        "the global row": database.read_row(vault.connection, "global_api_keys", provider="gemini"),
    }
    where = {"user_id": VICTIM, "provider": "openai"}
    outcomes = attack(vault, "user_api_keys", (VICTIM, "openai"), where, others)
    assert outcomes[500] >= 20 and outcomes[200] >= 20, outcomes


def test_every_column_of_a_global_row(vault):
    others = {
        "another provider": database.read_row(vault.connection, "global_api_keys", provider="openrouter"),
        "an older row": vault.older["global_api_keys"],
        "a user's row": database.read_row(vault.connection, "user_api_keys", user_id=VICTIM, provider="openai"),
    }
    outcomes = attack(vault, "global_api_keys", ("anybody", "gemini"), {"provider": "gemini"}, others)
    assert outcomes[500] >= 15 and outcomes[200] >= 15, outcomes


def with_changes(vault: Vault, where: dict, changes: dict, table: str = "user_api_keys"):
    """A context that holds the changed row and puts it back."""

    class Changed:
        def __enter__(self):
            self.row = database.read_row(vault.connection, table, **where)
            database.write_columns(vault.connection, table, self.row["rowid of it"], changes)

        def __exit__(self, *_):
            database.put_back(vault.connection, table, self.row["rowid of it"], self.row)

    return Changed()


@pytest.mark.parametrize(
    "changes, asked",
    [
        ({"user_id": "mallory"}, ("mallory", "openai", None)),
        ({"provider": "groq"}, (VICTIM, "groq", None)),
        ({"name": "work"}, (VICTIM, "openai", "work")),
        ({"user_id": "mallory", "name": "work"}, ("mallory", "openai", "work")),
    ],
    ids=["to another user", "to another provider", "to another name", "to another user and name"],
)
def test_a_moved_row_does_not_open_where_it_went(vault, changes, asked):
    with with_changes(vault, {"user_id": VICTIM, "provider": "openai"}, changes):
        answer = vault.client.resolve(*asked)
        expect.problem(answer, 500, "integrity")
        assert "sk-fake" not in answer.text
    assert_others_resolve(vault, ("", ""), [(VICTIM, "openai")])


def sealed_part(row: dict) -> dict:
    """All of a row that does not say whose it is."""
    return {name: value for name, value in row.items() if name not in LOOKUP | {"id", "rowid of it"}}


@pytest.mark.parametrize(
    "source",
    [
        ("user_api_keys", {"user_id": OTHER_USER, "provider": "openai"}),
        ("user_api_keys", {"user_id": VICTIM, "provider": "anthropic"}),
    ],
    ids=["another user", "another provider"],
)
def test_a_whole_sealed_part_copied_over_does_not_open(vault, source):
    table, where = source
    copied = sealed_part(database.read_row(vault.connection, table, **where))
    with with_changes(vault, {"user_id": VICTIM, "provider": "openai"}, copied):
        expect.problem(vault.client.resolve(VICTIM, "openai"), 500, "integrity")
    assert_others_resolve(vault, ("", ""), [(VICTIM, "openai")])


def test_a_global_row_copied_to_a_user_does_not_open(vault):
    shared = (
        database.columns(vault.connection, "user_api_keys").keys()
        & database.columns(vault.connection, "global_api_keys").keys()
    )
    row = database.read_row(vault.connection, "global_api_keys", provider="gemini")
    copied = {name: value for name, value in sealed_part(row).items() if name in shared}
    with with_changes(vault, {"user_id": VICTIM, "provider": "openai"}, copied):
        expect.problem(vault.client.resolve(VICTIM, "openai"), 500, "integrity")


def test_the_destination_in_the_row_redirects_nothing(vault):
    """The key goes only where the sealed payload says."""
    names = [name for name in database.columns(vault.connection, "user_api_keys") if "url" in name]
    assert names, "no column shows the destination: this test has lost its object"
    evil = vault.evil.base_url("openai")
    with with_changes(vault, {"user_id": VICTIM, "provider": "openai"}, {name: evil for name in names}):
        assert evil not in vault.client.resolve(VICTIM, "openai").text
        assert vault.client.validate(VICTIM, "openai").status_code in (200, 500)
    assert vault.evil.requests() == []


def test_a_broken_row_is_never_shown_to_the_provider(vault, provider):
    key = vault.keys[VICTIM, "openai"]
    row = database.read_row(vault.connection, "user_api_keys", user_id=VICTIM, provider="openai")
    before = len(provider.requests())
    with with_changes(
        vault, {"user_id": VICTIM, "provider": "openai"}, {"encrypted_key": flipped(row["encrypted_key"])}
    ):
        expect.problem(vault.client.validate(VICTIM, "openai"), 500, "integrity")
        assert vault.client.status(OTHER_USER)["keys"]
    assert len(provider.requests()) == before
    assert expect.success(vault.client.resolve(VICTIM, "openai"))["api_key"] == key


def test_a_broken_row_can_be_replaced_and_deleted(vault):
    """What does not open must still be mendable by its owner."""
    client, fresh = vault.client, fake_key()
    for mend in ("set", "delete"):
        client.store("mender", "openai", fake_key())
        row = database.read_row(vault.connection, "user_api_keys", user_id="mender")
        database.write_columns(vault.connection, "user_api_keys", row["rowid of it"], {"encrypted_key": "broken"})
        expect.problem(client.resolve("mender", "openai"), 500, "integrity")
        if mend == "set":
            client.store("mender", "openai", fresh)
            assert expect.success(client.resolve("mender", "openai"))["api_key"] == fresh
        assert expect.success(client.delete("mender", "openai"))["deleted"] == 1


def test_equal_keys_of_two_users_share_no_column(vault):
    same = fake_key()
    rows = []
    for user in ("twin-a", "twin-b"):
        vault.client.store(user, "openai", same)
        rows.append(database.read_row(vault.connection, "user_api_keys", user_id=user, provider="openai"))
        vault.client.store(user, "anthropic", same)
    first, second = rows
    for column in ("encrypted_key", "key_hash", "salt"):
        assert first[column] != second[column]
    assert len(bytes_of(first["encrypted_key"])) == len(bytes_of(second["encrypted_key"]))
