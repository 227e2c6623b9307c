"""Makes the vectors beside this file with Python's `cryptography` and `hashlib`, none of our code:

    python3 Tests/LatchkeyImportTests/Vectors/make.py

IVs and times are fixed, so that the files are the same each time. Each derivation is the one line of Python that
docs/import.md has for it.
"""

import base64
import hashlib
import json
from pathlib import Path

import cryptography
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

HERE = Path(__file__).parent
MADE = f"by make.py with cryptography {cryptography.__version__}"
IV, TIME = bytes(range(16)), 1_700_000_000
PLAINTEXT = b"sk-vector-0123456789abcdefghij"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def pbkdf2(secret: bytes, salt: bytes, iterations: int = 100_000) -> bytes:
    return PBKDF2HMAC(hashes.SHA256(), 32, salt, iterations).derive(secret)


def hkdf(secret: bytes, salt: bytes | None, info: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt, info).derive(secret)


def seal(key: bytes, time: int = TIME, plaintext: bytes = PLAINTEXT) -> str:
    return Fernet(b64(key))._encrypt_from_parts(plaintext, time, IV).decode()


DERIVATIONS = [
    ("raw", {}, lambda s, u: base64.urlsafe_b64decode(s)),
    ("sha256", {}, lambda s, u: sha(s)),
    ("sha256-user", {}, lambda s, u: sha(s + u)),
    ("sha256-user-colon", {}, lambda s, u: sha(s + b":" + u)),
    ("sha256-user-underscore", {}, lambda s, u: sha(s + b"_" + u)),
    ("sha256-user-hyphen", {}, lambda s, u: sha(s + b"-" + u)),
    ("sha256-user-first", {}, lambda s, u: sha(u + s)),
    ("sha256-user-first-colon", {}, lambda s, u: sha(u + b":" + s)),
    ("sha256-user-first-underscore", {}, lambda s, u: sha(u + b"_" + s)),
    ("sha256-user-first-hyphen", {}, lambda s, u: sha(u + b"-" + s)),
    ("pbkdf2", {}, lambda s, u: pbkdf2(s, u)),
    ("pbkdf2", {"iterations": 390_000}, lambda s, u: pbkdf2(s, u, 390_000)),
    ("pbkdf2", {"iterations": 7, "salt": "app:{user_id}:v1"}, lambda s, u: pbkdf2(s, b"app:" + u + b":v1", 7)),
    ("pbkdf2", {"iterations": 7, "salt": "fixed"}, lambda s, u: pbkdf2(s, b"fixed", 7)),
    ("pbkdf2", {"iterations": 7, "salt": "sha256:k_{user_id}"}, lambda s, u: pbkdf2(s, sha(b"k_" + u)[:16], 7)),
    ("pbkdf2-salt", {}, lambda s, u: pbkdf2(s, b"salt")),
    ("pbkdf2-salt", {"iterations": 480_000}, lambda s, u: pbkdf2(s, b"salt", 480_000)),
    ("pbkdf2-hashed-user", {}, lambda s, u: pbkdf2(s, sha(u)[:16])),
    ("hkdf", {}, lambda s, u: hkdf(s, None, u)),
    ("hkdf", {"info": "app-{user_id}"}, lambda s, u: hkdf(s, None, b"app-" + u)),
    ("hkdf-user-salt", {}, lambda s, u: hkdf(s, u, b"")),
    ("hkdf-user-salt", {"info": "app"}, lambda s, u: hkdf(s, u, b"app")),
    ("hkdf-plain", {}, lambda s, u: hkdf(s, None, b"")),
    ("hkdf-plain", {"salt": "s", "info": "i"}, lambda s, u: hkdf(s, b"s", b"i")),
    ("pad32", {}, lambda s, u: s.ljust(32, b"0")[:32]),
]
SECRETS = ["correct horse battery staple", "short", "s\u00e4kret-longer-than-thirty-two-bytes-\u2603"]
USERS = ["alice", "3f2b9c1e-7a54-4d0e-9a3b-0c6f1d2e8a77", "17", "caf\u00e9"]


def derivations() -> list[dict]:
    cases = []
    for number, (name, options, derive) in enumerate(DERIVATIONS):
        # Slow ones once, the others for every secret and user.
        slow = name.startswith("pbkdf2") and options.get("iterations", 100_000) > 1000
        secrets = [b64(sha(b"a Fernet key"))] if name == "raw" else SECRETS
        for secret in secrets[:1] if slow else secrets:
            for user in USERS[number % 4 :][:1] if slow else USERS:
                key = derive(secret.encode(), user.encode())
                cases.append(
                    {
                        "derivation": name,
                        **options,
                        "secret": secret,
                        "user_id": user,
                        "key": b64(key),
                        "token": seal(key),
                    }
                )
    return cases


def flipped(token: str, place: int, bit: int = 1) -> str:
    raw = bytearray(base64.urlsafe_b64decode(token))
    raw[place] ^= bit
    return b64(bytes(raw))


def tokens() -> list[dict]:
    """What stands in `encrypted_key`, and whether it is to open.

    `Fernet.decrypt` agrees once bytea and the second base64 are undone, but for two tokens in a row: it reads one.
    """
    key = sha(b"poison")
    good = seal(key)
    raw = base64.urlsafe_b64decode(good)
    cases = [
        ("good", good, True),
        ("future timestamp", seal(key, 2**40), True),
        ("the last timestamp there is", seal(key, 2**64 - 1), True),
        ("timestamp zero", seal(key, 0), True),
        ("with a line end", good + "\n", True),
        ("as PostgreSQL shows bytea", "\\x" + good.encode().hex(), True),
        ("in base64 once more", b64(good.encode()), True),
        ("in standard base64 once more", base64.b64encode(good.encode()).decode(), True),
        ("empty", "", False),
        ("blanks", "   ", False),
        ("not base64", "this is no token at all!", False),
        ("truncated by one character", good[:-1], False),
        ("truncated by four characters", good[:-4], False),
        ("truncated to its header", b64(raw[:25]), False),
        ("a block missing", b64(raw[:41] + raw[57:]), False),
        ("without padding", good.rstrip("="), False),
        ("wrong version", flipped(good, 0), False),
        ("flipped MAC", flipped(good, -1), False),
        ("flipped ciphertext", flipped(good, 30), False),
        ("flipped IV", flipped(good, 9), False),
        ("flipped timestamp", flipped(good, 8), False),
        ("sealed with another key", seal(sha(b"other")), False),
        ("the key in the clear", PLAINTEXT.decode(), False),
        ("two tokens", good + good, False),
        ("as Python's repr of bytes", str(good.encode()), False),
        ("hex that is cut off", "\\x" + good.encode().hex()[:-1], False),
    ]
    return [{"name": name, "column": column, "opens": opens} for name, column, opens in cases]


def librechat() -> dict:
    key, iv = sha(b"librechat"), bytes(range(100, 116))

    def cbc(text: str, vector: bytes) -> str:
        padder = padding.PKCS7(128).padder()
        encryptor = Cipher(algorithms.AES256(key), modes.CBC(vector)).encryptor()
        return (encryptor.update(padder.update(text.encode()) + padder.finalize()) + encryptor.finalize()).hex()

    def ctr(text: str, vector: bytes) -> str:
        return Cipher(algorithms.AES256(key), modes.CTR(vector)).encryptor().update(text.encode()).hex()

    plain = [
        "k",
        "sk-librechat-0123456789abcdef",
        json.dumps({"apiKey": "sk-x", "baseURL": ""}),
        "caf\u00e9 \u2603" * 20,
    ]
    # A counter that runs over shows whether all of its 128 bits count.
    vectors = [IV, b"\xff" * 16]
    cases = []
    for text in plain:
        cases.append({"form": "v1", "value": cbc(text, iv), "plaintext": text})
        for vector in vectors:
            cases.append({"form": "v2", "value": f"{vector.hex()}:{cbc(text, vector)}", "plaintext": text})
            cases.append({"form": "v3", "value": f"v3:{vector.hex()}:{ctr(text, vector)}", "plaintext": text})
    return {"creds_key": key.hex(), "creds_iv": iv.hex(), "cases": cases}


def write(name: str, content: dict):
    text = json.dumps({"made": MADE, **content}, indent=1, ensure_ascii=True)
    (HERE / name).write_text(text + "\n", encoding="utf-8")


write("derivations.json", {"plaintext": PLAINTEXT.decode(), "cases": derivations()})
write("tokens.json", {"key": b64(sha(b"poison")), "plaintext": PLAINTEXT.decode(), "cases": tokens()})
write("librechat.json", librechat())
