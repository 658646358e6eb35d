"""Addresses of servers that a user gives: written into records, so they hold no secrets."""

from __future__ import annotations

from urllib.parse import urlsplit

from benchkit.contracts.errors import ConfigError


def check_address(parameter: str, address: str) -> None:
    """Refuse an address that is none, or that holds what must not be written down.

    Args:
        parameter: its name, for the message.
        address: what was given.

    Raises:
        ConfigError: it cannot be used.
    """
    try:
        parts = urlsplit(address)
    except ValueError:  # a bracket that is not closed
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{parameter} takes an address such as http://localhost:8080/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            f"{parameter} must hold no key or password: those come from the environment"
        )
