"""What comes out, to the byte: identities, a run's records, a report in every form, the catalogue.

`made/` holds the output, and is made again, where output changes on purpose, by

    REGBENCH_GOLDEN=remake python -m pytest tests/golden

which says which files changed: read the difference before it is committed. Two things are never made again:
`sweep/` is a sweep of version 0.1.0 (`LINE` below; paths made neutral, the events of TensorBoard left out),
kept to show that old run folders are still read. `identities.json` says how finished runs are found.

Figures and pictures depend on more than this package. `made/with.json` says with what the files were made;
where that differs here, the test of it compares loosely or skips, and says so.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import re
import shutil
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch

from regbench.records.identity import identity
from tests import processes
from tests.conftest import compose

HERE = Path(__file__).parent
MADE = HERE / "made"
SWEEP = HERE / "sweep"
REMAKE = os.environ.get("REGBENCH_GOLDEN") == "remake"
SHORT = [
    *["model=mlp", "model.width=16", "train.epochs=2", "train.batch_size=32", "train.lr=0.3"],
    *["dataset.num_train=97", "evaluate=[calibration,per_class]"],
    *["threads=1", "device=cpu", "checkpoints=none"],
]
LINE = ["-m", *SHORT, "+reg=[],dropout,[dropout,l2]", "seed=0,1,2", "sweep=old"]
RUN = [*SHORT, "+reg=[dropout,l2,mixup]", "evaluate_test=true", "hydra.run.dir=run"]
FIXED = ("fixed.txt", "fixed.json")  # by the test for a number of seeds that was chosen beforehand
REPORTS = ("report.txt", "report.json", "report.csv", "report.md", "report.tex")
# what no two runs have in common, or no two machines
PASSING = re.compile(r'("(?:time/\w+|seconds|ended)": |"peak_memory_mb": )("[^"]*"|\{[^}]*\}|[-+.e\d]+)')


def arithmetic() -> str:
    """A digest of what this processor makes of a few products and sums: alike for those that round alike."""
    left, right = (torch.linspace(-3, 3, 97 * 64).reshape(shape) for shape in ((97, 64), (64, 97)))
    logits = (left @ right).log_softmax(1)
    return hashlib.sha256((logits.T @ left).numpy().tobytes() + logits.mean(0).numpy().tobytes()).hexdigest()[
        :16
    ]


def kind() -> str:
    """Family, model and stepping of this processor, as Linux tells them: kernels are chosen by them."""
    told = Path("/proc/cpuinfo")
    words = (
        dict(re.findall(r"^(cpu family|model|stepping)\s*: (\d+)$", told.read_text(), re.M))
        if told.exists()
        else {}
    )
    return "-".join(words.get(name, "?") for name in ("cpu family", "model", "stepping"))


def here() -> dict[str, str]:
    """What the files depend on, beside this package."""
    packages = ("torch", "numpy", "scipy", "scikit-learn", "matplotlib", "plotly")
    return {name: version(name) for name in packages} | {
        "python": platform.python_version().rpartition(".")[0],
        "processor": f"{torch.backends.cpu.get_cpu_capability()} {kind()} {arithmetic()}",
    }


def others(*names: str) -> list[str]:
    """Those of the things named that are not here what the files were made with."""
    stored, now = json.loads((MADE / "with.json").read_text()), here()
    return [f"{name} {now[name]}, not {stored[name]}" for name in names if now[name] != stored[name]]


def regbench(folder: Path, *words: str) -> str:
    """What a command says on its standard output, at a fixed width, its data in /data."""
    done = processes.run(*words, cwd=folder, COLUMNS="120", REGBENCH_DATA="/data")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", autouse=True)
def _with() -> None:
    if REMAKE:
        MADE.mkdir(exist_ok=True)
        (MADE / "with.json").write_text(json.dumps(here(), indent=1) + "\n")


@pytest.fixture
def stored(capsys: pytest.CaptureFixture[str]) -> Callable[[str, str], str]:
    """The text of a file of `made/`; where they are made again, it is what has come out."""

    def of(name: str, found: str) -> str:
        path = MADE / name
        if REMAKE:
            old = path.read_bytes() if path.exists() else None
            path.write_bytes(found.encode())
            with capsys.disabled():
                print(f"\n{'the same' if old == found.encode() else 'CHANGED'}: tests/golden/made/{name}")
        return path.read_bytes().decode()

    return of


def differences(found: Any, wanted: Any, tolerance: float, at: str = "") -> list[str]:
    """Where two JSON values differ: keys, their order, types; fractions by more than the tolerance."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        if list(found) != list(wanted):
            return [f"{at}: keys {list(found)}, not {list(wanted)}"]
        pairs = [(found[key], wanted[key], f"{at}.{key}") for key in wanted]
        return [line for one, two, where in pairs for line in differences(one, two, tolerance, where)]
    if isinstance(wanted, list) and isinstance(found, list):
        if len(found) != len(wanted):
            return [f"{at}: {len(found)} values, not {len(wanted)}"]
        pairs = [(*pair, f"{at}[{index}]") for index, pair in enumerate(zip(found, wanted, strict=True))]
        return [line for one, two, where in pairs for line in differences(one, two, tolerance, where)]
    if type(found) is not type(wanted):
        return [f"{at}: {found!r}, not {wanted!r}"]
    if isinstance(wanted, float):
        alike = math.isclose(found, wanted, rel_tol=tolerance, abs_tol=tolerance)
    elif isinstance(wanted, str):  # an audit's sentence holds figures
        alike = re.sub(r"[\d.e-]+", "#", found) == re.sub(r"[\d.e-]+", "#", wanted)
    else:
        alike = found == wanted
    return [] if alike else [f"{at}: {found!r}, not {wanted!r}"]


# --- identities


IDENTITIES = json.loads((HERE / "identities.json").read_text())


@pytest.mark.parametrize("case", IDENTITIES, ids=[case["name"] for case in IDENTITIES])
def test_a_configuration_has_the_identity_that_it_always_had(case: dict[str, Any]) -> None:
    assert identity(compose(*case["words"]), case["content"]) == case["identity"]


def test_no_two_of_the_identities_are_one() -> None:
    assert len({case["identity"] for case in IDENTITIES}) == len(IDENTITIES) >= 10


# --- a run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("golden")
    regbench(root, "train", *RUN)
    return root / "run"


@pytest.mark.parametrize("name", ["metrics.jsonl", "summary.json"])
def test_a_run_leaves_the_same_record(run: Path, name: str, stored: Callable[[str, str], str]) -> None:
    """To the byte where the same torch computes on a processor that rounds alike, else within a twentieth.

    There the last bits are the processor's, and from them the figures of a run of eight updates go apart.
    """
    found = PASSING.sub(r"\1null", (run / name).read_text())
    wanted = stored(name, found)
    if not others("torch", "numpy", "scikit-learn", "processor"):
        assert found == wanted
        return
    lines = [(text.splitlines() if name.endswith("l") else [text]) for text in (found, wanted)]
    one, two = ([json.loads(line) for line in part] for part in lines)
    for summary in (
        *one,
        *two,
    ):  # which bins are empty, and how many rows are in each class's, is a matter of bits
        summary.pop("reliability", None)
        summary.pop("per_class", None)
    assert differences(one, two, 0.05) == []


# --- a report


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the report of the stored sweep in every form."""
    root = tmp_path_factory.mktemp("report")
    shutil.copytree(SWEEP, root, dirs_exist_ok=True)
    said = regbench(root, "compare", "outputs/sweeps/old", "--json", "report.json", "--csv", "report.csv",
                    "--markdown", "report.md", "--latex", "report.tex", "--html", "report.html",
                    "--figures", "figures")  # fmt: skip
    (root / "report.txt").write_bytes(said.encode())
    said = regbench(root, "compare", "outputs/sweeps/old", "--fixed-seeds", "--json", "fixed.json")
    (root / "fixed.txt").write_bytes(said.encode())
    return root


@pytest.mark.parametrize("name", [*REPORTS, *FIXED])
def test_a_report_of_an_old_sweep_is_the_same(
    report: Path, name: str, stored: Callable[[str, str], str]
) -> None:
    """To the byte; the last digits of JSON and CSV only with the same numpy and scipy."""
    found = (report / name).read_bytes().decode()
    wanted = stored(name, found)
    if not name.endswith(("txt", "md", "tex")) and others("numpy", "scipy"):
        read: Callable[[str], Any] = json.loads if name.endswith("json") else _cells
        assert differences(read(found), read(wanted), 1e-9) == []
    else:
        assert found == wanted


def _cells(text: str) -> list[Any]:
    """The cells of a CSV file without quotes, numbers as such."""
    return [
        float(cell) if re.fullmatch(r"-?\d+\.?[\de-]*", cell) else cell for cell in re.split("[,\n]", text)
    ]


def test_the_page_and_the_figures_of_a_report_are_the_same(
    report: Path, stored: Callable[[str, str], str]
) -> None:
    """The page without plotly's own library, and every figure as SVG, by their digests."""
    drawn = {
        "report.html": re.sub(r"(?s)<script[^>]*>.{1000000,}?</script>", "", _text(report / "report.html"))
    }
    drawn |= {path.name: _text(path) for path in sorted((report / "figures").glob("*.svg"))}
    assert 1000 < len(drawn["report.html"]) < 1_000_000  # plotly's library is taken out, and nothing else
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in drawn.items()}
    wanted = json.loads(stored("pictures.json", json.dumps(digests, indent=1) + "\n"))
    if different := others("plotly", "matplotlib", "numpy", "scipy"):
        assert list(digests) == list(wanted)
        pytest.skip(f"the pictures were made with other versions: {', '.join(different)}")
    assert digests == wanted, f"look at those in {report}"


def _text(path: Path) -> str:
    return path.read_bytes().decode()


# --- the catalogue


def test_the_catalogue_is_the_same(tmp_path: Path, stored: Callable[[str, str], str]) -> None:
    """To the byte; where torch or Python is another, without the parameters of torch's own classes.

    What has come since is no change: a new regularizer is three new files, and no edit here.
    """
    found = regbench(tmp_path, "list", "--json")
    wanted = stored("list.json", found)
    there = [(entry["group"], entry["name"]) for entry in json.loads(wanted)]
    entries = [entry for entry in json.loads(found) if (entry["group"], entry["name"]) in there]
    if len(entries) < len(json.loads(found)):
        found = json.dumps(entries, indent=2) + "\n"
    if others("torch", "python"):
        one, two = (
            [entry for entry in json.loads(text) if not entry["target"].startswith("torch")]
            for text in (found, wanted)
        )
        assert one == two
    else:
        assert found == wanted


# --- the old sweep


def test_the_line_of_an_old_sweep_finds_all_of_it_done_and_changes_nothing(tmp_path: Path) -> None:
    shutil.copytree(SWEEP, tmp_path, dirs_exist_ok=True)
    before = _files(tmp_path)
    assert len([name for name in before if name.endswith("summary.json")]) == 9
    said = regbench(tmp_path, "train", *LINE)
    assert said == "9 of 9 jobs finished in outputs/sweeps/old\n"  # a line for each that is run, so none was
    assert _files(tmp_path) == before


def _files(folder: Path) -> dict[str, bytes]:
    paths: Sequence[Path] = sorted(
        path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"
    )
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
