"""OpenAI's service and those that speak its protocol: the key, the client, what errors mean."""

from __future__ import annotations

import json
import os
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from benchkit_plugins.language_models.calls import CallError, retry_after, scrubbed

if TYPE_CHECKING:
    from openai import APIStatusError

KEY = "OPENAI_API_KEY"
OWN = "https://api.openai.com/v1"
_WORDS = ("error", "message", "detail", "msg")  # where servers put what they have to say


def key() -> str:
    """Return the key, "" where there is none."""
    return os.environ.get(KEY, "").strip()


def why_unavailable() -> str | None:
    """Return whether the package or the key is missing, in words, or None."""
    if find_spec("openai") is None:
        return "it needs the package openai"
    if not (secret := key()):
        return f"it needs a key: set {KEY} in the environment (it is never written anywhere)"
    if not secret.isascii() or not secret.isprintable() or " " in secret:
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
    """Translate an error of the SDK; to be raised `from None`.

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
        words = scrubbed(_words(error), key())
        return CallError(
            f"openai answered {error.status_code}: {words}",
            again=again and not broke,
            after=retry_after(error.response.headers.get("retry-after")),
        )
    if isinstance(error, ValueError):
        return CallError(
            f"openai's answer is not JSON ({scrubbed(error, key())})", again=True, billed=True
        )
    words = f"{type(error).__name__}: {scrubbed(error, key())}"
    return CallError(f"openai: {words}", billed=True)  # trying again mends nothing


def said(body: object) -> str:
    """Return a server's own words in the body of an answer, "" where it has none.

    OpenAI has them under error and message, FastAPI under detail, proxies send HTML.
    """
    if isinstance(body, str):
        return re.sub(r"<[^>]*>", " ", body).strip()
    if isinstance(body, list):
        return ", ".join(filter(None, map(said, body)))
    if isinstance(body, dict):
        return next(filter(None, (said(body.get(name)) for name in _WORDS)), "")
    return ""


def _words(error: APIStatusError) -> str:
    try:
        body = json.loads(error.response.text)
    except ValueError:
        body = error.response.text
    return said(body) or error.message
