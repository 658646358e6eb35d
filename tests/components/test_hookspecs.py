"""Every hook is documented, and a sample plugin that uses it works."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import pytest

from benchkit import hookspecs
from benchkit.components.registry import load
from benchkit.components.scaffold import project
from benchkit.contracts.component import KINDS
from tests.strangers import declare, entry_points_in

HOOKS = sorted(name for name in vars(hookspecs) if name.startswith("benchkit_"))


def test_every_kind_has_its_hook() -> None:
    assert sorted(f"benchkit_{kind}s" for kind in KINDS) == HOOKS


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_documented(hook: str) -> None:
    text = inspect.getdoc(getattr(hookspecs, hook)) or ""
    assert text.startswith("Return ")
    assert len(text) > 40


@pytest.mark.parametrize("hook", HOOKS)
def test_a_sample_plugin_uses_the_hook(
    hook: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = hook.removeprefix("benchkit_").removesuffix("s")
    source = project(f"sample-{kind}", kind)[f"src/benchkit_sample_{kind}.py"]
    assert f"\n@hookimpl\ndef {hook}()" in source
    module = f"benchkit_sample_{kind}"
    (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
    declare(tmp_path, f"benchkit-sample-{kind}", {"sample": module})
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = load(entry_points_in(tmp_path))
    assert registry.problems == []
    assert registry.get(kind, f"sample-{kind}").component.__module__ == module
    monkeypatch.delitem(sys.modules, module)
