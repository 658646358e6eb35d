"""Runs single checks of the conformance kit on a component."""

from __future__ import annotations

from typing import Any

import pytest

from benchkit.testing.component import ComponentConformance

Kit = type[ComponentConformance]


def checks(kit: Kit) -> list[str]:
    """Return the names of a kit's checks."""
    return sorted(name for name in dir(kit) if name.startswith("test_"))


def own_checks(kit: Kit) -> set[str]:
    """Return the names of the checks that a kit adds to those for every component."""
    return set(checks(kit)) - set(checks(ComponentConformance))


def try_check(kit: Kit, component: type[Any], check: str, **attributes: Any) -> None:
    """Run one check as pytest would for a stranger's test class."""
    made = type("TestStranger", (kit,), {"component": component, **attributes})
    getattr(made(), check)()


def must_fail(kit: Kit, component: type[Any], check: str, message: str, **attributes: Any) -> None:
    """Fail unless the check fails, and says so in words."""
    with pytest.raises(AssertionError, match=message):
        try_check(kit, component, check, **attributes)
