"""A reference system's table `user_api_keys`, written with SQLAlchemy and `cryptography` as such a system writes it."""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy
from cryptography.fernet import Fernet
from sqlalchemy import Boolean, Column, DateTime, Integer, MetaData, String, Table, Text, UniqueConstraint, func

SECRET = "an old secret, of which every deployment has another"
VARIABLE = "OLD_SECRET"
TRUNCATED, FLIPPED, IN_THE_CLEAR = "truncated", "flipped", "in the clear"


@dataclass
class Row:
    user: str
    provider: str
    key: str
    poison: str | None = None


def reference_table(user_type=None, key_type=None, name: str = "user_api_keys") -> Table:
    """The reference system's columns."""
    return Table(
        name,
        MetaData(),
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("user_id", user_type or String(64), nullable=False),
        Column("provider", String(50), nullable=False),
        Column("encrypted_key", key_type or Text, nullable=False),
        Column("key_hash", String(255), nullable=False),
        Column("is_valid", Boolean, server_default=sqlalchemy.false()),
        Column("last_validated", DateTime),
        Column("created_at", DateTime, server_default=func.now()),
        Column("updated_at", DateTime, server_default=func.now()),
        UniqueConstraint("user_id", "provider"),
    )


def fernet_key(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw)


def sha256_user(user: str) -> bytes:
    """The derivation `sha256-user`."""
    return fernet_key(hashlib.sha256((SECRET + user).encode()).digest())


def token(row: Row, derive) -> str:
    sealed = Fernet(derive(row.user)).encrypt(row.key.encode()).decode()
    if row.poison == TRUNCATED:
        return sealed[: len(sealed) // 2]
    if row.poison == FLIPPED:
        raw = bytearray(base64.urlsafe_b64decode(sealed))
        raw[-1] ^= 1
        return base64.urlsafe_b64encode(bytes(raw)).decode()
    return row.key if row.poison == IN_THE_CLEAR else sealed


class OldDatabase:
    """Where the old table is."""

    def __init__(self, url: str):
        self.url = url
        self.engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))

    def write(
        self, rows: list[Row], derive=sha256_user, table: Table | None = None, user=str, sealed=str
    ) -> "OldDatabase":
        """Makes the table and its rows; `user` and `sealed` turn texts into what the columns hold."""
        table = reference_table() if table is None else table
        values = [
            {
                "user_id": user(row.user),
                "provider": row.provider,
                "encrypted_key": sealed(token(row, derive)),
                "key_hash": hashlib.sha256(row.key.encode()).hexdigest(),
            }
            for row in rows
        ]
        table.metadata.create_all(self.engine)
        with self.engine.begin() as connection:
            connection.execute(table.insert(), values)
        return self

    def contents(self) -> list:
        """Every row with every column; on PostgreSQL with the hidden columns that each write changes."""
        hidden = "ctid::text, xmin::text, " if self.engine.dialect.name == "postgresql" else ""
        with self.engine.connect() as connection:
            found = connection.execute(sqlalchemy.text(f"SELECT {hidden}* FROM user_api_keys ORDER BY id")).fetchall()
        return [tuple(row) for row in found]

    def close(self):
        self.engine.dispose()


def sqlite(folder: Path) -> OldDatabase:
    return OldDatabase(f"sqlite:///{folder}/old.db")


def postgresql(cluster) -> OldDatabase:
    return OldDatabase(cluster.new_database())
