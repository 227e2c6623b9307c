"""The database of a run, seen from outside, as somebody who can write to it would.

LATCHKEY_TEST_DATABASE says which kind it is: `sqlite` (the default) or `postgresql`. Each kind has a module with the
same functions; values in statements are marked with `?` for both.
"""

import os

KIND = os.environ.get("LATCHKEY_TEST_DATABASE") or "sqlite"

if KIND == "sqlite":
    from sqlite_database import *  # noqa: F403
elif KIND == "postgresql":
    from postgres_database import *  # noqa: F403
else:
    raise SystemExit(f"LATCHKEY_TEST_DATABASE is {KIND}: write sqlite or postgresql")
