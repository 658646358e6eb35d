"""OpenAI's service and those that speak its protocol: the key, the client, what errors mean."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

from benchkit_plugins.language_models.calls import CallError, retry_after, scrubbed

KEY = "OPENAI_API_KEY"
OWN = "https://api.openai.com/v1"


def key() -> str:
    """Return the key, "" where there is none."""
    return os.environ.get(KEY, "").strip()


def obstacle() -> str | None:
    """Return what is missing: the package or the key."""
    if find_spec("openai") is None:
        return "it needs the package openai"
    if not (given := key()):
        return f"it needs a key: set {KEY} in the environment (it is never written anywhere)"
    if not given.isascii() or not given.isprintable() or " " in given:
        return f"{KEY} holds characters that no key has"
    return None


def client(base_url: str, timeout: float) -> Any:
    """Return a client of the SDK.

    Its own retries are off, so that each try is counted against the cap before it is sent; the
    address is always given, so that OPENAI_BASE_URL is not read.
    """
    import openai

    return openai.OpenAI(api_key=key(), base_url=base_url, timeout=timeout, max_retries=0)


def failed(error: Exception, timeout: float) -> CallError:
    """Return what an error of the SDK means; to be raised `from None`.

    No traceback may hold what a server said: it could echo the key.
    """
    import openai

    if isinstance(error, openai.APITimeoutError):
        reached = type(error.__cause__).__name__ != "ConnectTimeout"
        return CallError(f"openai did not answer within {timeout:g} s", again=True, billed=reached)
    if isinstance(error, openai.APIConnectionError):
        kind = type(error.__cause__).__name__
        return CallError(
            f"the connection to openai failed ({kind})", again=True, billed=kind != "ConnectError"
        )
    if isinstance(error, openai.APIStatusError):
        # where the money is used up, waiting does not help
        broke = error.code == "insufficient_quota"
        again = error.status_code in (408, 409, 429) or error.status_code >= 500
        words = scrubbed(error.message, key())
        return CallError(
            f"openai answered {error.status_code}: {words}",
            again=again and not broke,
            after=retry_after(error.response.headers.get("retry-after")),
        )
    # a body that is no JSON, say; anything else is not mended by trying again
    words = f"{type(error).__name__}: {scrubbed(error, key())}"
    return CallError(f"openai: {words}", again=isinstance(error, ValueError), billed=True)
