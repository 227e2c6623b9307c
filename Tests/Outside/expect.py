"""What every answer, and every refusal, must look like."""

import re

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
VERDICTS = {"valid", "restricted", "no_credit", "rate_limited", "blocked", "expired", "invalid", "retiring", "unknown"}
USABLE = {"valid", "restricted", "no_credit", "rate_limited", "retiring"}


def common_headers(answer):
    """Headers that no answer may lack."""
    assert REQUEST_ID.fullmatch(answer.headers.get("X-Request-Id", "")), dict(answer.headers)
    assert answer.headers.get("Cache-Control") == "no-store"
    assert answer.headers.get("X-Content-Type-Options") == "nosniff"


def problem(answer, status: int, *codes: str) -> dict:
    """Asserts a whole problem document with this status and one of these codes."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text[:600]}"
    assert answer.headers.get("Content-Type", "").split(";")[0].strip() == "application/problem+json"
    common_headers(answer)
    body = answer.json()
    assert body["code"] in codes, body
    assert body["type"] == f"urn:latchkey:error:{body['code']}"
    assert body["status"] == status
    assert body["request_id"] == answer.headers["X-Request-Id"]
    for member in ("title", "detail"):
        assert isinstance(body[member], str) and body[member].strip()
    return body


def success(answer, status: int = 200):
    """Asserts a JSON answer that is no problem, and gives its body."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text[:600]}"
    assert answer.headers.get("Content-Type", "").split(";")[0].strip() == "application/json"
    common_headers(answer)
    return answer.json()


def key_object(value: dict, key: str, provider: str, verdict: str, name: str = "default") -> dict:
    """Asserts a key object that fits `key` without showing it."""
    assert (value["provider"], value["name"], value["kind"]) == (provider, name, "api_key")
    assert value["has_key"] is True
    assert value["key_hint"] == (key[-4:] if len(key) >= 20 else None)
    assert key not in str(value)
    assert value["verdict"] == verdict and verdict in VERDICTS, value
    assert value["is_valid"] is (verdict in USABLE)
    assert INSTANT.fullmatch(value["created_at"]) and INSTANT.fullmatch(value["updated_at"])
    assert isinstance(value["row_version"], int) and value["row_version"] >= 1
    assert {"label", "evidence", "last_validated", "expires_at", "base_url", "last_used_at"} <= value.keys()
    assert {"http_status", "code", "checked_at", "decisive"} <= value["evidence"].keys()
    return value


def short(value) -> str:
    """A test's name for a value that may be 40,000 bytes long."""
    return ascii(value)[:40]
