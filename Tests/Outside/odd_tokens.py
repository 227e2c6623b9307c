"""Tables of tokens that must not be taken, each wrong in one way and right in every other."""

import base64
import hashlib
import json
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tokens import as_bytes, b64url, forge, good_claims, mint, resign

HEADER = {"alg": "HS256", "typ": "JWT"}
RSA_KEY = rsa.generate_private_key(65537, 2048)
RSA_PUBLIC = RSA_KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
NOW = int(time.time())


def headers(**changes) -> dict:
    return {**HEADER, **changes}


ALGORITHMS = {
    "none": lambda s: f"{b64url(as_bytes({'alg': 'none'}))}.{b64url(as_bytes(good_claims()))}.",
    "none, signed": lambda s: forge(s, good_claims(), headers(alg="none")),
    "None": lambda s: f"{b64url(as_bytes({'alg': 'None'}))}.{b64url(as_bytes(good_claims()))}.",
    "nOnE": lambda s: f"{b64url(as_bytes({'alg': 'nOnE'}))}.{b64url(as_bytes(good_claims()))}.",
    "HS384": lambda s: mint(s, "alice", "HS384"),
    "HS512": lambda s: mint(s, "alice", "HS512"),
    "HS384 signed as HS256": lambda s: forge(s, good_claims(), headers(alg="HS384")),
    "HS256 signed as HS384": lambda s: forge(s, good_claims(), digest=hashlib.sha384),
    "RS256": lambda s: jwt.encode(good_claims(), RSA_KEY, algorithm="RS256"),
    "RS256 by the shared secret": lambda s: forge(s, good_claims(), headers(alg="RS256")),
    "HS256 by a public key": lambda s: forge(RSA_PUBLIC, good_claims()),
    "RS256 by a public key": lambda s: forge(RSA_PUBLIC, good_claims(), headers(alg="RS256")),
    "ES256": lambda s: jwt.encode(good_claims(), ec.generate_private_key(ec.SECP256R1()), algorithm="ES256"),
    "EdDSA": lambda s: jwt.encode(good_claims(), ed25519.Ed25519PrivateKey.generate(), algorithm="EdDSA"),
    "lower case": lambda s: forge(s, good_claims(), headers(alg="hs256")),
    "space": lambda s: forge(s, good_claims(), headers(alg="HS256 ")),
    "empty": lambda s: forge(s, good_claims(), headers(alg="")),
    "missing": lambda s: forge(s, good_claims(), {"typ": "JWT"}),
    "number": lambda s: forge(s, good_claims(), headers(alg=256)),
    "list": lambda s: forge(s, good_claims(), headers(alg=["HS256"])),
    "null": lambda s: forge(s, good_claims(), headers(alg=None)),
    "twice, good first": lambda s: forge(s, good_claims(), '{"alg":"HS256","alg":"none"}'),
    "twice, good last": lambda s: forge(s, good_claims(), '{"alg":"none","alg":"HS256"}'),
    "twice, escaped": lambda s: forge(s, good_claims(), '{"alg":"HS256","\\u0061lg":"HS256"}'),
}

KEYS = {
    "another": lambda s: forge("x" * 64, good_claims()),
    "empty": lambda s: forge("", good_claims()),
    "cut": lambda s: forge(s[:-1], good_claims()),
    "zeros": lambda s: forge(bytes(64), good_claims()),
    "with newline": lambda s: forge(s + "\n", good_claims()),
    "base64 of it": lambda s: forge(base64.b64encode(s.encode()), good_claims()),
}

HEADERS = {
    "crit": headers(crit=["exp"]),
    "crit empty": headers(crit=[]),
    "crit unknown": headers(crit=["x"], x=1),
    "b64 false": headers(b64=False, crit=["b64"]),
    "b64 false, not critical": headers(b64=False),
    "jwk": headers(jwk={"kty": "oct", "k": "AAAA"}),
    "jku": headers(jku="https://evil.example/keys"),
    "x5u": headers(x5u="https://evil.example/cert"),
    "x5c": headers(x5c=["MIIB"]),
    "kid traversal": headers(kid="../../../dev/null"),
    "kid sql": headers(kid="x' UNION SELECT 'secret"),
    "kid url": headers(kid="https://evil.example/key"),
    "kid 10 KiB": headers(kid="k" * 10_240),
    "kid 65": headers(kid="k" * 65),
    "kid nul": headers(kid="a\x00b"),
    "kid number": headers(kid=1),
    "kid list": headers(kid=["a"]),
    "kid object": headers(kid={}),
    "kid command": headers(kid="$(id)|`id`"),
    "header is a list": [],
    "header is a string": '"HS256"',
    "header is null": "null",
    "header is empty": "",
    "header is no json": "{alg:HS256}",
    "header with more after it": json.dumps(HEADER) + "{}",
    "header not utf-8": b'{"alg":"HS256","x":"\xff"}',
    "header with a byte order mark": b"\xef\xbb\xbf" + json.dumps(HEADER).encode(),
    "header nested": '{"alg":"HS256","x":' + "[" * 1_000 + "]" * 1_000 + "}",
}


def raw_claims(exp: str = str(NOW + 3600), sub: str = '"alice"', more: str = "") -> str:
    return f'{{"sub":{sub},"exp":{exp}{more}}}'


CLAIMS = {
    "no exp, no iat": good_claims(exp=..., iat=...),
    "exp past": good_claims(exp=NOW - 120),
    "exp zero": good_claims(exp=0),
    "exp negative": good_claims(exp=-1),
    "exp string": good_claims(exp=str(NOW + 600)),
    "exp null": raw_claims("null"),
    "exp true": raw_claims("true"),
    "exp list": raw_claims(f"[{NOW + 600}]"),
    "exp object": raw_claims("{}"),
    "exp fraction": raw_claims(f"{NOW + 600}.5"),
    "exp 1e400": raw_claims("1e400"),
    "exp -1e400": raw_claims("-1e400"),
    "exp 2^63": raw_claims(str(2**63)),
    "exp 2^64": raw_claims(str(2**64)),
    "exp 2^64+": raw_claims(str(2**64 + NOW + 600)),
    "exp -2^63-1": raw_claims(str(-(2**63) - 1)),
    "exp 400 digits": raw_claims("9" * 400),
    "exp NaN": raw_claims("NaN"),
    "exp Infinity": raw_claims("Infinity"),
    "exp leading zero": raw_claims(f"0{NOW + 600}"),
    "exp plus": raw_claims(f"+{NOW + 600}"),
    "exp hex": raw_claims("0xffffffff"),
    "exp date": good_claims(exp="2999-01-01T00:00:00Z"),
    "exp twice": raw_claims(more=f',"exp":{NOW + 7200}'),
    "exp twice, past first": raw_claims(str(NOW - 60), more=f',"exp":{NOW + 600}'),
    "exp twice, escaped": raw_claims(more=f',"\\u0065xp":{NOW + 600}'),
    "iat too old without exp": good_claims(exp=..., iat=NOW - 10 * 365 * 86_400),
    "iat future": good_claims(iat=NOW + 3600, exp=NOW + 7200),
    "iat string": good_claims(iat=str(NOW)),
    "iat 2^63": raw_claims(more=f',"iat":{2**63}'),
    "iat string without exp": good_claims(exp=..., iat=str(NOW)),
    "nbf future": good_claims(nbf=NOW + 3600),
    "nbf string": good_claims(nbf="0"),
    "nbf 2^64": raw_claims(more=f',"nbf":{2**64}'),
    "no sub": good_claims(sub=...),
    "sub empty": good_claims(sub=""),
    "sub number": good_claims(sub=42),
    "sub null": good_claims(sub=None),
    "sub true": good_claims(sub=True),
    "sub list": good_claims(sub=["alice"]),
    "sub object": good_claims(sub={"id": "alice"}),
    "sub with nul": good_claims(sub="alice\x00"),
    "sub with newline": good_claims(sub="alice\n"),
    "sub of 65": good_claims(sub="u" * 65),
    "sub twice": raw_claims(more=',"sub":"bob"'),
    "sub twice, equal": raw_claims(more=',"sub":"alice"'),
    "sub twice, escaped": raw_claims(more=',"s\\u0075b":"bob"'),
    "any member twice": raw_claims(more=',"x":1,"x":2'),
    "list": [good_claims()],
    "string": '"alice"',
    "number": "42",
    "null": "null",
    "true": "true",
    "empty": "",
    "empty object": {},
    "no json": "{sub:'alice'}",
    "more after it": json.dumps(good_claims()) + "x",
    "not utf-8": b'{"sub":"\xff\xfe","exp":99999999999}',
    "byte order mark": b"\xef\xbb\xbf" + json.dumps(good_claims()).encode(),
    "lone surrogate": raw_claims(sub='"\\ud800"'),
    "nested": raw_claims(more=',"x":' + "[" * 1_000 + "]" * 1_000),
    "utf-16": json.dumps(good_claims()).encode("utf-16"),
}


def last_character_bumped(part: str) -> str:
    """The same bytes to a lax decoder: only the unused bits of the last character change."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(part) % 4 in (2, 3), "this part has no unused bits"
    return part[:-1] + alphabet[alphabet.index(part[-1]) | 1]


def parts_with_unused_bits() -> list[str]:
    """Header and claims padded with spaces until both have unused bits."""

    def pad(text: str) -> str:
        return b64url((text + " " * (len(text) % 3 == 0)).encode())

    return [pad(json.dumps(HEADER)), pad(json.dumps(good_claims()))]


def spellings(secret: str) -> dict[str, str]:
    """Tokens that a lax reader would take."""
    header, claims = parts_with_unused_bits()
    token = resign(secret, header, claims)
    signature = token.rsplit(".", 1)[1]
    odd = next(
        token
        for token in (mint(secret, "alice", n=n) for n in range(500))
        if "-" in token.split(".")[2] or "_" in token.split(".")[2]
    )
    standard = ".".join(odd.split(".")[:2]) + "." + odd.split(".")[2].replace("-", "+").replace("_", "/")
    assert standard != odd
    return {
        "unused bits in the signature": f"{header}.{claims}.{last_character_bumped(signature)}",
        "unused bits in the header": resign(secret, last_character_bumped(header), claims),
        "unused bits in the claims": resign(secret, header, last_character_bumped(claims)),
        "padded signature": token + "=",
        "padded header": resign(secret, header + "=" * (-len(header) % 4), claims),
        "padded claims": resign(secret, header, claims + "=" * (-len(claims) % 4)),
        "standard alphabet": standard,
        "space in the header": resign(secret, header[:5] + " " + header[5:], claims),
        "space before a dot": f"{header} .{claims}.{signature}",
        "space in the signature": f"{header}.{claims}.{signature[:9]} {signature[9:]}",
        "tab": f"{header}.{claims}.\t{signature}",
        "question mark": f"{header}.{claims}?.{signature}",
        "comma": token + ",",
        "two tokens": f"{token},{token}",
        "two tokens, space": f"{token} {token}",
        "quoted": f'"{token}"',
        "cut signature": token[:-1],
        "longer signature": token + "A",
        "no signature": f"{header}.{claims}.",
        "no claims": resign(secret, header, ""),
        "no header": resign(secret, "", claims),
        "only dots": "..",
        "one dot": ".",
        "two parts": f"{header}.{claims}",
        "four parts": token + ".",
        "four parts, full": f"{token}.{signature}",
        "five parts": f"{token}.a.b",
        "one part": header,
        "empty": "",
        "changed claims": f"{header}.{b64url(as_bytes(good_claims('bob')))}.{signature}",
        "length 1 mod 4": resign(secret, header, claims[: -(len(claims) % 4) or None] + "A"),
        "json serialisation": json.dumps({"payload": claims, "protected": header, "signature": signature}),
        "percent": token.replace(".", "%2e"),
    }


SPELLINGS = list(spellings("s" * 64))


AUTHORIZATIONS = {
    "twice": lambda token: [("Authorization", f"Bearer {token}")] * 2,
    "twice, bad first": lambda token: [("Authorization", "Bearer x"), ("Authorization", f"Bearer {token}")],
    "twice, bad last": lambda token: [("Authorization", f"Bearer {token}"), ("authorization", "Bearer x")],
    "basic": lambda token: [("Authorization", "Basic " + base64.b64encode(f"alice:{token}".encode()).decode())],
    "no scheme": lambda token: [("Authorization", token)],
    "scheme only": lambda token: [("Authorization", "Bearer")],
    "another scheme": lambda token: [("Authorization", f"JWT {token}")],
    "glued": lambda token: [("Authorization", f"Bearer{token}")],
    "colon": lambda token: [("Authorization", f"Bearer: {token}")],
    "cookie": lambda token: [("Cookie", f"token={token}; Authorization=Bearer {token}")],
    "another header": lambda token: [
        ("X-Authorization", f"Bearer {token}"),
        ("Proxy-Authorization", f"Bearer {token}"),
    ],
    "empty": lambda token: [("Authorization", "")],
}
