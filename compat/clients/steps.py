"""What every program here has in common: each path answers a line that begins with `ok` or `failed`."""

import os

ISSUER, ORIGIN, CLIENT_ID, CLIENT_SECRET, SCOPE, ID_TOKEN_ALG = (
    os.environ[name] for name in ("ISSUER", "ORIGIN", "CLIENT_ID", "CLIENT_SECRET", "SCOPE", "ID_TOKEN_ALG")
)
PORT = int(os.environ["PORT"])
# Whether the setting that docs/compatibility.md names is made.
is_set = os.environ["SETTING"] == "1"


def show(step):
    """What a step answers, as the page says it."""
    try:
        return f"ok {step()}"
    except Exception as error:
        return f"failed: {error}"
