"""The way to prepared data: by a name or a TOML file, and from the cache where it is there.

<workspace>/datasets/<name>/raw/          the original files, fetched or put there by hand
<workspace>/datasets/<name>/sample/       the generated ones
<workspace>/datasets/<name>/prepared/     prepared data, by what they were made of
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchkit.components.registry import GROUP, Registered, registry
from benchkit.contracts.dataset import Dataset, PreparedDataset
from benchkit.contracts.errors import ConfigError, DataError, PluginError
from benchkit.contracts.protocol import Protocol
from benchkit.data import cache as prepared_cache
from benchkit.toolkit.files import folder_atomically

SAMPLE_SESSIONS = 4000
SAMPLE_SEED = 0


def open_dataset(
    name: str, workspace: Path, raw: Path | None, values: Mapping[str, object]
) -> PreparedDataset:
    """Return prepared data, from the cache if the same were prepared before.

    Args:
        name: a registered dataset, ``<name>-sample`` for its generated sample, or the path of a
            ``.toml`` file (`benchkit.toolkit.session_log`).
        workspace: folder that holds ``datasets/``.
        raw: folder of the raw files; None means those in the workspace, and where there are none
            the generated sample.
        values: the user's values of the dataset's parameters.

    Raises:
        PluginError: no dataset of that name is installed.
        ConfigError: a value does not fit.
        DataError: raw files are missing or damaged, or nothing is left of them.
    """
    if name.endswith(".toml"):
        return _open_own(Path(name), workspace, raw, values)
    original = name.removesuffix("-sample")
    sampled = original in (installed := registry().components["dataset"]) and name not in installed
    if sampled and raw is not None:
        raise ConfigError(f"{name} is generated; --raw is for {original}")
    name = original if sampled else name
    try:
        entry = registry().get("dataset", name)
    except PluginError as error:
        raise PluginError(f"{error}; data of your own are named by their TOML file") from error
    dataset = registry().dataset(name)(registry().dataset(name).Config.create(values, name))
    home = workspace / "datasets" / name
    folder = None if sampled else raw_folder(dataset, home, raw)
    synthetic = folder is None
    if folder is None:
        if not dataset.generates():
            raise DataError(
                f"{name} generates no sample, and {home / 'raw'} holds no raw files: put them "
                f"there, or name their folder with --raw"
                + f" ({dataset.advice})"
                * bool(dataset.advice)
            )
        folder = sample_folder(dataset, home, entry)
    shown = f"{name}-sample" if synthetic else name
    return prepared_cache.prepared(
        dataset, folder, home, name=shown, synthetic=synthetic, source=_source(entry)
    )


def names_of(dataset: str) -> list[str]:
    """Return what parameters may call a dataset: its name, its sample's, its TOML file's.

    Raises:
        DataError: the file is missing, is no TOML, or has no name.
    """
    if not dataset.endswith(".toml"):
        original = dataset.removesuffix("-sample")
        return [original, f"{original}-sample"]
    from benchkit.toolkit.session_log import read_name

    path = Path(dataset)
    return [path.stem, read_name(path)]


def take_values(values: dict[str, dict[str, Any]], dataset: str) -> dict[str, Any]:
    """Take the dataset's own out of the user's values, which are by component.

    Raises:
        DataError: as `names_of`.
    """
    taken: dict[str, Any] = {}
    for name in names_of(dataset):
        taken |= values.pop(name, {})
    return taken


def load_prepared(
    workspace: Path, name: str, fingerprint: str, protocol: Mapping[str, Any]
) -> PreparedDataset:
    """Return data that were prepared before, without looking at raw files.

    Args:
        workspace: folder that holds ``datasets/``.
        name: of the dataset.
        fingerprint: of the data. It is the same for every order of equal timestamps in the file.
        protocol: as a record keeps it. Where it takes the file's order, that must be the same too.

    Raises:
        DataError: they are not in the cache, or damaged there.
    """
    rules, wanted = Protocol.of(protocol), protocol["fingerprint"]
    data = prepared_cache.find(
        workspace / "datasets",
        name,
        fingerprint,
        lambda order: rules.ties != "file" or rules.fingerprint(order) == wanted,
    )
    if data is None:
        raise DataError(
            f"{name}: the prepared data {fingerprint[:12]} are not under {workspace / 'datasets'}; "
            f"run `benchkit run` with the same dataset and options again, which prepares them"
        )
    return data


def statistics(prepared: PreparedDataset) -> dict[str, float]:
    """Return the columns of the paper's Table 2: what a `Published.statistics` is called by.

    Classes are the distinct ones that LDA tells apart; items without one have none.
    """
    sessions, items = len(prepared.sessions), len(prepared.catalog)
    interactions = prepared.sessions.interactions
    return {
        "sessions": sessions,
        "items": items,
        "classes": len(set(prepared.catalog.classes) - {""}),
        "interactions": interactions,
        "average_session_length": interactions / sessions,
        "density_percent": 100 * interactions / (sessions * items),
    }


def raw_folder(dataset: Dataset, home: Path, raw: Path | None) -> Path | None:
    """Return the folder of a dataset's raw files; None where a generated sample has to do.

    Args:
        dataset: the dataset.
        home: its folder in the workspace.
        raw: the folder that the user named, if any.

    Raises:
        DataError: files are missing in the folder that the user named, or some in that of the
            workspace; and what to do about it.
    """
    folder = raw if raw is not None else home / "raw"
    missing = [file.name for file in dataset.files if not any(folder.glob(file.name))]
    if not missing:
        return folder
    if raw is None and len(missing) == len(dataset.files):
        return None
    verb = "is" if len(missing) == 1 else "are"
    raise DataError(
        f"{dataset.name}: {' and '.join(missing)} {verb} missing in {folder}; "
        f"`benchkit data fetch {dataset.name}` downloads the files, or says what to put where"
    )


def sample_folder(dataset: Dataset, home: Path, entry: Registered) -> Path:
    """Return the folder of the generated sample, which each code of the plugin makes once."""
    code = f"{entry.version}-{entry.source_digest()[:8]}"
    folder = home / "sample" / f"{code}-{SAMPLE_SESSIONS}-sessions-seed-{SAMPLE_SEED}"
    if not all(any(folder.glob(file.name)) for file in dataset.files):
        with folder_atomically(folder) as new:
            dataset.generate(new, SAMPLE_SESSIONS, SAMPLE_SEED)
    return folder


def _source(entry: Registered) -> str:
    """Return what identifies the code of a dataset plugin."""
    return f"{entry.distribution} {entry.version} {entry.source_digest()}"


def _open_own(
    path: Path, workspace: Path, raw: Path | None, values: Mapping[str, object]
) -> PreparedDataset:
    from benchkit.toolkit.session_log import read_toml

    if raw is not None:
        raise ConfigError(f"--raw does not go with {path}: the file itself says where its data are")
    dataset = read_toml(path, values)
    if dataset.name.removesuffix("-sample") in registry().components["dataset"]:
        raise ConfigError(  # in a table it would stand beside others' data
            f"{path}: the name {dataset.name!r} belongs to an installed dataset; choose another"
        )
    home = workspace / "datasets" / dataset.name
    return prepared_cache.prepared(
        dataset,
        path.parent,
        home,
        name=dataset.name,
        synthetic=False,
        source=f"{GROUP} toml {dataset.tables}",
    )
