"""JWTs: good ones through PyJWT, odd ones by hand."""

import base64
import hashlib
import hmac
import json
import time

import jwt


def mint(secret: str, user: str, algorithm: str = "HS256", seconds: int = 3600, **claims) -> str:
    """A token the service should take, unless `claims` spoil it."""
    now = int(time.time())
    return jwt.encode({"sub": user, "iat": now, "exp": now + seconds, **claims}, secret, algorithm=algorithm)


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def as_bytes(part) -> bytes:
    """A dict becomes JSON; text and bytes stay as they are, so that they can be wrong."""
    if isinstance(part, bytes):
        return part
    return (part if isinstance(part, str) else json.dumps(part)).encode("utf-8", "surrogatepass")


def sign(signing_input: str, secret: str | bytes, digest=hashlib.sha256) -> str:
    key = secret if isinstance(secret, bytes) else secret.encode()
    return b64url(hmac.new(key, signing_input.encode("latin-1"), digest).digest())


def forge(secret: str | bytes, claims, header=None, digest=hashlib.sha256) -> str:
    """A token of exactly these bytes, rightly signed with `secret`."""
    header = {"alg": "HS256", "typ": "JWT"} if header is None else header
    signing_input = f"{b64url(as_bytes(header))}.{b64url(as_bytes(claims))}"
    return f"{signing_input}.{sign(signing_input, secret, digest)}"


def resign(secret: str, header_part: str, claims_part: str) -> str:
    """Signs two parts that are already encoded, however oddly."""
    return f"{header_part}.{claims_part}.{sign(f'{header_part}.{claims_part}', secret)}"


def good_claims(user: str = "alice", **changes) -> dict:
    now = int(time.time())
    claims = {"sub": user, "iat": now, "exp": now + 3600, **changes}
    return {name: value for name, value in claims.items() if value is not ...}
