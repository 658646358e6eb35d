"""What every component has: a name, a headline, a source and a configuration."""

from __future__ import annotations

import inspect
from abc import ABC
from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from benchkit.contracts import config as configuration
from benchkit.contracts.catalog import Catalog
from benchkit.contracts.config import Value

KINDS = ("dataset", "embedder", "reducer", "recommender", "metric")


class Component(ABC):
    """Base of everything a plugin provides.

    The first line of the class's docstring is its headline in `benchkit list`.

    Attributes:
        name: name on the command line, in kebab-case.
        source: where it is described, e.g. ``"paper 5.1"``.
        kind: one of `KINDS`; set by the base class of the kind.
        Config: class of the configuration.
        presets: the best known values for a dataset family, ``{"beauty": {"k": 200}}``; under
            ``sample``, values for a quick look, which generated samples get.
        builds_on: other components that it always asks for, as (kind, name); those that a
            parameter names (`param(names=...)`) need not be listed.
    """

    name: ClassVar[str]
    source: ClassVar[str] = ""
    kind: ClassVar[str]
    Config: ClassVar[type[configuration.Config]] = configuration.Config
    presets: ClassVar[Mapping[str, Mapping[str, Value]]] = {}
    builds_on: ClassVar[Sequence[tuple[str, str]]] = ()

    def __init__(self, config: configuration.Config | None = None) -> None:
        self.config = config if config is not None else self.Config()

    def requires(self) -> list[tuple[str, str]]:
        """Return the components that this one asks for, as (kind, name)."""
        named = [
            (field.param.names, str(value))
            for field in self.config.fields()
            if field.param.names and (value := getattr(self.config, field.name)) is not None
        ]
        return [*self.builds_on, *named]

    def sets(self) -> Mapping[str, Collection[str]]:
        """Return the parameters of others that it sets itself where it asks for them, by name.

        What the user set for them elsewhere does not reach those, and tells no results apart:
        ``{"sknn": ("exclude_seen",)}``.
        """
        return {}

    def identity(self) -> dict[str, Value]:
        """Return what of the configuration shapes results, by parameter.

        By default all of it but what is `incidental`.
        """
        incidental = {field.name for field in self.config.fields() if field.param.incidental}
        values = self.config.as_dict()
        return {name: value for name, value in values.items() if name not in incidental}

    def uses_gpu(self) -> bool:
        """Return whether it computes on a GPU where there is one; by its parameter ``device``."""
        device = str(getattr(self.config, "device", "cpu"))
        return device.partition(":")[0] in ("auto", "cuda")

    def reads(self) -> dict[str, str]:
        """Return a digest of the content of each file that a parameter names, by parameter.

        A run is another one when such a file has changed.

        Raises:
            ConfigError: a file cannot be used.
        """
        return {}

    def why_unavailable(self) -> str | None:
        """Return why this configuration cannot run here, or None; by default `unavailable`."""
        return self.unavailable()

    def unsuitable(self, catalog: Catalog) -> str | None:  # noqa: ARG002
        """Return why this configuration cannot work on a dataset, or None.

        What cannot is left out before a run, with the reason, and no search draws it.

        Args:
            catalog: the dataset's items: their texts, classes, attributes.
        """
        return None

    def downloads(self) -> str | None:
        """Return what must be downloaded before this configuration can run, or None.

        `benchkit run --all` leaves out what nobody named and would have to be downloaded.
        """
        return None

    @classmethod
    def headline(cls) -> str:
        """Return the first line of the docstring."""
        return (inspect.getdoc(cls) or "").partition("\n")[0]

    @classmethod
    def unavailable(cls) -> str | None:
        """Return why the component cannot run here (a missing extra or key), or None.

        Called before a run, so that what cannot run is listed with its reason. It must be quick:
        look for a module or a variable, import nothing heavy and open no connection.
        """
        return None
