"""Seals keys as docs/record-format.md says, without the service: many rows at once, as a database of some age holds."""

import base64
import hmac
import json
import secrets
import struct
import time

from cryptography.fernet import Fernet

COLUMNS = (
    "user_id", "provider", "name", "encrypted_key", "key_hash", "key_hint", "kind", "label", "base_url", "suite",
    "root_kid", "row_version", "salt", "verdict", "is_valid", "created_at", "updated_at",
)  # fmt: skip
PADDING = 256


def length_prefixed(part: bytes) -> bytes:
    return struct.pack(">I", len(part)) + part


def context(label: bytes, *fields: bytes) -> bytes:
    head = length_prefixed(b"latchkey/v1") + length_prefixed(label) + struct.pack(">I", len(fields))
    return head + b"".join(map(length_prefixed, fields))


def derive(key: bytes, label: bytes, *fields: bytes) -> bytes:
    return hmac.digest(key, context(label, *fields) + b"\x01", "sha256")


def read_root(text: str) -> tuple[int, bytes]:
    _, kid, key, _ = text.split(":")
    return int(kid), base64.urlsafe_b64decode(key + "=")


def sealed(root: str, user: str, provider: str, name: str, secret: str, base_url: str) -> tuple:
    """The columns of one row of `user_api_keys`, in the order of COLUMNS."""
    kid, key = read_root(root)
    number, version, salt = struct.pack(">I", kid), 1, secrets.token_bytes(32)
    owner_key = derive(key, b"user", number, user.encode())
    record_key = derive(
        owner_key, b"record", number, b"user_api_keys", user.encode(), provider.encode(), name.encode(), b"credential",
        b"\x01", struct.pack(">Q", version), salt,
    )  # fmt: skip
    members = {"base_url": base_url, "expires_at": None, "fields": {}, "kind": "api_key", "secret": secret, "v": 1}
    payload = json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()
    payload += b" " * (-len(payload) % PADDING)
    token = Fernet(base64.urlsafe_b64encode(record_key)).encrypt(payload).decode()
    blind_index = derive(owner_key, b"blind-index", number)
    key_hash = hmac.digest(blind_index, context(b"key-hash", provider.encode(), secret.encode()), "sha256").hex()
    now = time.strftime("%Y-%m-%d %H:%M:%S.000000", time.gmtime())
    return (
        user, provider, name, token, key_hash, secret[-4:], "api_key", None, base_url, 1, kid, version, salt.hex(),
        "unknown", False, now, now,
    )  # fmt: skip


def insert(connection, rows):
    """Writes rows into an SQLite database, in one transaction."""
    marks = ", ".join("?" for _ in COLUMNS)
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(f"INSERT INTO user_api_keys ({', '.join(COLUMNS)}) VALUES ({marks})", rows)
    connection.execute("COMMIT")
