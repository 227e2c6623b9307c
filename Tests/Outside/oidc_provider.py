"""A real OpenID Connect provider on loopback: Django with django-oauth-toolkit, its log-in and its consent form.

As a program it serves until it is ended, and prints one line of JSON once it listens. `OpenIDProvider` runs that.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

CALLBACK = "http://127.0.0.1/ui/oidc/callback"  # Any port of this machine will do (RFC 8252, section 7.3).
LOGIN = """<form method="post">{% csrf_token %}{{ form.as_p }}
<input type="hidden" name="next" value="{{ next }}"><button type="submit">Log in</button></form>"""


class OpenIDProvider:
    """The provider in a process of its own, with two people and two clients made for this run."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.people = {"alice": secrets.token_urlsafe(12), "root": secrets.token_urlsafe(12)}
        self.secret = secrets.token_urlsafe(32)

    def __enter__(self) -> "OpenIDProvider":
        self.log = open(self.folder / "provider.log", "wb")
        given = json.dumps({"people": self.people, "secret": self.secret, "folder": str(self.folder)})
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, __file__, given], stdout=subprocess.PIPE, stderr=self.log, env=kept, cwd=self.folder
        )
        line = self.process.stdout.readline()
        assert line, (self.folder / "provider.log").read_text()
        self.issuer = json.loads(line)["issuer"]
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(20)
        self.process.stdout.close()
        self.log.close()

    def settings(self, client: str = "latchkey", **changes) -> dict:
        """What Latchkey is told of it."""
        given = {
            "LATCHKEY_OIDC_ISSUER": self.issuer,
            "LATCHKEY_OIDC_CLIENT_ID": client,
            "LATCHKEY_OIDC_CLIENT_SECRET": self.secret,
            "LATCHKEY_OIDC_USER_CLAIM": "preferred_username",
            "LATCHKEY_OIDC_ROLES_CLAIM": "roles",
            "LATCHKEY_OIDC_SCOPES": "openid profile",
            "LATCHKEY_OIDC_NAME": "Sign in with Django",
        }
        return {**given, **changes}


# The program.


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        """The requests are the tests' own."""


def signing_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(serialization.Encoding.PEM, *form).decode()


def configure(folder: str, issuer: str):
    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY=secrets.token_urlsafe(32),
        ALLOWED_HOSTS=["localhost"],
        ROOT_URLCONF=__name__,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/provider.db"}},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        INSTALLED_APPS=[
            "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "oauth2_provider",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        TEMPLATES=[{
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
        }],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        LOGIN_URL="/login",
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "OIDC_ISS_ENDPOINT": issuer,
            "OIDC_RSA_PRIVATE_KEY": signing_key(),
            "SCOPES": {"openid": "who you are", "profile": "your name"},
            "OAUTH2_VALIDATOR_CLASS": f"{__name__}.claims_validator",
        },
    )
    django.setup()


def claims_validator(*arguments):
    from oauth2_provider.oauth2_validators import OAuth2Validator

    class Validator(OAuth2Validator):
        """As the toolkit's papers show it: more claims than `sub`."""

        oidc_claim_scope = None

        def get_additional_claims(self, request):
            roles = ["admin"] if request.user.is_staff else []
            return {"preferred_username": request.user.get_username(), "roles": roles}

    return Validator(*arguments)


def fill(people: dict, secret: str):
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from oauth2_provider.models import Application

    call_command("migrate", verbosity=0)
    for name, password in people.items():
        User.objects.create_user(name, password=password, is_staff=name == "root")
    kinds = {"latchkey": Application.CLIENT_CONFIDENTIAL, "other": Application.CLIENT_CONFIDENTIAL}
    for client, kind in {**kinds, "public": Application.CLIENT_PUBLIC}.items():
        Application.objects.create(
            name=client,
            client_id=client,
            client_secret=secret,
            client_type=kind,
            authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
            algorithm=Application.RS256_ALGORITHM,
            redirect_uris=CALLBACK,
        )


def main():
    given = json.loads(sys.argv[1])
    server = Server(("127.0.0.1", 0), Quiet)
    issuer = f"http://localhost:{server.server_port}/o"
    configure(given["folder"], issuer)

    from django.contrib.auth.views import LoginView
    from django.core.wsgi import get_wsgi_application
    from django.urls import include, path

    pages = Path(tempfile.mkdtemp(dir=given["folder"]))
    (pages / "login.html").write_text(LOGIN)
    from django.conf import settings

    settings.TEMPLATES[0]["DIRS"] = [str(pages)]
    globals()["urlpatterns"] = [
        path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
        path("login", LoginView.as_view(template_name="login.html")),
    ]
    fill(given["people"], given["secret"])
    server.set_app(get_wsgi_application())
    print(json.dumps({"issuer": issuer}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
