"""Run an experiment in a fresh Python process, to compare its results with those of this one."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from benchkit.contracts.component import Component
from benchkit.contracts.config import Value
from benchkit.testing.checks import Array, require

Results = dict[str, Array]
Experiment = Callable[[type[Any], Mapping[str, Value]], Results]

_CHILD = (
    "import json, sys; request = json.loads(sys.argv[1]); sys.path[:] = request['path'];"
    "from benchkit.testing.processes import answer; answer(request)"
)


def elsewhere(
    experiment: Experiment, component: type[Component], config: Mapping[str, Value]
) -> Results:
    """Return what an experiment gives in another process with another seed of Python's hashes.

    Args:
        experiment: function of a module; its arrays come back by name.
        component: class at the top level of a module.
        config: values of the configuration.
    """
    require(
        "<locals>" not in component.__qualname__,
        f"{component.__name__} must stand at the top level of its module, "
        "so that another process can import it",
    )
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "results.npz")
        request = json.dumps(
            {
                "path": sys.path,
                "experiment": [experiment.__module__, experiment.__qualname__],
                "module": component.__module__,
                "file": getattr(sys.modules.get(component.__module__), "__file__", None),
                "component": component.__qualname__,
                "config": dict(config),
                "target": str(target),
            }
        )
        child = subprocess.run(
            [sys.executable, "-c", _CHILD, request],
            env={**os.environ, "PYTHONHASHSEED": "4711"},
            capture_output=True,
            text=True,
            check=False,
        )
        require(
            child.returncode == 0 and target.exists(),
            f"{component.__name__} fails in another process:\n{child.stderr[-2000:]}",
        )
        with np.load(target, allow_pickle=False) as results:
            return dict(results)


def answer(request: Mapping[str, Any]) -> None:
    """Serve a request of `elsewhere`; runs in the other process."""
    component = _named(_module(request["module"], request["file"]), request["component"])
    module, name = request["experiment"]
    experiment = _named(importlib.import_module(module), name)
    np.savez(request["target"], **experiment(component, request["config"]))


def _module(name: str, file: str | None) -> Any:
    """Import a module by name; where only pytest knows that name, by file."""
    try:
        return importlib.import_module(name)
    except ImportError:
        spec = importlib.util.spec_from_file_location(name, file) if file else None
        if spec is None or spec.loader is None:
            raise
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module


def _named(module: Any, path: str) -> Any:
    return reduce(getattr, path.split("."), module)


def loaded_modules(component: type[Component], config: Mapping[str, Value]) -> Results:
    """Return which modules importing the component's module has loaded (an experiment)."""
    del component, config
    return {"modules": np.array(sorted(sys.modules))}
