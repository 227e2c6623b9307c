"""The wire formats of the inference providers, with counts that differ from request to request."""

import base64
import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from inference_wire import Exchange

DIMENSIONS = 3


@dataclass(frozen=True)
class Used:
    """What a request has used, in tokens. `cached` and `cache_written` are parts of `input`, `thought` of `output`."""

    input: int
    output: int
    cached: int
    cache_written: int
    thought: int

    @classmethod
    def by(cls, exchange: Exchange) -> "Used":
        """Out of the request and its number: no two are alike."""
        digest = hashlib.sha256(exchange.raw + exchange.number.to_bytes(8, "big")).digest()
        first, second, third, fourth, fifth = struct.unpack(">5I", digest[:20])
        tokens, output = 40 + first % 9_000, 20 + second % 3_000
        cached = 1 + third % (tokens // 2)
        return cls(tokens, output, cached, 1 + fourth % (tokens // 4), 1 + fifth % (output // 2))


@dataclass
class Reply:
    """An answer: its body whole, or event by event; `type` is the Content-Type."""

    body: bytes | Iterator[bytes]
    type: str = "application/json"
    used: Used | None = None


def as_json(value) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def event(value, name: str | None = None) -> bytes:
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + (value if isinstance(value, bytes) else as_json(value)) + b"\n\n"


def named(values: Iterator[dict]) -> Iterator[bytes]:
    """Events that are called what their `type` says."""
    return (event(value, value["type"]) for value in values)


def answered_model(model: str) -> str:
    """Providers answer with the dated name."""
    return model + "-2024-07-18" if model.startswith("gpt-4o") and not model[-1].isdigit() else model


def streamed(body: bytes | Iterator[bytes], used: Used) -> Reply:
    return Reply(body, "text/event-stream; charset=utf-8", used)


# OpenAI, and what is compatible with it.


def openai_usage(used: Used) -> dict:
    return {
        "prompt_tokens": used.input,
        "completion_tokens": used.output,
        "total_tokens": used.input + used.output,
        "prompt_tokens_details": {"cached_tokens": used.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": used.thought, "audio_tokens": 0},
    }


def chat(exchange: Exchange, pieces: Iterator[str], used: Used) -> Reply:
    request = exchange.json()
    model = answered_model(request.get("model", ""))
    common = {"id": f"chatcmpl-{exchange.number}", "created": 1_700_000_000, "model": model}
    if request.get("stream"):
        wanted = bool((request.get("stream_options") or {}).get("include_usage"))
        return streamed(chat_events(exchange, common, pieces, used, wanted), used)
    message = {"role": "assistant", "content": "".join(pieces), "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    value = {**common, "object": "chat.completion", "choices": [choice], "usage": openai_usage(used)}
    return Reply(as_json({**value, "service_tier": "default"}), used=used)


def chat_events(exchange, common: dict, pieces: Iterator[str], used: Used, wanted: bool) -> Iterator[bytes]:
    """Usage comes last, in a chunk of its own, and only to who asked; the other chunks then say null."""
    common = {**common, "object": "chat.completion.chunk"}
    nothing = {"usage": None} if wanted else {}

    def chunk(delta: dict, reason: str | None = None) -> dict:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**common, "choices": [choice], **nothing}

    yield event(chunk({"role": "assistant", "content": ""}))
    for piece in pieces:
        yield event(chunk({"content": piece}))
    last = chunk({}, "stop")
    if exchange.vendor == "groq":
        last["x_groq"] = {"id": "req_1", "usage": openai_usage(used)}
    yield event(last)
    if wanted:
        yield event({**common, "choices": [], "usage": openai_usage(used)})
    yield event(b"[DONE]")


def completions(exchange: Exchange, pieces: Iterator[str], used: Used) -> Reply:
    request = exchange.json()
    common = {"id": f"cmpl-{exchange.number}", "object": "text_completion", "created": 1_700_000_000}
    common["model"] = answered_model(request.get("model", ""))

    def choice(text: str, reason: str | None) -> dict:
        return {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}

    def events() -> Iterator[bytes]:
        wanted = bool((request.get("stream_options") or {}).get("include_usage"))
        nothing = {"usage": None} if wanted else {}
        for piece in pieces:
            yield event({**common, "choices": [choice(piece, None)], **nothing})
        yield event({**common, "choices": [choice("", "stop")], **nothing})
        if wanted:
            yield event({**common, "choices": [], "usage": openai_usage(used)})
        yield event(b"[DONE]")

    if request.get("stream"):
        return streamed(events(), used)
    value = {**common, "choices": [choice("".join(pieces), "stop")], "usage": openai_usage(used)}
    return Reply(as_json(value), used=used)


def responses(exchange: Exchange, pieces: Iterator[str], used: Used) -> Reply:
    request = exchange.json()
    usage = {
        "input_tokens": used.input,
        "input_tokens_details": {"cached_tokens": used.cached},
        "output_tokens": used.output,
        "output_tokens_details": {"reasoning_tokens": used.thought},
        "total_tokens": used.input + used.output,
    }
    model = answered_model(request.get("model", ""))
    settings = {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True, "metadata": {}, "error": None}
    common = {"id": f"resp_{exchange.number}", "object": "response", "created_at": 1_700_000_000, "model": model}

    def response(text: str | None) -> dict:
        message = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant"}
        content = [{"type": "output_text", "text": text, "annotations": []}]
        output = [] if text is None else [{**message, "content": content}]
        status = "in_progress" if text is None else "completed"
        return {**common, **settings, "status": status, "output": output, "usage": None if text is None else usage}

    def events() -> Iterator[dict]:
        place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        said = []
        yield {"type": "response.created", "sequence_number": 0, "response": response(None)}
        for number, piece in enumerate(pieces, 1):
            said.append(piece)
            yield {"type": "response.output_text.delta", "sequence_number": number, **place, "delta": piece}
        whole = response("".join(said))
        yield {"type": "response.completed", "sequence_number": len(said) + 1, "response": whole}

    if request.get("stream"):
        return streamed(named(events()), used)
    return Reply(as_json(response("".join(pieces))), used=used)


def embeddings(exchange: Exchange, pieces: Iterator[str], used: Used) -> Reply:
    request = exchange.json()
    texts = request.get("input") if isinstance(request.get("input"), list) else [request.get("input")]
    numbers = [float(number) for number in range(DIMENSIONS)]
    packed = base64.b64encode(struct.pack(f"<{DIMENSIONS}f", *numbers)).decode()
    vector = packed if request.get("encoding_format") == "base64" else numbers
    data = [{"object": "embedding", "index": index, "embedding": vector} for index in range(len(texts))]
    usage = {"prompt_tokens": used.input, "total_tokens": used.input}
    return Reply(as_json({"object": "list", "data": data, "model": request.get("model"), "usage": usage}), used=used)


def models(exchange: Exchange, pieces: Iterator[str], used: Used) -> Reply:
    names = ("gpt-4o-mini", "scripted-1")
    data = [{"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "scripted"} for name in names]
    return Reply(as_json({"object": "list", "data": data}))


def files(exchange: Exchange, pieces: Iterator[str], used: Used) -> Reply:
    """Knows the part that holds the file by its name, as the form says."""
    boundary = exchange.header("content-type").partition("boundary=")[2].strip('"').encode()
    parts = bytes(exchange.body).split(b"--" + boundary)
    [file] = [part.partition(b"\r\n\r\n")[2][:-2] for part in parts if b'name="file"' in part.partition(b"\r\n\r\n")[0]]
    digest = hashlib.sha256(file).hexdigest()
    common = {"id": f"file-{digest}", "object": "file", "created_at": 1_700_000_000, "status": "processed"}
    return Reply(as_json({**common, "bytes": len(file), "filename": "upload.jsonl", "purpose": "batch"}))


# Anthropic.


def anthropic_usage(used: Used) -> dict:
    """Here `input_tokens` is without what a cache gave or took."""
    return {
        "input_tokens": used.input - used.cached - used.cache_written,
        "cache_read_input_tokens": used.cached,
        "cache_creation_input_tokens": used.cache_written,
        "output_tokens": used.output,
    }


def messages(exchange: Exchange, pieces: Iterator[str], used: Used) -> Reply:
    request = exchange.json()
    common = {"id": f"msg_{exchange.number}", "type": "message", "role": "assistant", "model": request.get("model")}

    def message(text: str | None, usage: dict) -> dict:
        content = [] if text is None else [{"type": "text", "text": text}]
        reason = None if text is None else "end_turn"
        return {**common, "content": content, "stop_reason": reason, "stop_sequence": None, "usage": usage}

    def events() -> Iterator[dict]:
        yield {"type": "message_start", "message": message(None, {**anthropic_usage(used), "output_tokens": 1})}
        yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        yield {"type": "ping"}
        for piece in pieces:
            yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
        yield {"type": "content_block_stop", "index": 0}
        ending = {"stop_reason": "end_turn", "stop_sequence": None}
        yield {"type": "message_delta", "delta": ending, "usage": {"output_tokens": used.output}}
        yield {"type": "message_stop"}

    if request.get("stream"):
        return streamed(named(events()), used)
    return Reply(as_json(message("".join(pieces), anthropic_usage(used))), used=used)


def count_tokens(exchange: Exchange, pieces: Iterator[str], used: Used) -> Reply:
    return Reply(as_json({"input_tokens": used.input}))


# Gemini.


def gemini_usage(used: Used, output: int) -> dict:
    """Here the thoughts are not among the candidates' tokens."""
    return {
        "promptTokenCount": used.input,
        "cachedContentTokenCount": used.cached,
        "candidatesTokenCount": output - used.thought,
        "thoughtsTokenCount": used.thought,
        "totalTokenCount": used.input + output,
    }


def generate_content(exchange: Exchange, pieces: Iterator[str], used: Used) -> Reply:
    model = exchange.path.rpartition("/")[2].partition(":")[0]

    def answer(text: str, output: int, reason: str | None) -> dict:
        candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
        candidate |= {"finishReason": reason} if reason else {}
        return {"candidates": [candidate], "usageMetadata": gemini_usage(used, output), "modelVersion": model}

    def answers() -> Iterator[dict]:
        """Every chunk counts what was used until then."""
        for number, piece in enumerate(pieces):
            yield answer(piece, min(used.output, used.thought + number), None)
        yield answer("", used.output, "STOP")

    def array() -> Iterator[bytes]:
        for number, value in enumerate(answers()):
            yield (b",\r\n" if number else b"[") + as_json(value)
        yield b"]"

    if not exchange.path.endswith(":streamGenerateContent"):
        return Reply(as_json(answer("".join(pieces), used.output, "STOP")), used=used)
    if "alt=sse" in exchange.target:
        return streamed((b"data: " + as_json(value) + b"\r\n\r\n" for value in answers()), used)
    return Reply(array(), "application/json; charset=UTF-8", used)


def gemini_embeddings(exchange: Exchange, pieces: Iterator[str], used: Used) -> Reply:
    vector = {"values": [0.5] * DIMENSIONS}
    batch = exchange.json().get("requests")
    return Reply(as_json({"embeddings": [vector] * len(batch)} if batch else {"embedding": vector}))


# Cohere.


def cohere_usage(used: Used) -> dict:
    """What is billed is less than what was counted."""
    return {
        "billed_units": {"input_tokens": used.input - 7, "output_tokens": used.output - 3},
        "tokens": {"input_tokens": used.input, "output_tokens": used.output},
        "cached_tokens": used.cached,
    }


def cohere_chat(exchange: Exchange, pieces: Iterator[str], used: Used) -> Reply:
    def events() -> Iterator[dict]:
        start = {"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}}
        yield {"id": f"cohere-{exchange.number}", "type": "message-start", "delta": start}
        content = {"message": {"content": {"type": "text", "text": ""}}}
        yield {"type": "content-start", "index": 0, "delta": content}
        for piece in pieces:
            yield {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": piece}}}}
        yield {"type": "content-end", "index": 0}
        yield {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": cohere_usage(used)}}

    if exchange.json().get("stream"):
        return streamed(named(events()), used)
    message = {"role": "assistant", "content": [{"type": "text", "text": "".join(pieces)}]}
    value = {"id": f"cohere-{exchange.number}", "finish_reason": "COMPLETE", "message": message}
    return Reply(as_json({**value, "usage": cohere_usage(used)}), used=used)


def cohere_embed(exchange: Exchange, pieces: Iterator[str], used: Used) -> Reply:
    texts = exchange.json().get("texts") or []
    vectors = {"float": [[0.5] * DIMENSIONS] * len(texts)}
    meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": used.input}}
    value = {"id": f"embed-{exchange.number}", "embeddings": vectors, "texts": texts, "meta": meta}
    return Reply(as_json(value), used=used)


OPENAI = {
    ("POST", "/chat/completions"): chat,
    ("POST", "/completions"): completions,
    ("POST", "/responses"): responses,
    ("POST", "/embeddings"): embeddings,
    ("GET", "/models"): models,
    ("POST", "/files"): files,
}
ROUTES = {
    "openai": OPENAI,
    "groq": OPENAI,
    "openrouter": OPENAI,
    "anthropic": {
        ("POST", "/messages"): messages,
        ("POST", "/messages/count_tokens"): count_tokens,
        ("GET", "/models"): models,
    },
    "cohere": {("POST", "/v2/chat"): cohere_chat, ("POST", "/v2/embed"): cohere_embed},
    "gemini": {
        ("POST", ":generateContent"): generate_content,
        ("POST", ":streamGenerateContent"): generate_content,
        ("POST", ":embedContent"): gemini_embeddings,
        ("POST", ":batchEmbedContents"): gemini_embeddings,
        ("GET", "/models"): models,
    },
}


def shape_for(exchange: Exchange, base: str):
    """The function that answers this request; None where the provider has no such route."""
    path = exchange.path.removeprefix(base)
    path = path.removeprefix("/v1beta").removeprefix("/v1") if exchange.vendor == "gemini" else path
    action = ":" + path.rpartition(":")[2] if exchange.vendor == "gemini" and ":" in path else path
    return ROUTES[exchange.vendor].get((exchange.method, action))
