"""Finding secrets in a heap of bytes, however they were written down."""

import base64

PIECE = 8  # bytes: the shortest piece of a secret that counts as a leak
BASE64_PIECE = 12  # characters: what 8 or 9 bytes look like in base64
CHUNK = 1024 * 1024


def windows(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(len(data) - size + 1)]


def base64_phases(data: bytes) -> list[bytes]:
    """The characters that stand for `data` wherever it begins within a group of three, without the uncertain edges."""
    phases = []
    for phase in range(3):
        encoded = base64.b64encode(b"\x00" * phase + data).rstrip(b"=")
        phases.append(encoded[4 if phase else 0 : len(encoded) - len(encoded) % 4])
    return phases


def percent(window: bytes) -> bytes:
    return b"".join(b"%%%02X" % byte for byte in window)


def needles_for(secret: bytes) -> dict[str, list[bytes]]:
    """Every way of writing a piece of `secret`."""
    pieces = windows(secret, PIECE)
    encoded = [window for phase in base64_phases(secret) for window in windows(phase, BASE64_PIECE)]
    return {
        "plain": pieces,
        "reversed": windows(secret[::-1], PIECE),
        "hex": [piece.hex().encode() for piece in pieces],
        "upper-case hex": [piece.hex().upper().encode() for piece in pieces],
        "base64": encoded,
        "base64url": [window.translate(bytes.maketrans(b"+/", b"-_")) for window in encoded],
        "utf-16": [piece.decode("latin-1").encode("utf-16-le") for piece in pieces],
        "byte list": [", ".join(str(byte) for byte in piece).encode() for piece in pieces],
        "percent": [percent(piece) for piece in pieces],
        "lower-case percent": [percent(piece).lower() for piece in pieces],
    }


def indexed(secrets: dict[str, bytes]) -> dict[bytes, list]:
    """First eight bytes of each needle → the needles that begin so."""
    index: dict[bytes, list] = {}
    for name, secret in secrets.items():
        for form, pieces in needles_for(secret).items():
            for piece in pieces:
                index.setdefault(piece[:PIECE], []).append((name, form, piece))
    return index


def beginnings(haystack: bytes):
    """Every run of eight bytes in the heap, a chunk at a time: one pass serves all needles."""
    for start in range(0, len(haystack), CHUNK):
        yield set(windows(haystack[start : start + CHUNK + PIECE - 1], PIECE))


def find_any(secrets: dict[str, bytes], haystack: bytes) -> str | None:
    """Which secret is there, how it is written, and where; None when there is none."""
    index = indexed(secrets)
    for runs in beginnings(haystack):
        for name, form, piece in (needle for run in index.keys() & runs for needle in index[run]):
            place = haystack.find(piece)
            if place >= 0:
                around = haystack[max(0, place - 60) : place + 60]
                return f"{name}, {form} at byte {place} of {len(haystack)}: …{around!r}…"
    return None


def find(secret: bytes, haystack: bytes) -> str | None:
    return find_any({"secret": secret}, haystack)


def assert_absent(secrets: dict[str, bytes], haystacks: dict[str, bytes]):
    """No piece of any secret in any heap."""
    for place, haystack in haystacks.items():
        found = find_any(secrets, haystack)
        assert found is None, f"in the {place}: {found}"
