"""docs/import.md says each derivation in Python; that Python makes the keys that the Swift tests hold ours against."""

import base64
import hashlib
import json
import re

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from harness import REPOSITORY, clean_environment, run_command

VECTORS = REPOSITORY / "Tests" / "LatchkeyImportTests" / "Vectors" / "derivations.json"
ROW = re.compile(r"^\| `([\w-]+)` \| `(.+)` \|$", re.M)


def documented() -> dict[str, str]:
    text = (REPOSITORY / "docs" / "import.md").read_text(encoding="utf-8")
    return dict(ROW.findall(text.split("\n| derivation | the Fernet key |\n", 1)[1]))


def vectors() -> list[dict]:
    cases = json.loads(VECTORS.read_text(encoding="utf-8"))["cases"]
    return [case for case in cases if not {"salt", "info", "iterations"} & case.keys()]


def test_every_derivation_is_documented_and_has_vectors(binary, tmp_path):
    shown = run_command(["import", "reference", "--help"], clean_environment(tmp_path), tmp_path).stdout
    listed = re.findall(r"^  ([a-z0-9-]+) {2,}\S", shown.split("These are:", 1)[1].split("Any other", 1)[0], re.M)
    assert list(documented()) == listed and len(listed) == 17
    assert {case["derivation"] for case in vectors()} == set(listed)


@pytest.mark.parametrize("name", documented())
def test_the_python_of_a_derivation_makes_its_key(name):
    cases = [case for case in vectors() if case["derivation"] == name]
    for case in cases:
        names = {
            "secret": case["secret"].encode(), "user_id": case["user_id"].encode(), "b64": base64.urlsafe_b64encode,
            "hashlib": hashlib, "hashes": hashes, "HKDF": HKDF,
        }  # fmt: skip
        assert eval(documented()[name], names) == case["key"].encode(), case
    assert cases
