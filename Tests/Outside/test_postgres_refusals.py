"""A PostgreSQL that does not fit: at start a plain refusal that wrote nothing, later 503s until it fits again."""

import contextlib
import re
import subprocess
import time
from urllib.parse import urlsplit

import pytest

import database
import expect
from client import fake_key
from harness import wait_until
from postgres_cluster import Cluster, free_port
from refusal import assert_silent_about, refused_start

ANSWER_SECONDS, RECOVERY_SECONDS = 10, 10
SENTENCE = re.compile(r"^latchkey: (?:error|hint): [^\n]*$", re.MULTILINE)
SMALL, RESERVED = 20, 3
MISTAKE = 2
PASSING = 1


def password_of(service) -> str:
    return urlsplit(service.database.owner_url).password


def url_of(service, **changes: str) -> str:
    """The service's URL with parts of it changed: user, password, host, port, database."""
    parts = urlsplit(service.database.owner_url)
    was = {
        "user": parts.username, "password": parts.password, "host": parts.hostname, "port": str(parts.port),
        "database": parts.path[1:],
    }  # fmt: skip
    return "postgresql://{user}:{password}@{host}:{port}/{database}".format(**(was | changes))


def refused(service, url: str | None = None, code: int = MISTAKE) -> str:
    """What was said: one sentence of what is wrong, one of what to do, and no password."""
    if url:
        service.configure(DATABASE_URL=url)
    said = refused_start(service, code)
    sentences = SENTENCE.findall(said)
    assert [sentence.split()[1] for sentence in sentences] == ["error:", "hint:"], said
    assert_silent_about(said + service.run_output(), password_of(service))
    return " ".join(sentences)


@pytest.fixture
def unstarted(make_service):
    return make_service(start=False)


@pytest.fixture
def stopped(make_service):
    """A service that has run, with a key in its database."""
    service = make_service()
    service.client().store("alice", "openai", fake_key())
    service.stop()
    return service


class TestAURL:
    @pytest.mark.parametrize(
        "url",
        [
            "postgresql:",
            "postgresql:/x",
            "postgresql://owner:PASSWORD@127.0.0.1:port/database",
            "postgresql://owner:PASSWORD@127.0.0.1:99999999/database",
            "postgresql://owner:PASSWORD@[127.0.0.1/database",
            "postgresql://owner:PASSWORD%zz@127.0.0.1/database",
            "postgresql://owner:PASSWORD@127.0.0.1/database?no_such_option=1",
            "postgresql://owner:PASSWORD@127.0.0.1/database?sslmode=perhaps",
            "postgresql://owner:PASSWORD@127.0.0.1/database?PASSWORD",
            "postgres ://owner:PASSWORD@127.0.0.1/database",
        ],
    )
    def test_that_is_none(self, unstarted, url):
        refused(unstarted, url.replace("PASSWORD", password_of(unstarted)))

    def test_of_no_server(self, unstarted):
        port = free_port()
        assert str(port) in refused(unstarted, url_of(unstarted, port=str(port)), PASSING)

    def test_of_no_host(self, unstarted):
        refused(unstarted, url_of(unstarted, host="no-such-host.invalid"))

    @pytest.mark.parametrize("password", ["wrong-password-7Qw9", ""])
    def test_with_another_password(self, unstarted, password):
        said = refused(unstarted, url_of(unstarted, password=password))
        assert "password" in said
        assert_silent_about(said, "wrong-password-7Qw9")

    def test_with_no_such_user(self, unstarted):
        said = refused(unstarted, url_of(unstarted, user="nobody-of-this-name"))
        assert "user" in said

    def test_of_no_such_database(self, unstarted):
        assert "database" in refused(unstarted, url_of(unstarted, database="no_such_database"))

    def test_a_password_in_the_wrong_place(self, unstarted):
        """Pasted as user, host or database it must not be said back."""
        for place in ("user", "database", "host"):
            refused(unstarted, url_of(unstarted, **{place: password_of(unstarted), "password": "x"}))

    @pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
    def test_that_is_good(self, unstarted, scheme):
        """Else the refusals above would prove nothing."""
        unstarted.configure(DATABASE_URL=url_of(unstarted).replace("postgresql:", scheme + ":"))
        unstarted.start().stop()
        assert database.is_made(unstarted.database)


def make_certificate(folder, name: str) -> tuple[str, str]:
    """A self-signed certificate for 127.0.0.1 and its key, as text."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out",
            str(certificate),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate.read_text(), key.read_text()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Where certificates lie: `server.crt` is the server's, `other.crt` is not."""
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def tls_cluster(certificates):
    certificate, key = make_certificate(certificates, "server")
    make_certificate(certificates, "other")
    with Cluster() as cluster:
        cluster.give("data/server.crt", certificate)
        cluster.give("data/server.key", key)
        cluster.configure(ssl="on", ssl_cert_file="server.crt", ssl_key_file="server.key")
        yield cluster.restart()


class TestTLS:
    @pytest.fixture
    def behind_tls(self, tls_cluster, make_service):
        return make_service(start=False, database=database.new(cluster=tls_cluster))

    def verify(self, service, root) -> str:
        return database.url_with(service.database.owner_url, sslmode="verify-full", sslrootcert=str(root))

    @pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
    def test_asked_for_and_not_offered(self, unstarted, mode, certificates, tls_cluster):
        root = str(certificates / "server.crt")
        said = refused(unstarted, database.url_with(url_of(unstarted), sslmode=mode, sslrootcert=root))
        assert "TLS" in said and "sslmode" in said

    def test_a_certificate_that_is_trusted(self, behind_tls, certificates):
        behind_tls.configure(DATABASE_URL=self.verify(behind_tls, certificates / "server.crt"))
        client, key = behind_tls.start().client(), fake_key()
        client.store("alice", "openai", key)
        assert expect.success(client.resolve("alice", "openai"))["api_key"] == key
        with database.connect(behind_tls.database) as connection:
            query = """SELECT bool_and(s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
                       WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()"""
            assert connection.execute(query).fetchone() == (True,)

    @pytest.mark.parametrize("root", ["other.crt", "missing.crt", "server.key"])
    def test_a_certificate_that_is_not(self, behind_tls, certificates, root):
        said = refused(behind_tls, self.verify(behind_tls, certificates / root))
        assert "TLS" in said and "sslrootcert" in said

    def test_a_certificate_of_another_host(self, behind_tls, certificates):
        url = self.verify(behind_tls, certificates / "server.crt").replace("@127.0.0.1:", "@localhost:")
        assert "TLS" in refused(behind_tls, url)


@pytest.fixture(scope="module")
def granted(module_service, cluster):
    """A service, not running, with a role that was let in and owns nothing."""
    service = module_service(start=False)
    service.role, password = cluster.new_role()
    assert service.command("migrate", "--grant", service.role).returncode == 0
    service.configure(DATABASE_URL=url_of(service, user=service.role, password=password))
    service.start().stop()
    return service


class TestPrivileges:
    def test_an_empty_database_that_may_not_be_migrated(self, unstarted, cluster):
        name, password = cluster.new_role()
        said = refused(unstarted, url_of(unstarted, user=name, password=password))
        assert "migrate" in said and "--grant" in said
        assert_silent_about(said, password)
        assert not database.is_made(unstarted.database)

    def change(self, service, statement: str):
        with database.connect(service.database) as connection:
            connection.execute(statement.format(role=service.role, name=service.database.name))

    @contextlib.contextmanager
    def changed(self, service, statement: str, back: str):
        """While this lasts, the statement holds; then the service is back to where it starts."""
        self.change(service, statement)
        try:
            yield
        finally:
            self.change(service, back)

    def test_an_older_database_that_may_not_be_migrated(self, make_service, cluster):
        service = make_service(start=False)
        service.role, password = cluster.new_role()
        assert service.command("migrate", "--grant", service.role).returncode == 0
        service.configure(DATABASE_URL=url_of(service, user=service.role, password=password))
        newest = "(SELECT max(version) FROM schema_migrations)"
        self.change(service, f"DELETE FROM schema_migrations WHERE version = {newest}")
        said = refused(service)
        assert "migrate" in said and "--grant" in said

    @pytest.mark.parametrize(
        "missing",
        [
            "SELECT ON schema_migrations", "SELECT ON user_api_keys", "INSERT ON user_api_keys",
            "UPDATE ON user_api_keys", "DELETE ON user_api_keys", "SELECT ON global_api_keys", "INSERT ON audit_events",
            "SELECT ON keyset", "INSERT ON user_settings", "SELECT ON deployment_facts", "UPDATE ON job_leases",
            "USAGE, SELECT ON SEQUENCE audit_events_id_seq", "USAGE, SELECT ON SEQUENCE user_api_keys_id_seq",
            "UPDATE ON access_tokens", "INSERT ON usage_events", "UPDATE ON usage_budgets",
            "DELETE ON usage_reservations", "DELETE ON web_sessions", "USAGE, SELECT ON SEQUENCE usage_events_id_seq",
        ],
    )  # fmt: skip
    def test_one_privilege_less(self, granted, missing):
        with self.changed(granted, f"REVOKE {missing} FROM {{role}}", f"GRANT {missing} TO {{role}}"):
            said = refused(granted)
        assert "--grant" in said

    @pytest.mark.parametrize("place", ["USAGE ON SCHEMA public", "CONNECT ON DATABASE {name}"])
    def test_not_even_let_in(self, granted, place):
        with self.changed(granted, f"REVOKE {place} FROM PUBLIC", f"GRANT {place} TO PUBLIC"):
            refused(granted)

    def test_granting_again_mends_it(self, granted):
        self.change(granted, "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}")
        refused(granted)
        mended = granted.command("migrate", "--grant", granted.role, DATABASE_URL=granted.database.owner_url)
        assert mended.returncode == 0, mended.stderr
        granted.start().stop()


class TestConnections:
    def test_of_the_role(self, stopped, cluster):
        owner = stopped.database.name + "_owner"
        cluster.sql(f"ALTER ROLE {owner} CONNECTION LIMIT 0")
        assert "connection" in refused(stopped, code=PASSING)

    def test_of_the_database(self, stopped, cluster):
        cluster.sql(f"ALTER DATABASE {stopped.database.name} CONNECTION LIMIT 0")
        assert "connection" in refused(stopped, code=PASSING)

    @pytest.fixture
    def small_cluster(self):
        with Cluster(max_connections=str(SMALL), superuser_reserved_connections=str(RESERVED)) as cluster:
            yield cluster

    def test_of_the_server(self, small_cluster, make_service):
        service = make_service(database=database.new(cluster=small_cluster))
        client, key = service.client(), fake_key()
        client.store("alice", "openai", key)
        service.stop()
        other = small_cluster.new_database()
        with contextlib.ExitStack() as held:
            for _ in range(SMALL - RESERVED):
                held.enter_context(small_cluster.connect(other))
            said = refused(service, code=PASSING)
            assert "max_connections" in said and "LATCHKEY_DATABASE_CONNECTIONS" in said
        assert expect.success(service.start().client().resolve("alice", "openai"))["api_key"] == key

    def test_fewer_than_the_service_wants(self, make_service, cluster):
        """Whatever it makes of them, it answers: with a sentence at start, or each request in time."""
        service = make_service(start=False)
        cluster.sql(f"ALTER ROLE {service.database.name}_owner CONNECTION LIMIT 6")
        service.launch()
        match = wait_until(service.listening_or_ended, 30, "a start")
        if match is True:
            assert service.process.wait() == 2 and "latchkey: hint:" in service.run_errors()
            return
        service.port = int(match.group(2))
        client = service.client()
        for number in range(50):
            answer = within_time(lambda: client.set("alice", "openai", fake_key(), validate=False))
            assert answer.status_code == 200, f"set {number}: {answer.text}"
            expect.success(client.resolve("alice", "openai"))


class TestReadOnly:
    def test_by_the_database(self, stopped, cluster):
        cluster.sql(f"ALTER DATABASE {stopped.database.name} SET default_transaction_read_only = on")
        assert "read-only" in refused(stopped, code=PASSING)

    def test_by_the_role_of_an_empty_database(self, unstarted, cluster):
        cluster.sql(f"ALTER ROLE {unstarted.database.name}_owner SET default_transaction_read_only = on")
        assert "read-only" in refused(unstarted, code=PASSING)


# While it runs.


def within_time(call):
    """The answer, which must come within ANSWER_SECONDS."""
    began = time.monotonic()
    answer = call()
    seconds = time.monotonic() - began
    assert seconds < ANSWER_SECONDS, f"answered {answer.status_code} after {seconds:.1f} s"
    return answer


class TestWhileItRuns:
    """Each trouble makes a 503 in time, of which the client learns nothing; when it is over, the service goes on."""

    @pytest.fixture
    def running(self, make_service):
        service = make_service()
        self.key = fake_key()
        service.client().store("alice", "openai", self.key)
        return service

    def admin(self, service, *statements: str):
        with database.connect(service.database) as connection:
            for statement in statements:
                connection.execute(statement.format(owner=service.database.name + "_owner", name=service.database.name))

    END_CONNECTIONS = (
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    )

    TROUBLES = {
        "a table is away": (
            ["ALTER TABLE user_api_keys RENAME TO gone"], ["ALTER TABLE gone RENAME TO user_api_keys"],
        ),
        "a column is away": (
            ["ALTER TABLE user_api_keys RENAME salt TO gone"], ["ALTER TABLE user_api_keys RENAME gone TO salt"],
        ),
        "the audit log is away": (
            ["ALTER TABLE audit_events RENAME TO gone"], ["ALTER TABLE gone RENAME TO audit_events"],
        ),
        "an audit event breaks a constraint": (
            ["ALTER TABLE audit_events ADD CONSTRAINT never CHECK (false) NOT VALID"],
            ["ALTER TABLE audit_events DROP CONSTRAINT never"],
        ),
        "a privilege is away": (
            ["ALTER TABLE user_api_keys OWNER TO postgres", "ALTER TABLE audit_events OWNER TO postgres"],
            ["ALTER TABLE user_api_keys OWNER TO {owner}", "ALTER TABLE audit_events OWNER TO {owner}"],
        ),
        "the role may not log in": (
            ["ALTER ROLE {owner} NOLOGIN", END_CONNECTIONS], ["ALTER ROLE {owner} LOGIN"],
        ),
        "no connection is left": (
            ["ALTER ROLE {owner} CONNECTION LIMIT 0", END_CONNECTIONS], ["ALTER ROLE {owner} CONNECTION LIMIT -1"],
        ),
        "it is read-only": (
            ["ALTER DATABASE {name} SET default_transaction_read_only = on", END_CONNECTIONS],
            ["SET default_transaction_read_only = off", "ALTER DATABASE {name} RESET default_transaction_read_only"],
        ),
    }  # fmt: skip

    @pytest.mark.parametrize("trouble", TROUBLES)
    def test_a_trouble_that_passes(self, running, trouble):
        begin, end = self.TROUBLES[trouble]
        client = running.client()
        self.admin(running, *begin)
        for call in (
            lambda: client.set("alice", "openai", fake_key(), validate=False),
            lambda: client.resolve("alice", "openai"),
            lambda: client.set("bob", "openai", fake_key(), validate=False),
        ):
            body = expect.problem(within_time(call), 503, "store_unavailable")
            port = f"port {running.database.cluster.port}"
            assert_silent_about(str(body), self.key, password_of(running), port, running.database.name)
        self.admin(running, *end)
        wait_until(lambda: client.resolve("alice", "openai").status_code == 200, RECOVERY_SECONDS, "recovery")
        assert expect.success(client.resolve("alice", "openai"))["api_key"] == self.key
        client.store("bob", "openai", fake_key())
        assert running.is_running() and running.runs == 1
        assert_silent_about(running.run_errors(), self.key, password_of(running))

    def test_a_lock_that_somebody_holds(self, running):
        client, after = running.client(), fake_key()
        with database.connect(running.database) as connection, database.locked(connection):
            expect.problem(
                within_time(lambda: client.set("alice", "openai", after, validate=False)), 503, "store_unavailable"
            )
        assert expect.success(client.resolve("alice", "openai"))["api_key"] == self.key
        client.store("alice", "openai", after)
        assert expect.success(client.resolve("alice", "openai"))["api_key"] == after
