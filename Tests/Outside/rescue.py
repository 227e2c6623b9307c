"""Prints `user provider name secret` for every stored key (no user for a global one): python3 rescue.py ROOT DATABASE"""
import base64, hashlib, hmac, json, sqlite3, struct, sys
from cryptography.fernet import Fernet

def lp(part): return struct.pack(">I", len(part)) + part

def ctx(label, *fields): return lp(b"latchkey/v1") + lp(label) + struct.pack(">I", len(fields)) + b"".join(map(lp, fields))

def derive(key, label, *fields): return hmac.digest(key, ctx(label, *fields) + b"\x01", "sha256")

def read_roots(text):
    roots = {}
    for item in text.strip().split(","):
        form, kid, key, check = item.split(":")
        key, number = base64.urlsafe_b64decode(key + "="), struct.pack(">I", int(kid))
        if form != "lkroot1" or hashlib.sha256(b"latchkey root v1" + number + key).hexdigest()[:8] != check:
            sys.exit(f"root {kid}: the check does not match")
        roots[int(kid)] = key
    return roots

def open_row(root, table, owner, provider, name, suite, kid, version, salt, token):
    if suite != 1: raise ValueError("unknown suite")
    number = struct.pack(">I", kid)
    owner_key = derive(root, b"global", number) if table == "global_api_keys" else derive(root, b"user", number, owner.encode())
    record_key = derive(owner_key, b"record", number, table.encode(), owner.encode(), provider.encode(), name.encode(),
                        b"credential", bytes([suite]), struct.pack(">Q", version), bytes.fromhex(salt))
    return json.loads(Fernet(base64.urlsafe_b64encode(record_key)).decrypt(token.encode()))

def connect(url): return __import__("psycopg").connect(url, options="-c latchkey.scope=everyone") if "://" in url else sqlite3.connect(url)

roots, failures = read_roots(sys.argv[1]), 0
for table, user in (("user_api_keys", "user_id"), ("global_api_keys", "''")):
    columns = f"{user}, provider, name, suite, root_kid, row_version, salt, encrypted_key"
    for row in connect(sys.argv[2]).execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2, 3"):
        try:
            print(*row[:3], open_row(roots[row[4]], table, *row)["secret"])
        except Exception as error:
            failures += 1
            print(table, *row[:3], "does not open:", type(error).__name__, file=sys.stderr)
sys.exit(1 if failures else 0)
