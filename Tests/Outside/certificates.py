"""Certificates for providers on loopback, made when they are needed: good ones, and each kind of bad one."""

import datetime
import ipaddress
import itertools
import ssl
import warnings
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NUMBERS = itertools.count(1)
DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.UTC)


class Certificate:
    """A certificate with its key; it can issue others, whether or not it says that it may."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey):
        self.certificate, self.key = certificate, key

    @classmethod
    def authority(cls, name: str) -> "Certificate":
        return cls.make(name, None, [], is_authority=True)

    @classmethod
    def make(
        cls,
        name: str,
        issuer: "Certificate | None",
        names: list[str],
        is_authority: bool = False,
        valid: tuple[datetime.datetime, datetime.datetime] = (NOW - DAY, NOW + DAY),
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
    ) -> "Certificate":
        """Signed by `issuer`, or by itself; `names` are DNS names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        building = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(valid[0])
            .not_valid_after(valid[1])
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        )
        if names:
            building = building.add_extension(x509.SubjectAlternativeName([general(each) for each in names]), False)
        if not is_authority:
            building = building.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return cls(building.sign(issuer.key if issuer else key, hashes.SHA256()), key)

    def issue(self, *names: str, called: str = "", **members) -> "Certificate":
        """For a server with these names; `called` is the common name, which must not matter."""
        return Certificate.make(called or f"Server {next(NUMBERS)}", self, list(names), **members)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def context(self, folder: Path, *chain: "Certificate", alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
        """For a server that shows this certificate, and those of `chain` behind it."""
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        file = folder / f"server-{next(NUMBERS)}.pem"
        key = self.key.private_bytes(serialization.Encoding.PEM, *form)
        file.write_bytes(b"".join([key, self.pem, *(each.pem for each in chain)]))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


def general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def outdated(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    """Speaks this version alone, and what it needs besides."""
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = version
        context.minimum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context
