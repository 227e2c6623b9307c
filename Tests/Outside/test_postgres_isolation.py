"""The second wall: who has the service's role and password still sees and changes one user at a time at most."""

import psycopg
import pytest

import database
import expect
from client import fake_key

OWNED = ("user_api_keys", "user_settings", "access_tokens", "usage_budgets", "usage_events", "web_sessions")
EVERYTHING = (
    *OWNED, "global_api_keys", "audit_events", "keyset", "deployment_facts", "job_leases", "schema_migrations",
    "usage_reservations",
)  # fmt: skip
REFUSED = psycopg.errors.InsufficientPrivilege


@pytest.fixture(scope="module")
def service(module_service, cluster):
    """A service whose role owns nothing: the database was migrated, and the role let in, by the owner."""
    service = module_service(start=False)
    name, password = cluster.new_role()
    done = service.command("migrate", "--grant", name)
    assert done.returncode == 0, done.stderr
    service.role, service.role_url = name, cluster.url(service.database.name, name, password)
    service.configure(DATABASE_URL=service.role_url)
    service.start()
    client = service.client()
    for user in ("alice", "bob"):
        client.store(user, "openai", fake_key())
        client.store(user, "anthropic", fake_key(), name="second")
        expect.success(client.set_fallback(user, False))
        expect.success(client.resolve(user, "openai"))
        use(client, user)
    expect.success(client.set_initial("openai", fake_key(), validate=False))
    return service


def use(client, user: str):
    """What the gateway's tables hold of a user."""
    expect.success(client.as_user(user, "POST", "/api/access-tokens", json={"label": "t", "scopes": ["status"]}), 201)
    budget = {"metric": "tokens", "per": "day", "amount": 1000}
    expect.success(client.as_user(user, "PUT", "/api/budgets", json=budget))
    expect.success(client.as_user(user, "POST", "/api/session/codes"), 201)
    counts = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}
    names = {"gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini"}
    event = {"id": "e1", "user_id": user, "attributes": {**names, **counts}}
    expect.success(client.call("POST", "/api/service/usage", token=client.service_token, json={"events": [event]}))


@pytest.fixture
def role(service):
    """A connection with the service's role."""
    with database.connect(service.role_url) as connection:
        yield connection


@pytest.fixture
def owner(service):
    """A connection with the role that owns the tables."""
    with database.connect(service.database.owner_url) as connection:
        yield connection


def become(connection, user: str):
    connection.execute("SELECT set_config('latchkey.user_id', ?, false)", (user,))


def users(connection, table: str) -> set:
    return {user for (user,) in connection.execute(f"SELECT user_id FROM {table}")}


def everything(service) -> dict[str, bytes]:
    """All rows as the superuser sees them."""
    return database.contents(service.database)


@pytest.fixture
def unchanged(service):
    """Fails the test that changes anything."""
    before = everything(service)
    yield
    assert everything(service) == before


class TestReading:
    @pytest.mark.parametrize("table", [*OWNED, "audit_events"])
    @pytest.mark.parametrize("who", ["role", "owner"])
    def test_without_a_user_there_is_nobody(self, request, who, table):
        assert users(request.getfixturevalue(who), table) == set()

    @pytest.mark.parametrize("table", [*OWNED, "audit_events"])
    @pytest.mark.parametrize("who", ["role", "owner"])
    def test_with_a_user_there_is_this_one(self, request, who, table):
        connection = request.getfixturevalue(who)
        become(connection, "alice")
        assert users(connection, table) == {"alice"}

    def test_by_set_as_by_set_config(self, role):
        role.execute("SET latchkey.user_id = 'bob'")
        assert users(role, "user_api_keys") == {"bob"}

    @pytest.mark.parametrize("user", ["", "%", "Alice", "alice ", "alice' OR '1'='1", "everyone", "bob,alice"])
    def test_a_user_who_is_none_sees_nobody(self, role, user):
        become(role, user)
        assert all(users(role, table) == set() for table in (*OWNED, "audit_events"))

    def test_no_condition_widens_it(self, role):
        become(role, "alice")
        for condition in ("user_id = 'bob'", "true OR user_id = 'bob'", "user_id <> 'alice'", "user_id LIKE '%'"):
            found = role.execute(f"SELECT user_id FROM user_api_keys WHERE {condition}").fetchall()
            assert {user for (user,) in found} <= {"alice"}

    def test_a_subquery_or_a_join_sees_no_more(self, role):
        become(role, "alice")
        query = "SELECT * FROM audit_events a LEFT JOIN user_api_keys k USING (provider) WHERE k.user_id <> 'alice'"
        assert role.execute(query).fetchall() == []

    def test_everyone_is_there_for_who_says_so(self, role):
        """What the walks over all keys use; a statement that merely forgot its owner does not say so."""
        role.execute("SET latchkey.scope = 'everyone'")
        assert users(role, "user_api_keys") == {"alice", "bob"}

    @pytest.mark.parametrize("scope", ["", "Everyone", "everyone ", "all", "*"])
    def test_no_other_word_means_everyone(self, role, scope):
        role.execute("SELECT set_config('latchkey.scope', ?, false)", (scope,))
        assert users(role, "user_api_keys") == set()


@pytest.mark.usefixtures("unchanged")
class TestChanging:
    @pytest.fixture
    def alice(self, role):
        become(role, "alice")
        return role

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE user_api_keys SET is_valid = NOT is_valid WHERE user_id = 'bob'",
            "UPDATE user_api_keys SET encrypted_key = 'x' WHERE user_id <> 'alice'",
            "DELETE FROM user_api_keys WHERE user_id = 'bob'",
            "UPDATE user_settings SET value = NOT value WHERE user_id = 'bob'",
            "DELETE FROM user_settings WHERE user_id = 'bob'",
            "UPDATE access_tokens SET revoked_at = NULL WHERE user_id = 'bob'",
            "UPDATE usage_budgets SET amount = 0 WHERE user_id = 'bob'",
            "DELETE FROM usage_budgets WHERE user_id = 'bob'",
            "DELETE FROM usage_events WHERE user_id = 'bob'",
        ],
    )
    def test_anothers_row_is_not_found(self, alice, statement):
        assert alice.execute(statement).rowcount == 0

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE user_api_keys SET user_id = 'bob', name = 'third'",
            "INSERT INTO user_settings (user_id, setting, value) VALUES ('bob', 'new', true)",
            "UPDATE usage_budgets SET user_id = 'bob', period = 'month'",
            "UPDATE usage_budgets SET user_id = ''",
            "INSERT INTO usage_events (user_id, event_id, at, day, origin, provider, name, is_streamed, is_estimated) "
            "SELECT 'bob', 'planted', at, day, origin, provider, name, is_streamed, is_estimated FROM usage_events",
            "INSERT INTO user_settings (user_id, setting, value) SELECT 'bob', setting, NOT value FROM user_settings "
            "ON CONFLICT (user_id, setting) DO UPDATE SET value = EXCLUDED.value",
            "INSERT INTO user_api_keys (user_id, provider, encrypted_key, key_hash, name, suite, root_kid, "
            "row_version, salt, kind, base_url) SELECT 'bob', provider, encrypted_key, key_hash, 'planted', suite, "
            "root_kid, row_version, salt, kind, base_url FROM user_api_keys",
        ],
    )
    def test_nothing_is_made_anothers(self, alice, statement):
        with pytest.raises(REFUSED, match="row-level security"):
            alice.execute(statement)

    @pytest.mark.parametrize("table", OWNED)
    def test_without_a_user_nothing_is_changed(self, role, table):
        assert role.execute(f"DELETE FROM {table}").rowcount == 0

    @pytest.mark.parametrize(
        "statement", ["UPDATE audit_events SET outcome = 'ok'", "DELETE FROM audit_events", "TRUNCATE audit_events"]
    )
    @pytest.mark.parametrize("scope", ["", "everyone"])
    def test_no_audit_event_is_changed_or_removed(self, alice, statement, scope):
        alice.execute("SELECT set_config('latchkey.scope', ?, false)", (scope,))
        with pytest.raises(REFUSED):
            alice.execute(statement)

    @pytest.mark.parametrize("statement", ["UPDATE audit_events SET outcome = 'ok'", "DELETE FROM audit_events"])
    def test_not_even_by_the_owner(self, owner, statement):
        """For whom it is a fence: the owner could remove it, but no statement of his changes an event by mistake."""
        owner.execute("SET latchkey.scope = 'everyone'")
        with pytest.raises(psycopg.errors.RaiseException, match="only ever added"):
            owner.execute(statement)

    @pytest.mark.parametrize("table", EVERYTHING)
    @pytest.mark.parametrize(
        "statement",
        [
            "DROP TABLE {}", "TRUNCATE {}", "ALTER TABLE {} DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE {} NO FORCE ROW LEVEL SECURITY", "ALTER TABLE {} ADD COLUMN mine text",
            "ALTER TABLE {} DISABLE TRIGGER ALL", "ALTER TABLE {} OWNER TO CURRENT_USER", "DROP POLICY own_rows ON {}",
            "CREATE POLICY mine ON {} USING (true)", "CREATE TRIGGER mine BEFORE INSERT ON {} EXECUTE FUNCTION f()",
        ],
    )  # fmt: skip
    def test_no_schema_is_changed(self, role, table, statement):
        with pytest.raises((REFUSED, psycopg.errors.UndefinedObject, psycopg.errors.UndefinedFunction)) as refused:
            role.execute(statement.format(table))
        assert isinstance(refused.value, REFUSED) or "own_rows" in statement or "f()" in statement

    @pytest.mark.parametrize(
        "statement",
        [
            "CREATE TABLE mine (i int)", "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE SCHEMA mine", "DROP FUNCTION audit_events_refuse", "SET ROLE {owner}",
            "SET SESSION AUTHORIZATION {owner}", "ALTER ROLE {role} BYPASSRLS", "ALTER ROLE {role} SUPERUSER",
            "GRANT {owner} TO {role}", "GRANT DELETE ON audit_events TO {role}",
            "SET session_replication_role = replica",
            "INSERT INTO schema_migrations (version, name, checksum) VALUES (99, 'mine', 'x')",
            "DELETE FROM schema_migrations", "UPDATE schema_migrations SET checksum = 'x'", "DELETE FROM keyset",
            "DELETE FROM deployment_facts", "SELECT pg_read_file('/etc/passwd')", "COPY user_api_keys TO '/tmp/mine'",
            "COPY user_api_keys TO PROGRAM 'true'", "SELECT * FROM pg_authid",
        ],
    )  # fmt: skip
    def test_nothing_else_opens_the_wall(self, service, role, statement):
        owner = service.database.name + "_owner"
        try:
            role.execute(statement.format(owner=owner, role=service.role))
        except (REFUSED, psycopg.errors.FeatureNotSupported):
            return
        # GRANT of what one may not grant is a warning only: nothing may have come of it.
        assert statement.startswith("GRANT")
        assert role.execute("SELECT has_table_privilege('audit_events', 'DELETE')").fetchone() == (False,)

    def test_row_security_cannot_be_switched_off(self, role):
        """With it off a query that it would filter fails; it does not see more."""
        role.execute("SET row_security = off")
        with pytest.raises(REFUSED):
            role.execute("SELECT * FROM user_api_keys")


def test_every_table_with_users_in_it_is_behind_the_wall(service):
    """A table that is added must not be forgotten."""
    query = """SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity, EXISTS (
                   SELECT 1 FROM pg_policies p WHERE p.tablename = c.relname)
               FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
               WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attname = 'user_id'"""
    with database.connect(service.database) as connection:
        walls = {name: (forced, has_policy) for name, forced, has_policy in connection.execute(query)}
    assert walls.pop("global_api_keys"), "its user_id is always empty"
    assert walls.keys() >= {*OWNED, "audit_events"}
    assert set(walls.values()) == {(True, True)}, walls


def test_the_role_is_what_it_should_be(service, role):
    query = "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
    assert role.execute(query).fetchone() == (False,) * 4
    assert role.execute("SELECT count(*) FROM pg_tables WHERE tableowner = current_user").fetchone() == (0,)


def test_every_way_of_using_the_service_works_with_it(service):
    """The walks over everybody's rows too."""
    client, key = service.client(), fake_key()
    client.store("carol", "openai", key)
    expect.success(client.validate("carol", "openai"))
    assert expect.success(client.resolve("carol", "openai"))["api_key"] == key
    expect.success(client.set_fallback("carol", True))
    assert client.status("carol")["keys"]
    doctor = service.command("doctor")
    assert "3" in doctor.stdout or doctor.returncode == 0, doctor.stdout
    use(client, "carol")
    assert expect.success(client.as_user("carol", "GET", "/api/budgets"))["budgets"][0]["used"] == 15
    assert expect.success(client.delete("carol", "openai"))["deleted"] == 1
    assert expect.success(client.delete_all("carol")) == {"deleted": 0}
    assert service.command("migrate").returncode == 0
    assert service.restart().client().status("alice")["keys"]


def test_it_works_for_the_owner_too(make_service):
    """The plain way: one role that owns the tables and runs the service."""
    service, key = make_service(), fake_key()
    service.client().store("alice", "openai", key)
    assert expect.success(service.client().resolve("alice", "openai"))["api_key"] == key


class TestGrant:
    def test_a_role_that_is_not_there(self, make_service):
        service = make_service(start=False)
        done = service.command("migrate", "--grant", "nobody_of_this_name")
        assert done.returncode == 2 and "latchkey: error:" in done.stderr and "latchkey: hint:" in done.stderr

    @pytest.mark.parametrize("name", ['odd "role', "Capital", "drop'; --", "\u00fcml\u00e4ut"])
    def test_a_role_with_an_odd_name(self, make_service, cluster, name):
        service, quoted = make_service(start=False), '"' + name.replace('"', '""') + '"'
        cluster.sql(f"DROP ROLE IF EXISTS {quoted}", f"CREATE ROLE {quoted}")
        done = service.command("migrate", "--grant", name)
        assert done.returncode == 0, done.stderr
        with database.connect(service.database) as connection:
            allowed = connection.execute("SELECT has_table_privilege(?, 'user_api_keys', 'SELECT')", (name,)).fetchone()
        assert allowed == (True,)

    def test_it_may_be_said_again(self, make_service, cluster):
        service, (name, _) = make_service(start=False), cluster.new_role()
        for _ in range(2):
            assert service.command("migrate", "--grant", name).returncode == 0
