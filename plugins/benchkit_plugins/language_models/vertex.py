"""Google's Vertex AI: who pays, the clients, what errors mean."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from benchkit import UnavailableError
from benchkit.contracts.errors import extra_missing
from benchkit_plugins.language_models.calls import CallError, retry_after, scrubbed

PROJECT = "GOOGLE_CLOUD_PROJECT"
_ASKED = re.compile(r"\A[A-Z]+ https?://\S+: ")
_EXTRA = extra_missing("vertex")


def project(given: str | None) -> str:
    """Return the project that pays, "" where none is set."""
    return given or os.environ.get(PROJECT, "").strip()


def not_installed() -> str | None:
    """Return the advice to install the extra, or None."""
    # the parent first: looking for a submodule of what is missing is an error
    if find_spec("google") is None or find_spec("google.cloud") is None:
        return _EXTRA
    return _EXTRA if find_spec("google.cloud.aiplatform_v1") is None else None


def client(service: str, api_endpoint: str | None, location: str) -> Any:
    """Return a client of the SDK that speaks REST, with the default credentials.

    Args:
        service: name of the client's class, such as ``PredictionServiceClient``.
        api_endpoint: address of another server; none: Google's.
        location: where the model runs.

    Raises:
        UnavailableError: there are no credentials.
    """
    from google.api_core.client_options import ClientOptions
    from google.cloud import aiplatform_v1

    own = "" if location == "global" else f"{location}-"
    endpoint = api_endpoint or f"{own}aiplatform.googleapis.com"
    return getattr(aiplatform_v1, service)(
        transport="rest",
        credentials=credentials(api_endpoint),
        client_options=ClientOptions(api_endpoint=endpoint.rstrip("/")),
    )


def credentials(api_endpoint: str | None) -> Any:
    """Return the default credentials; at ``http://`` none are sent.

    Raises:
        UnavailableError: there are none.
    """
    import google.auth
    from google.auth.credentials import AnonymousCredentials
    from google.auth.exceptions import DefaultCredentialsError

    if api_endpoint is not None and urlsplit(api_endpoint).scheme == "http":
        return AnonymousCredentials()
    try:
        default, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    except DefaultCredentialsError:
        raise UnavailableError(
            "vertex finds no credentials: run `gcloud auth application-default login`, or set "
            "GOOGLE_APPLICATION_CREDENTIALS to the file of a service account"
        ) from None
    return default


def storage(project: str, api_endpoint: str | None) -> Any:
    """Return a client of Cloud Storage, with the credentials of `client`.

    Raises:
        UnavailableError: there are no credentials.
    """
    from google.cloud import storage as sdk

    return sdk.Client(project=project, credentials=credentials(api_endpoint))


def token(client: Any) -> str | None:
    """Return the secret that a client sends."""
    sender = getattr(client, "transport", client)
    secret: str | None = getattr(sender._credentials, "token", None)
    return secret


def failed(error: Exception, timeout: float, *tokens: str | None) -> CallError:
    """Translate an error of a client; to be raised `from None`.

    No traceback may hold what a server said: it could echo a token.
    """
    import requests
    from google.api_core.exceptions import GoogleAPICallError
    from google.protobuf.json_format import ParseError

    if isinstance(error, requests.Timeout):
        reached = not isinstance(error, requests.ConnectTimeout)
        return CallError(f"vertex did not answer within {timeout:g} s", again=True, billed=reached)
    if isinstance(error, requests.RequestException):
        kind = type(error).__name__
        return CallError(f"the connection to vertex failed ({kind})", again=True, billed=True)
    # the client puts what was asked before the server's words, and is cut off behind it
    words = scrubbed(_ASKED.sub("", str(getattr(error, "message", error))), *tokens)
    if isinstance(error, GoogleAPICallError):
        code = int(error.code or 0)
        headers = getattr(error.response, "headers", None) or {}
        return CallError(
            f"vertex answered {code}: {words}",
            again=code in (408, 429) or code >= 500,
            after=retry_after(headers.get("Retry-After")),
        )
    # a body that is no JSON, say; anything else is not mended by trying again
    kind, passing = type(error).__name__, isinstance(error, (ValueError, ParseError))
    return CallError(f"vertex: {kind}: {words}", again=passing, billed=True)
