"""benchkit: a plugin-based benchmark harness for sequential recommendation with language models.

What notebooks call (`benchkit.api`) and what a plugin author needs is importable from here;
everything is loaded at first use, so that
`import benchkit` costs nothing.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchkit.api import Data as Data
    from benchkit.api import Experiment as Experiment
    from benchkit.api import Leaderboard as Leaderboard
    from benchkit.api import Results as Results
    from benchkit.api import check as check
    from benchkit.api import export as export
    from benchkit.api import leaderboard as leaderboard
    from benchkit.api import merge as merge
    from benchkit.api import open_dataset as open_dataset
    from benchkit.api import recommender as recommender
    from benchkit.api import relative_gains as relative_gains
    from benchkit.api import run as run
    from benchkit.api.site import write_site as write_site
    from benchkit.contracts.catalog import Catalog as Catalog
    from benchkit.contracts.config import Choice as Choice
    from benchkit.contracts.config import Config as Config
    from benchkit.contracts.config import Float as Float
    from benchkit.contracts.config import Int as Int
    from benchkit.contracts.config import param as param
    from benchkit.contracts.dataset import Dataset as Dataset
    from benchkit.contracts.dataset import DatasetConfig as DatasetConfig
    from benchkit.contracts.dataset import RawFile as RawFile
    from benchkit.contracts.dataset import RawTables as RawTables
    from benchkit.contracts.embedder import Embedder as Embedder
    from benchkit.contracts.errors import BenchkitError as BenchkitError
    from benchkit.contracts.errors import DataError as DataError
    from benchkit.contracts.errors import UnavailableError as UnavailableError
    from benchkit.contracts.metric import Metric as Metric
    from benchkit.contracts.metric import RankedLists as RankedLists
    from benchkit.contracts.prompted import Example as Example
    from benchkit.contracts.prompted import Message as Message
    from benchkit.contracts.prompted import Pairs as Pairs
    from benchkit.contracts.prompted import PromptedRecommender as PromptedRecommender
    from benchkit.contracts.prompted import Work as Work
    from benchkit.contracts.published import Published as Published
    from benchkit.contracts.published import PublishedAnswers as PublishedAnswers
    from benchkit.contracts.published import PublishedRow as PublishedRow
    from benchkit.contracts.recommender import Bench as Bench
    from benchkit.contracts.recommender import ExcludeSeen as ExcludeSeen
    from benchkit.contracts.recommender import Recommendations as Recommendations
    from benchkit.contracts.recommender import Recommender as Recommender
    from benchkit.contracts.reducer import Reducer as Reducer
    from benchkit.contracts.sessions import Sessions as Sessions
    from benchkit.hookspecs import hookimpl as hookimpl

# The name to install it by: on PyPI, `benchkit` is another project.
DISTRIBUTION = "seqrec-benchkit"

# polars panics at 0, which elsewhere means as many as there are cores.
if os.environ.get("POLARS_MAX_THREADS", "").strip() == "0":
    del os.environ["POLARS_MAX_THREADS"]

_HOMES = {
    "api": (
        "Data",
        "Experiment",
        "Leaderboard",
        "Results",
        "check",
        "export",
        "leaderboard",
        "merge",
        "open_dataset",
        "recommender",
        "relative_gains",
        "run",
    ),
    "api.site": ("write_site",),
    "contracts.catalog": ("Catalog",),
    "contracts.config": ("Choice", "Config", "Float", "Int", "param"),
    "contracts.dataset": ("Dataset", "DatasetConfig", "RawFile", "RawTables"),
    "contracts.embedder": ("Embedder",),
    "contracts.metric": ("Metric", "RankedLists"),
    "contracts.prompted": ("Example", "Message", "Pairs", "PromptedRecommender", "Work"),
    "contracts.published": ("Published", "PublishedAnswers", "PublishedRow"),
    "contracts.recommender": ("Bench", "ExcludeSeen", "Recommendations", "Recommender"),
    "contracts.reducer": ("Reducer",),
    "contracts.sessions": ("Sessions",),
    "contracts.errors": ("BenchkitError", "DataError", "UnavailableError"),
    "hookspecs": ("hookimpl",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - the names above, listed once


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'benchkit' has no attribute {name!r}")
    return getattr(importlib.import_module(f"benchkit.{_HOME_OF[name]}"), name)
