"""Plugins are found; broken and contested ones are reported by name and left out."""

from __future__ import annotations

import inspect
import signal
from pathlib import Path

import pytest

from benchkit import DISTRIBUTION
from benchkit.components.registry import Registered, Registry, load, registry
from benchkit.contracts.errors import PluginError
from benchkit.toolkit import fingerprint as sources
from benchkit_plugins.recommenders.prompted.providers.contract import provider_class
from tests.strangers import RECOMMENDER, declare, entry_points_in, install

BODY = RECOMMENDER.format(name="broken")
METRIC = """
from benchkit import Metric, hookimpl

class Odd(Metric):
    name, {} = "odd", {}

    def values(self, lists, k):
        return None

@hookimpl
def benchkit_metrics():
    return [Odd]
"""


def configured(parameter: str, *, decorated: bool = True) -> str:
    """Return the source of a recommender with a parameter."""
    config = f"class C(Config):\n    {parameter}\n"
    head = "from dataclasses import dataclass\nfrom benchkit import Config, Float, Int, param\n"
    line = "@dataclass(frozen=True, kw_only=True)\n" if decorated else ""
    return head + line + config + BODY.replace("source = ", "Config = C\n    source = ")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path, to install strangers into."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def found(folder: Path) -> Registry:
    return load(entry_points_in(folder))


def recommenders(registry: Registry) -> list[str]:
    return sorted(registry.components["recommender"])


def test_a_plugin_is_found_with_its_origin(folder: Path) -> None:
    install(folder, "distribution-a", RECOMMENDER.format(name="alpha"), version="3.4.5")
    registry = found(folder)
    entry = registry.get("recommender", "alpha")
    assert (entry.distribution, entry.version) == ("distribution-a", "3.4.5")
    assert registry.recommender("alpha") is entry.component
    assert registry.problems == []


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
        ("raise SystemExit('no licence')", "SystemExit: no licence"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("this is no Python", "SyntaxError"),
        ("x = 1", "implements no hook; there are: benchkit_datasets"),
        (BODY.replace("def benchkit_recommenders", "def benchkit_recomenders"), "unknown hook"),
        (
            BODY.replace("def benchkit_recommenders()", "def benchkit_recommenders(x)"),
            "Argument(s)",
        ),
        (BODY.replace("return [Stranger]", "return Stranger"), "must return a list of classes"),
        (BODY.replace("return [Stranger]", "return None"), "must return a list of classes"),
        (BODY.replace("return [Stranger]", "return [Stranger()]"), "derived from Recommender"),
        (BODY.replace("return [Stranger]", "return [int]"), "derived from Recommender"),
        (BODY.replace("return [Stranger]", "return 1 / 0"), "ZeroDivisionError"),
        (BODY.replace("benchkit_recommenders", "benchkit_metrics"), "derived from Metric"),
        (BODY.replace("name = ", "title = "), "Stranger needs a name in kebab-case, not None"),
        (BODY.replace("'broken'", "'../broken'"), "in kebab-case, not '../broken'"),
        (BODY.replace("def recommend(", "def advise("), "Stranger lacks recommend"),
        (BODY.replace("source = ", "Config = "), "Config must derive from benchkit.Config"),
        (BODY.replace("@hookimpl", ""), "benchkit_recommenders lacks @hookimpl"),
        (METRIC.format("bounds", "None"), "bounds must be two numbers, not None"),
        (METRIC.format("column", "'last'"), "column must be an integer, not 'last'"),
        (configured("k: int = param(1, 'size')", decorated=False), "lacks @dataclass(frozen=True"),
        (configured("e: str = param('lsa', 'whose', names='embeder')"), "did you mean embedder"),
        (configured("k: int = param(1, 'size', when={'nosuch': 1})"), "unknown parameter 'nosuch'"),
        (configured("k: int = param(1, 'size', search=Float(1, 9))"), "takes whole numbers"),
        (configured("k: int = param(1, 'size', search=Int(9, 1))"), "9 to 1 is no range to search"),
        (configured("k: int = param(1, 'size', search=Int(0, 9, log=True))"), "begins above 0"),
    ],
)
def test_a_broken_plugin_is_reported_and_left_out(folder: Path, source: str, reason: str) -> None:
    install(folder, "careless", source, version="0.9", entry="oops")
    install(folder, "zealous", RECOMMENDER.format(name="alpha"))
    registry = found(folder)
    assert recommenders(registry) == ["alpha"]
    (problem,) = registry.problems
    assert "plugin 'oops' of careless 0.9 is left out" in problem
    assert reason in problem
    assert "\n" not in problem


def test_a_plugin_with_one_broken_hook_gives_nothing(folder: Path) -> None:
    broken = "\n@hookimpl\ndef benchkit_metrics():\n    return [Stranger]\n"
    install(folder, "careless", BODY + broken)
    registry = found(folder)
    assert recommenders(registry) == []
    assert len(registry.problems) == 1


def test_an_entry_point_to_nowhere_is_reported(folder: Path) -> None:
    declare(folder, "hollow", {"nothing": "no_such_module_at_all"})
    (problem,) = found(folder).problems
    assert "'nothing' of hollow 1.0" in problem


def test_a_module_named_twice_counts_once(folder: Path) -> None:
    module = install(folder, "owner", RECOMMENDER.format(name="alpha"))
    install(folder, "borrower", f"from {module} import Stranger, benchkit_recommenders", entry="b")
    declare(folder, "second", {"again": module, "twice": module})
    registry = found(folder)
    assert recommenders(registry) == ["alpha"]
    assert registry.get("recommender", "alpha").distribution == "borrower"
    assert registry.problems == [
        f"second names plugins that owner has named ({module} and 1 more): they count once, as "
        "those of owner"
    ]


def test_what_a_plugin_prints_is_not_on_standard_output(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    loud = "import os\nprint('printed')\nos.write(1, b'written\\n')\n"
    install(folder, "loud", loud + RECOMMENDER.format(name="alpha"))
    assert recommenders(found(folder)) == ["alpha"]
    print("ours")
    captured = capfd.readouterr()
    assert captured.out == "ours\n"
    assert sorted(captured.err.split()) == ["printed", "written"]


def test_ctrl_c_among_plugins_is_no_fault_of_theirs(folder: Path) -> None:
    install(folder, "slow", "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n" + BODY)
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # the command line has its own
    try:
        with pytest.raises(KeyboardInterrupt):
            found(folder)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_stranger_cannot_replace_a_component_of_benchkits_own(folder: Path) -> None:
    install(folder, "aaa-thief", RECOMMENDER.format(name="sasrec"), version="6.6")
    install(folder, DISTRIBUTION, RECOMMENDER.format(name="sasrec"), version="0.1.0")
    registry = found(folder)
    assert registry.get("recommender", "sasrec").distribution == DISTRIBUTION
    (problem,) = registry.problems
    assert "benchkit 0.1.0 and aaa-thief 6.6" in problem
    assert "that of aaa-thief is left out" in problem


def test_a_name_that_strangers_contest_is_nobodys(folder: Path) -> None:
    for distribution in ("one", "two", "three"):
        install(folder, distribution, RECOMMENDER.format(name="sasrec"))
    install(folder, "four", RECOMMENDER.format(name="alpha"))
    registry = found(folder)
    assert recommenders(registry) == ["alpha"]
    assert len(registry.problems) == 2
    for lookup in (registry.get, lambda kind, name: registry.find(name, kind)):
        with pytest.raises(
            PluginError, match=r"one 1\.0 and three 1\.0: neither is used; uninstall"
        ):
            lookup("recommender", "sasrec")


def test_benchkits_own_plugins_must_work(folder: Path) -> None:
    install(folder, DISTRIBUTION, "import nowhere_to_be_found")
    with pytest.raises(PluginError, match="nowhere_to_be_found"):
        found(folder)


def test_an_unknown_name_gets_the_nearest(folder: Path) -> None:
    install(folder, "distribution-a", RECOMMENDER.format(name="alpha"))
    registry = found(folder)
    with pytest.raises(PluginError, match="unknown recommender 'alhpa'; did you mean alpha"):
        registry.get("recommender", "alhpa")
    with pytest.raises(PluginError, match="unknown component 'alhpa'; did you mean alpha"):
        registry.find("alhpa")
    with pytest.raises(PluginError, match="unknown metric 'alpha'; there are: none"):
        registry.find("alpha", "metric")


def test_a_name_may_be_used_by_several_kinds(folder: Path) -> None:
    reducer = BODY.replace("Recommender", "Reducer").replace(
        "benchkit_recommenders", "benchkit_reducers"
    )
    reducer = reducer.replace("Recommendations, Reducer", "Recommendations, Reducer as Reducer")
    reducer = reducer.replace("def recommend", "def transform")
    install(folder, "one", reducer)
    install(folder, "two", BODY)
    registry = found(folder)
    assert registry.problems == []
    assert {entry.component.kind for entry in registry.find("broken")} == {"recommender", "reducer"}
    assert [entry.distribution for entry in registry.find("broken", "reducer")] == ["one"]


def test_an_edited_plugin_has_another_digest(folder: Path) -> None:
    module = install(folder, "one", BODY)
    entry = found(folder).get("recommender", "broken")
    before = entry.source_digest()
    (folder / f"{module}.py").write_text(BODY + "EDITED = True\n")
    assert before != entry.source_digest()
    assert len(before) == 16


CODE = '''"""A module."""
from benchkit import hookimpl, Recommender, Recommendations
class Stranger(Recommender):
    """A headline."""
    name = "broken"
    def fit(self, train, bench):
        """Fit."""
        if len(train):
            self.one = 1
            self.two = 2
    def recommend(self, prompts, k):
        return Recommendations.empty(len(prompts), k)
@hookimpl
def benchkit_recommenders():
    return [Stranger]
'''


@pytest.mark.parametrize(
    ("old", "new", "another"),
    [
        ("A module.", "Another", False),
        ('"""Fit."""', "", False),
        ("A headline.", "Two\nlines.", False),
        ("self.one = 1", "self.one = 1  # a reason", False),
        ("class Stranger", "\n\n# a reason\nclass Stranger", False),
        ("    ", "  ", False),
        ("self.one = 1", "self.one = 2", True),
        ("            self.two", "        self.two", True),
        ("self.two = 2", "self.two = '''2'''", True),
        ("[Stranger]", "[Stranger", True),
    ],
)
def test_what_a_machine_does_not_read_makes_no_other_plugin(
    folder: Path, old: str, new: str, another: bool
) -> None:
    module = install(folder, "one", CODE)
    entry = found(folder).get("recommender", "broken")
    before = entry.source_digest()
    (folder / f"{module}.py").write_text(CODE.replace(old, new))
    assert (entry.source_digest() != before) == another


def test_an_edited_module_of_a_package_is_another_plugin(folder: Path) -> None:
    package = folder / "stranger_package"
    (package / "parts").mkdir(parents=True)
    (package / "__init__.py").write_text(
        BODY.replace("@hookimpl", "from .parts import core\n\n@hookimpl")
    )
    for name in ("__init__", "core"):
        (package / "parts" / f"{name}.py").write_text("")
    declare(folder, "one", {"plugin": package.name})
    entry = found(folder).get("recommender", "broken")
    before = entry.source_digest()
    (package / "parts" / "core.py").write_text("EDITED = True\n")
    assert before != entry.source_digest()


def test_an_edited_base_in_a_module_beside_is_another_plugin(folder: Path) -> None:
    (folder / "stranger_base.py").write_text(BODY)
    derived = "import stranger_base\n" + BODY.replace("(Recommender)", "(stranger_base.Stranger)")
    install(folder, "one", derived)
    entry = found(folder).get("recommender", "broken")
    before = entry.source_digest()
    (folder / "stranger_base.py").write_text(BODY + "EDITED = True\n")
    assert before != entry.source_digest()


def test_an_edited_helper_in_a_module_beside_is_another_plugin(folder: Path) -> None:
    (folder / "stranger_helper.py").write_text("def f():\n    from stranger_leaf import x\n")
    (folder / "stranger_leaf.py").write_text("x = 1\nimport stranger_helper\n")
    (folder / "stranger_else.py").write_text("x = 1\n")
    install(folder, "one", "import stranger_helper, numpy, json\n" + BODY)
    entry = found(folder).get("recommender", "broken")
    before = entry.source_digest()
    (folder / "stranger_else.py").write_text("x = 2\n")
    assert before == entry.source_digest()
    (folder / "stranger_leaf.py").write_text("x = 2\nthis is no Python\n")
    assert before != entry.source_digest()


def test_of_benchkits_own_what_the_class_imports_of_the_plugins_counts(folder: Path) -> None:
    package = folder / "own_package"
    package.mkdir()
    modules = {
        "__init__": "",
        "core": "def f():\n    from own_package import deep\n",
        "deep": "from own_package.core import f\n",
        "other": "",
        "plugin": "import own_package.core, json\n" + BODY,
    }
    for name, text in modules.items():
        (package / f"{name}.py").write_text(text)
    declare(folder, "one", {"plugin": "own_package.plugin"})
    component = found(folder).get("recommender", "broken").component
    own = Registered(component, DISTRIBUTION, "1")
    before = own.source_digest()
    (package / "other.py").write_text("EDITED = True\n")
    assert own.source_digest() == before
    (package / "deep.py").write_text("EDITED = True\n")
    assert own.source_digest() != before


def test_of_a_network_its_loop_is_part() -> None:
    files = {path.name for path in _files_of("sasrec")}
    assert {"sasrec.py", "training.py", "losses.py", "transformer.py"} <= files
    assert not {"gru4rec.py", "pretraining.py"} & files
    assert {"task.py", "gen_item.py"} <= {path.name for path in _files_of("tallrec")}
    # found by name, so no import says it: `LLMSeqPrompt.reads` adds its digest
    local = provider_class("local")
    paths = sources._files(local, Path(inspect.getfile(local)), whole=False)
    assert {"provider.py", "lora.py", "decoding.py"} <= {path.name for path in paths}


def _files_of(name: str) -> set[Path]:
    component = registry().get("recommender", name).component
    return sources._files(component, Path(inspect.getfile(component)), whole=False)
