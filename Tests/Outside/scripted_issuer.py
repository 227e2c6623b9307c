"""An OpenID Connect provider that says what a test wants it to say, wrong things above all. It has no log-in: a test
takes the place of the browser there."""

import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import tokens

CLIENT = "latchkey-pages"
SECRET = "client-secret-of-the-tests-0123456789"


class Key:
    def __init__(self, kid: str):
        self.kid = kid
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def jwk(self) -> dict:
        return {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key())), "kid": self.kid}

    def public_pem(self) -> bytes:
        form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        return self.private.public_key().public_bytes(*form)

    def sign(self, claims: dict, **header) -> str:
        return jwt.encode(claims, self.private, algorithm="RS256", headers={"kid": self.kid, **header})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """The requests are the test's own."""

    def do_GET(self):
        self.reply(self.server.issuer.answer_get(self.path))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self.reply(self.server.issuer.answer_post(self.path, form))

    def reply(self, answer: tuple):
        status, body, *fields = answer
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """A client that hangs up is no news."""


class ScriptedIssuer:
    """`metadata` changes the discovery document, `token` makes the ID token from the nonce, `token_answer` replaces the
    whole answer of the token endpoint."""

    def __init__(self, port: int = 0):
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.issuer = self
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self.lock = threading.Lock()
        self.key = Key("one")
        self.reset()

    def reset(self):
        self.keys = [self.key.jwk()]
        self.metadata: dict = {}
        self.nonce = ""
        self.token = lambda: self.key.sign(self.claims())
        self.token_answer = None
        self.asked: list[tuple[str, dict]] = []

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def settings(self, **changes) -> dict:
        given = {
            "LATCHKEY_OIDC_ISSUER": self.url,
            "LATCHKEY_OIDC_CLIENT_ID": CLIENT,
            "LATCHKEY_OIDC_CLIENT_SECRET": SECRET,
            "LATCHKEY_OIDC_ROLES_CLAIM": "roles",
        }
        return {**given, **changes}

    def claims(self, **changes) -> dict:
        """Claims of a token that is good for this sign-in; `...` leaves one out."""
        now = int(time.time())
        claims = {"iss": self.url, "sub": "alice", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": self.nonce}
        return {name: value for name, value in {**claims, **changes}.items() if value is not ...}

    def count(self, path: str) -> int:
        with self.lock:
            return len([asked for asked, _ in self.asked if asked == path])

    def answer_get(self, path: str) -> tuple:
        with self.lock:
            self.asked.append((path, {}))
        if path == "/.well-known/openid-configuration":
            document = {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            }
            return 200, {**document, **self.metadata}
        if path == "/keys":
            return 200, {"keys": self.keys}
        return 200, {"elsewhere": True}

    def answer_post(self, path: str, form: dict) -> tuple:
        with self.lock:
            self.asked.append((path, form))
        if self.token_answer is not None:
            return self.token_answer
        return 200, {"access_token": "access", "token_type": "Bearer", "id_token": self.token()}


def unsigned(claims: dict) -> list[str]:
    """A token that says that it needs no signature, in the spellings that were believed somewhere."""
    parts = [tokens.b64url(tokens.as_bytes(claims))]
    return [
        f"{tokens.b64url(tokens.as_bytes({'alg': word, 'typ': 'JWT'}))}.{parts[0]}.{signature}"
        for word in ("none", "None", "nOnE", "")
        for signature in ("", "AA")
    ]


def signed_with_the_public_key(key: Key, claims: dict) -> list[str]:
    return [
        tokens.forge(secret, claims, {"alg": name, "kid": key.kid, "typ": "JWT"}, digest)
        for secret in (key.public_pem(), key.public_pem().strip(), json.dumps(key.jwk()).encode(), SECRET.encode())
        for name, digest in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512), ("RS256", hashlib.sha256))
    ]
