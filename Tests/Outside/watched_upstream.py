"""A provider that counts who connects and answers what a test says: as the good one, and as the one nobody may reach."""

import json
import threading

from scripted_answers import Answer, json_answer
from scripted_provider import Recorded, ScriptedProvider

MODELS = {"object": "list", "data": [{"id": "scripted-1", "object": "model", "owned_by": "scripted"}]}


class WatchedUpstream(ScriptedProvider):
    """Every connection counts, also one on which no byte comes."""

    def __init__(self):
        super().__init__()
        self.connections = 0
        self.counting = threading.Lock()
        self.answer = json_answer(200, MODELS)
        self.server.verify_request = self.count

    def count(self, _request, _address) -> bool:
        with self.counting:
            self.connections += 1
        return True

    @property
    def port(self) -> int:
        return self.server.server_address[1]

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def choose(self, vendor: str, method: str, target: str, key: str) -> Answer:
        return self.answer

    def untouched(self):
        """Nobody was here."""
        assert (self.connections, self.requests()) == (0, []), self.requests()

    def since(self, count: int) -> list[Recorded]:
        return self.requests()[count:]


def answer(status: int, *headers: tuple[str, str], body=None) -> Answer:
    return Answer(status, json.dumps(MODELS if body is None else body).encode(), headers=headers)
