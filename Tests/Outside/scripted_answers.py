"""What the scripted provider says: one behaviour per word in the key, in each vendor's own wire format."""

import json
from dataclasses import dataclass

BEHAVIOURS = (
    "valid",
    "invalid",
    "restricted",
    "blocked",
    "nocredit",
    "ratelimited",
    "slow",
    "garbage",
    "notjson",
    "brokenhttp",
    "closed",
    "redirect",
    "huge",
    "error500",
    "overloaded",
    "teapot",
    "echo",
)
HUGE_BYTES = 3 * 1024 * 1024
HTML = b"<!DOCTYPE html><html><body><h1>Please sign in to the hotel network</h1></body></html>"
REASONS = {
    200: "OK",
    302: "Found",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    418: "I'm a teapot",
    429: "Too Many Requests",
    500: "Internal Server Error",
    529: "Overloaded",
}


@dataclass
class Answer:
    """One HTTP answer, or `raw` bytes put on the wire as they are (None: close without a byte)."""

    status: int = 200
    body: bytes = b"{}"
    content_type: str = "application/json"
    headers: tuple = ()
    raw: bytes | None = None
    close_silently: bool = False

    def wire(self) -> bytes:
        if self.raw is not None:
            return self.raw
        lines = [
            f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Status')}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
        ]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


def json_answer(status: int, value, headers: tuple = ()) -> Answer:
    return Answer(status, json.dumps(value).encode(), headers=headers)


def behaviour_of(key: str) -> str:
    """The first behaviour named in the key as `-word-`; a key that names none is not known to this provider."""
    return next((word for word in BEHAVIOURS if f"-{word}-" in key), "invalid")


def error_body(vendor: str, status: int, message: str, kind: str, code) -> dict:
    """An error in the vendor's own shape."""
    if vendor == "anthropic":
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_scripted"}
    if vendor == "gemini":
        detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code, "domain": "googleapis.com"}
        return {"error": {"code": status, "message": message, "status": kind, "details": [detail]}}
    if vendor == "openrouter":
        return {"error": {"message": message, "code": status}}
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def listing(vendor: str) -> dict:
    """What a good key gets to see."""
    if vendor == "gemini":
        return {"models": [{"name": "models/scripted-1", "displayName": "Scripted 1"}]}
    if vendor == "anthropic":
        return {"data": [{"type": "model", "id": "scripted-1", "display_name": "Scripted 1"}], "has_more": False}
    if vendor == "openrouter":
        return {
            "data": {"label": "scripted", "usage": 0, "limit": None, "limit_remaining": None, "is_free_tier": False}
        }
    return {"object": "list", "data": [{"id": "scripted-1", "object": "model", "owned_by": "scripted"}]}


def invalid(vendor: str, key: str) -> Answer:
    """Real providers repeat the key in this message, so this one does too."""
    message = f"Incorrect API key provided: {key}."
    if vendor == "gemini":
        return json_answer(400, error_body(vendor, 400, message, "INVALID_ARGUMENT", "API_KEY_INVALID"))
    kind = "authentication_error" if vendor == "anthropic" else "invalid_request_error"
    return json_answer(401, error_body(vendor, 401, message, kind, "invalid_api_key"))


def echo(vendor: str, key: str) -> Answer:
    """A hostile refusal: the key in every field a curious client might keep."""
    value = error_body(vendor, 401, key, key, key)
    value[key] = key
    return json_answer(401, value, headers=(("X-Request-Id", key), ("X-Key", key)))


def restricted(vendor: str, key: str) -> Answer:
    kind = {"gemini": "PERMISSION_DENIED", "anthropic": "permission_error"}.get(vendor, "invalid_request_error")
    return json_answer(403, error_body(vendor, 403, "This key lacks the scope for this.", kind, "missing_scope"))


def blocked(vendor: str, key: str) -> Answer:
    return json_answer(
        403,
        error_body(
            vendor,
            403,
            "Requests from this referrer are blocked.",
            "PERMISSION_DENIED",
            "API_KEY_HTTP_REFERRER_BLOCKED",
        ),
    )


def no_credit(vendor: str, key: str) -> Answer:
    if vendor == "anthropic":
        message = "Your credit balance is too low to access the Anthropic API."
        return json_answer(400, error_body(vendor, 400, message, "invalid_request_error", None))
    status = 429 if vendor == "openai" else 402
    message = "You exceeded your current quota, please check your plan and billing details."
    return json_answer(status, error_body(vendor, status, message, "insufficient_quota", "insufficient_quota"))


def rate_limited(vendor: str, key: str) -> Answer:
    kind = {"gemini": "RATE_LIMITED", "anthropic": "rate_limit_error"}.get(vendor, "requests")
    body = error_body(vendor, 429, "Too many requests, slow down.", kind, "rate_limit_exceeded")
    return json_answer(429, body, headers=(("Retry-After", "7"),))


def huge(vendor: str, key: str) -> Answer:
    return Answer(200, b'{"object":"list","data":["' + b"a" * HUGE_BYTES + b'"]}')


def redirect(vendor: str, key: str) -> Answer:
    return Answer(302, b"", headers=(("Location", "/elsewhere/v1/models"),))


def server_error(vendor: str, key: str) -> Answer:
    return json_answer(500, error_body(vendor, 500, f"The server had an error with {key}.", "server_error", None))


FIXED = {
    "valid": lambda vendor, key: json_answer(200, listing(vendor)),
    "slow": lambda vendor, key: json_answer(200, listing(vendor)),
    "invalid": invalid,
    "echo": echo,
    "restricted": restricted,
    "blocked": blocked,
    "nocredit": no_credit,
    "ratelimited": rate_limited,
    "huge": huge,
    "redirect": redirect,
    "error500": server_error,
    "garbage": lambda vendor, key: Answer(200, HTML, "text/html; charset=utf-8"),
    "notjson": lambda vendor, key: Answer(200, b'{"data": [', "application/json"),
    "brokenhttp": lambda vendor, key: Answer(raw=b"\x16\x03\x01 this is not HTTP at all\x00\xff\r\n\r\n"),
    "closed": lambda vendor, key: Answer(close_silently=True),
    "overloaded": lambda vendor, key: json_answer(529, error_body(vendor, 529, "Overloaded", "overloaded_error", None)),
    "teapot": lambda vendor, key: json_answer(418, {"error": "short and stout"}),
}


def answer_for(behaviour: str, vendor: str, key: str) -> Answer:
    return FIXED[behaviour](vendor, key)
