"""`latchkey import env`, `csv` and `librechat`: keys out of files, each once, and what is wrong with the file said."""

import json
import os
import re
import secrets
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import database
import expect
from client import fake_key
from needles import assert_absent

SUMMARY = re.compile(
    r"^(\d+) (?:stored|would be stored)(?:, (\d+) already there, (\d+) kept)?(?:, (\d+) would not open)?, (\d+) not",
    re.M,
)


@pytest.fixture
def stopped(make_service):
    """A Latchkey that is configured but does not run."""
    return make_service(start=False)


def private(service, name: str, content: str | bytes) -> str:
    path = service.folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(0o600)
    return str(path)


def counts(done) -> tuple[int, ...]:
    """Stored, already there, kept, would not open, not imported."""
    found = SUMMARY.search(done.stdout)
    assert found, done.stdout + done.stderr
    return tuple(int(number or 0) for number in found.groups())


def key_of(client, user: str, provider: str, name: str | None = None) -> str:
    return expect.success(client.resolve(user, provider, name))["api_key"]


class TestEnv:
    def test_global_keys(self, stopped):
        openai, groq = fake_key(), fake_key()
        path = private(
            stopped, ".env",
            f"# keys\r\nexport OPENAI_API_KEY='{openai}' # ours\r\nGROQ_API_KEY={groq}\r\nDATABASE_PASSWORD=hunter2\r\n",
        )  # fmt: skip
        dry = stopped.command("import", "env", path, "--dry-run")
        assert dry.returncode == 0 and counts(dry)[0] == 2 and not database.is_made(stopped.database)
        done = stopped.command("import", "env", path)
        assert done.returncode == 0 and counts(done) == (2, 0, 0, 0, 0)
        assert "skipped, no provider has them: DATABASE_PASSWORD" in done.stdout and done.stderr == ""
        again = stopped.command("import", "env", path)
        assert again.returncode == 0 and counts(again) == (0, 2, 0, 0, 0)
        output = (dry.stdout + done.stdout + again.stdout + done.stderr).encode()
        assert_absent({"openai": openai.encode(), "groq": groq.encode()}, {"output": output})
        assert b"hunter2" not in output
        client = stopped.start().client()
        for provider, key in (("openai", openai), ("groq", groq)):
            body = expect.success(client.resolve("anybody", provider))
            assert (body["source"], body["api_key"]) == ("global", key)

    def test_one_users_own(self, stopped):
        key = fake_key()
        done = stopped.command("import", "env", private(stopped, ".env", f"OPENAI_API_KEY={key}"), "--user", "alice")
        assert done.returncode == 0 and counts(done) == (1, 0, 0, 0, 0)
        client = stopped.start().client()
        assert expect.success(client.resolve("alice", "openai"))["source"] == "user"
        expect.problem(client.resolve("bob", "openai"), 404, "key_not_found")

    def test_what_cannot_be_imported_is_said_and_the_rest_goes_on(self, stopped):
        key = fake_key()
        path = private(
            stopped,
            ".env",
            f"broken\nMISTRAL_API_KEY=${{OTHER}}\nAZURE_OPENAI_API_KEY=abc\nOPENAI_API_KEY={key}\nXAI_API_KEY='open\n",
        )
        done = stopped.command("import", "env", path)
        assert done.returncode == 1 and counts(done) == (1, 0, 0, 0, 4)
        for line in ("line 1  not imported", "line 5  not imported", "MISTRAL_API_KEY  mistral  not imported"):
            assert line in done.stdout
        assert re.search(r"AZURE_OPENAI_API_KEY .*needs the field resource", done.stdout)
        assert key_of(stopped.start().client(), "anybody", "openai") == key

    def test_a_newer_key_is_kept(self, stopped):
        old, new = fake_key(), fake_key()
        assert stopped.command("import", "env", private(stopped, "new.env", f"OPENAI_API_KEY={new}")).returncode == 0
        path = private(stopped, "old.env", f"OPENAI_API_KEY={old}")
        assert counts(stopped.command("import", "env", path)) == (0, 0, 1, 0, 0)
        assert counts(stopped.command("import", "env", path, "--replace")) == (1, 0, 0, 0, 0)

    def test_a_file_that_others_can_read_is_warned_of(self, stopped):
        path = private(stopped, ".env", f"OPENAI_API_KEY={fake_key()}")
        os.chmod(path, 0o640)
        done = stopped.command("import", "env", path)
        assert done.returncode == 0 and re.match(r"latchkey: warning: .*mode 640", done.stderr)

    @pytest.mark.parametrize("path", ["absent", "."])
    def test_no_file(self, stopped, path):
        done = stopped.command("import", "env", path)
        assert done.returncode == 2 and "latchkey: error: " in done.stderr and not database.is_made(stopped.database)


class TestCSV:
    def test_a_file_of_users(self, stopped):
        keys = [fake_key() for _ in range(4)]
        later = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
        path = private(
            stopped, "keys.csv",
            "\ufeffuser_id,provider,api_key,name,label,expires_at\r\n"
            f"alice,openai,{keys[0]},,\"at work, \"\"mostly\"\"\",{later}\r\n"
            f"alice,OpenAI,{keys[1]},second,,\r\n"
            f"\"caf\u00e9, 1\",anthropic,\"{keys[2]}\",,,\r\n"
            f"bob,mine,{keys[3]},,,",
        )  # fmt: skip
        dry = stopped.command("import", "csv", path, "--dry-run", "--provider-map", "mine=groq")
        assert dry.returncode == 0 and counts(dry)[0] == 4 and not database.is_made(stopped.database)
        done = stopped.command("import", "csv", path, "--provider-map", "mine=groq")
        assert done.returncode == 0 and counts(done) == (4, 0, 0, 0, 0)
        assert counts(stopped.command("import", "csv", path, "--provider-map", "mine=groq")) == (0, 4, 0, 0, 0)
        assert_absent(
            {key: key.encode() for key in keys}, {"output": (dry.stdout + done.stdout + done.stderr).encode()}
        )
        client = stopped.start().client()
        assert key_of(client, "alice", "openai") == keys[0]
        assert key_of(client, "alice", "openai", "second") == keys[1]
        assert key_of(client, "caf\u00e9, 1", "anthropic") == keys[2]
        assert key_of(client, "bob", "groq") == keys[3]
        shown = next(key for key in client.status("alice")["keys"] if key["name"] == "default")
        assert (shown["label"], shown["expires_at"]) == ('at work, "mostly"', later)

    def test_bad_lines_are_told_by_number_and_the_others_stored(self, stopped):
        keys = [fake_key() for _ in range(3)]
        lines = [
            "user_id,provider,api_key,base_url,expires_at", f"alice,openai,{keys[0]},,", "alice,nope,k-1,,", "bob,openai,,,",
            f'bob,"openai,{fake_key()},,', f"carol,openai,{keys[1]},,", "dave,openai,two words,,",
            "erin,openai,k-2,https://evil.example,", "frank,openai,k-3,,2001-01-01T00:00:00Z", "too,few",
            f"grace,openai,{keys[2]},,",
        ]  # fmt: skip
        done = stopped.command(
            "import", "csv", private(stopped, "keys.csv", "\n".join(lines)), "--report", "report.csv"
        )
        assert done.returncode == 1 and counts(done) == (3, 0, 0, 0, 7)
        bad = re.findall(r"^line (\d+) .*not imported: ", done.stdout, re.M)
        assert bad == ["3", "4", "5", "7", "8", "9", "10"]
        assert (stopped.folder / "report.csv").read_text().count("refused") == 7
        client = stopped.start().client()
        for user, key in zip(("alice", "carol", "grace"), keys, strict=True):
            assert key_of(client, user, "openai") == key

    def test_of_a_key_that_stands_there_twice_the_first_is_taken(self, stopped):
        first, second = fake_key(), fake_key()
        path = private(stopped, "keys.csv", f"user_id,provider,api_key\nalice,openai,{first}\nalice,openai,{second}\n")
        for expected in ((1, 0, 1, 0, 0), (0, 1, 1, 0, 0)):
            assert counts(stopped.command("import", "csv", path)) == expected
        assert key_of(stopped.start().client(), "alice", "openai") == first

    @pytest.mark.parametrize(
        "header", ["", "user_id,provider", "user_id,provider,api_key,nonsense", "alice,openai,sk-1"]
    )
    def test_a_header_that_is_none(self, stopped, header):
        done = stopped.command("import", "csv", private(stopped, "keys.csv", header))
        assert done.returncode == 2 and "user_id, provider, api_key" in done.stderr
        assert not database.is_made(stopped.database)

    def test_a_pipe_will_do(self, stopped):
        """Keys need not lie on a disk."""
        key = fake_key()
        done = stopped.command("import", "csv", "/dev/stdin", stdin=f"user_id,provider,api_key\nalice,openai,{key}\n")
        assert done.returncode == 0 and counts(done) == (1, 0, 0, 0, 0), done.stderr


class LibreChat:
    """Seals as LibreChat does, in its three forms."""

    def __init__(self):
        self.key, self.iv = secrets.token_bytes(32), secrets.token_bytes(16)
        self.settings = {"CREDS_KEY": self.key.hex(), "CREDS_IV": self.iv.hex()}

    def cbc(self, text: str, iv: bytes) -> str:
        padder = padding.PKCS7(128).padder()
        encryptor = Cipher(algorithms.AES256(self.key), modes.CBC(iv)).encryptor()
        return (encryptor.update(padder.update(text.encode()) + padder.finalize()) + encryptor.finalize()).hex()

    def sealed(self, text: str, form: str) -> str:
        iv = secrets.token_bytes(16)
        if form == "v1":
            return self.cbc(text, self.iv)
        if form == "v2":
            return f"{iv.hex()}:{self.cbc(text, iv)}"
        return f"v3:{iv.hex()}:{Cipher(algorithms.AES256(self.key), modes.CTR(iv)).encryptor().update(text.encode()).hex()}"

    def document(self, user: str, name: str, text: str, form: str = "v1", expires: str | None = None) -> dict:
        return {
            "_id": {"$oid": secrets.token_hex(12)},
            "userId": {"$oid": user},
            "name": name,
            "value": self.sealed(text, form),
            "__v": 0,
            **({"expiresAt": {"$date": expires}} if expires else {}),
        }


class TestLibreChat:
    ALICE, BOB = "64f0c0ffee00000000000001", "64f0c0ffee00000000000002"

    @pytest.mark.parametrize("form", ["v1", "v2", "v3"])
    @pytest.mark.parametrize("is_array", [False, True], ids=["lines", "array"])
    def test_an_export(self, stopped, form, is_array):
        chat = LibreChat()
        openai, assistant, google, azure, mistral = (fake_key() for _ in range(5))
        parts = {
            "azureOpenAIApiKey": azure,
            "azureOpenAIApiInstanceName": "unit",
            "azureOpenAIApiVersion": "2024-02-01",
        }
        later = (datetime.now(UTC) + timedelta(hours=12)).strftime("%Y-%m-%dT%H:%M:%S.123Z")
        documents = [
            chat.document(self.ALICE, "openAI", json.dumps({"apiKey": openai, "baseURL": ""}), form, later),
            chat.document(self.ALICE, "assistants", json.dumps({"apiKey": assistant}), form),
            chat.document(self.ALICE, "google", json.dumps({"GOOGLE_API_KEY": google}), form),
            chat.document(self.BOB, "azureOpenAI", json.dumps({"apiKey": json.dumps(parts), "baseURL": ""}), form),
            chat.document(self.BOB, "Mistral", mistral, form),
        ]
        text = json.dumps(documents, indent=1) if is_array else "".join(json.dumps(line) + "\n" for line in documents)
        path = private(stopped, "keys.json", text)
        dry = stopped.command("import", "librechat", path, "--dry-run", **chat.settings)
        assert dry.returncode == 0 and counts(dry)[0] == 5 and not database.is_made(stopped.database), dry.stdout
        done = stopped.command("import", "librechat", path, **chat.settings)
        assert done.returncode == 0 and counts(done) == (5, 0, 0, 0, 0), done.stdout
        assert counts(stopped.command("import", "librechat", path, **chat.settings)) == (0, 5, 0, 0, 0)
        found = {name: key.encode() for name, key in (("openai", openai), ("azure", azure), ("creds", chat.key.hex()))}
        assert_absent(found, {"output": (dry.stdout + done.stdout + done.stderr).encode()})
        client = stopped.start().client()
        assert key_of(client, self.ALICE, "openai") == openai
        assert key_of(client, self.ALICE, "openai", "assistants") == assistant
        assert key_of(client, self.ALICE, "gemini") == google
        assert key_of(client, self.BOB, "mistral") == mistral
        body = expect.success(client.resolve(self.BOB, "azure-openai"))
        assert (body["api_key"], body["fields"]) == (azure, {"resource": "unit"})
        shown = next(
            key for key in client.status(self.ALICE)["keys"] if key["name"] == "default" and key["provider"] == "openai"
        )
        assert shown["expires_at"] == later.replace(".123", "")

    def test_what_cannot_be_imported_is_said(self, stopped):
        chat, good = LibreChat(), fake_key()
        past = "2001-01-01T00:00:00Z"
        documents = [
            chat.document(self.ALICE, "openAI", good),
            chat.document(self.ALICE, "nobody-knows", fake_key()),
            chat.document(self.ALICE, "google", json.dumps({"GOOGLE_SERVICE_KEY": {"private_key": "x"}})),
            chat.document(self.ALICE, "groq", fake_key(), expires=past),
            chat.document(
                self.ALICE, "Mistral", json.dumps({"apiKey": fake_key(), "baseURL": "https://proxy.example/v1"})
            ),
            {**chat.document(self.ALICE, "xai", fake_key()), "value": "00ff"},
            LibreChat().document(self.ALICE, "cohere", fake_key()),
        ]
        lines = [json.dumps(line) for line in documents]
        path = private(stopped, "keys.json", "\n".join([lines[0], '{"broken": ', *lines[1:]]))
        done = stopped.command("import", "librechat", path, **chat.settings)
        assert done.returncode == 1 and counts(done) == (1, 0, 0, 2, 5), done.stdout
        assert re.search(r"^line 2  not imported: ", done.stdout, re.M)
        assert re.search(
            rf"^key {documents[1]['_id']['$oid']}  {self.ALICE}  nobody-knows  not imported: ", done.stdout, re.M
        )
        assert key_of(stopped.start().client(), self.ALICE, "openai") == good

    def test_its_settings(self, stopped):
        chat = LibreChat()
        path = private(stopped, "keys.json", json.dumps(chat.document(self.ALICE, "openAI", fake_key())))
        for settings in ({}, {"CREDS_KEY": "short"}, {**chat.settings, "CREDS_IV": "short"}):
            done = stopped.command("import", "librechat", path, **settings)
            assert done.returncode == 2 and "CREDS_" in done.stderr and not database.is_made(stopped.database)
            assert chat.key.hex() not in done.stderr
        without_iv = stopped.command("import", "librechat", path, CREDS_KEY=chat.settings["CREDS_KEY"])
        assert without_iv.returncode == 1 and counts(without_iv) == (0, 0, 0, 1, 0) and "CREDS_IV" in without_iv.stdout
        file = private(stopped, "creds-key", chat.settings["CREDS_KEY"] + "\n")
        done = stopped.command(
            "import", "librechat", path, CREDS_KEY=f"file:{file}", CREDS_IV=chat.settings["CREDS_IV"]
        )
        assert done.returncode == 0 and counts(done) == (1, 0, 0, 0, 0)


class TestHelp:
    @pytest.mark.parametrize("command", ["reference", "env", "csv", "librechat"])
    def test_no_command_takes_a_secret_as_an_argument(self, stopped, command):
        shown = stopped.command("import", command, "--help").stdout
        assert "--dry-run" in shown and not re.search(r"--(secret|key|api-key|password|creds\S*)\b(?!-env)", shown)
