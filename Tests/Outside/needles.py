"""Finding a secret in a heap of bytes, however it was written down."""
import base64

PIECE = 8                   # bytes: the shortest piece of a secret that counts as a leak
BASE64_PIECE = 12           # characters: what 8 or 9 bytes look like in base64


def windows(data: bytes, size: int) -> list[bytes]:
    return [data[start:start + size] for start in range(len(data) - size + 1)]


def base64_phases(data: bytes) -> list[bytes]:
    """The characters that stand for `data` wherever it begins within a group of three; the uncertain edges are left out."""
    phases = []
    for phase in range(3):
        encoded = base64.b64encode(b"\x00" * phase + data).rstrip(b"=")
        phases.append(encoded[4 if phase else 0:len(encoded) - len(encoded) % 4])
    return phases


def needles_for(secret: bytes) -> dict[str, list[bytes]]:
    """Every way of writing a piece of `secret`. Hex is compared in lower case."""
    encoded = [window for phase in base64_phases(secret) for window in windows(phase, BASE64_PIECE)]
    return {
        "plain": windows(secret, PIECE), "reversed": windows(secret[::-1], PIECE),
        "hex": [window.hex().encode() for window in windows(secret, PIECE)],
        "base64": encoded, "base64url": [window.translate(bytes.maketrans(b"+/", b"-_")) for window in encoded],
        "utf-16": [window.decode("latin-1").encode("utf-16-le") for window in windows(secret, PIECE)],
        "byte list": [", ".join(str(byte) for byte in window).encode() for window in windows(secret, PIECE)],
        "percent": [b"".join(b"%%%02x" % byte for byte in window) for window in windows(secret, PIECE)]}


IN_LOWER_CASE = {"hex", "percent"}


def find(secret: bytes, haystack: bytes) -> str | None:
    """How a piece of the secret is written in the heap, and where; None when it is not there."""
    lower = haystack.lower()
    for form, pieces in needles_for(secret).items():
        heap = lower if form in IN_LOWER_CASE else haystack
        for piece in pieces:
            place = heap.find(piece)
            if place >= 0:
                return f"{form} at byte {place} of {len(haystack)}: …{haystack[max(0, place - 60):place + 60]!r}…"
    return None


def assert_absent(secrets: dict[str, bytes], haystacks: dict[str, bytes]):
    """No piece of any secret in any heap."""
    for place, haystack in haystacks.items():
        for name, secret in secrets.items():
            found = find(secret, haystack)
            assert found is None, f"the {name} is in the {place}, {found}"
