"""regbench list: real config folders, and a person's own."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from regbench.commands.list import main
from regbench.composition.catalogue import GROUPS, Entry, Parameter, entries
from regbench.composition.source_text import KINDS
from regbench.space import Choice, Interval

CONFIGS = Path(__file__).parents[2] / "configs"
NAMES = sorted(path.stem for path in (CONFIGS / "reg").glob("*.yaml"))

NOISE_SOURCE = '''
from dataclasses import dataclass
from typing import Literal

raise RuntimeError("imported")

Shape = Literal["normal", "uniform"]

@dataclass
class Strong:
    strength: float

@dataclass
class MyNoise(Strong):
    """Add noise to the inputs.

    Paper: Doe, 1999, https://example.org/noise,
    equation 3
    """

    shape: Shape | None
    sites: "list[int]"
'''
NOISE_YAML = """# @package reg.my_noise
_target_: my_noise.MyNoise
strength: 1e-3
shape: normal
sites: ???
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "reg").mkdir()
    (tmp_path / "my_noise.py").write_text(NOISE_SOURCE)
    (tmp_path / "reg" / "my_noise.yaml").write_text(NOISE_YAML)
    return tmp_path


def listed(capsys, *argv):
    main(argv)
    return capsys.readouterr().out


def refusal(capsys, *argv):
    with pytest.raises(SystemExit) as exit_:
        main(argv)
    said = capsys.readouterr()
    assert (exit_.value.code, said.out) == (2, "")
    return said.err


@pytest.mark.parametrize("group", GROUPS)
def test_there_is_one_entry_for_each_file_of_a_group(group):
    names = {
        path.relative_to(CONFIGS / group).with_suffix("").as_posix()
        for path in (CONFIGS / group).rglob("*.yaml")
    }
    assert {entry.name for entry in entries(group)} == names
    assert len(entries(group)) == len(names)


def test_an_experiment_says_what_it_is_in_its_first_line_and_those_in_folders_come_last(tmp_path):
    for name, text in [
        ("b/own", "# @package _global_\n# What it is\n#\n# more\nseed: 3\n"),
        ("z_own", "# @package _global_\nseed: 3 # no more\n# of train\n"),
    ]:
        path = tmp_path / "experiment" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = {entry.name: entry.summary for entry in entries("experiment", tmp_path)}
    assert (found["b/own"], found["z_own"]) == ("What it is", "")
    assert list(found).index("b/own") > list(found).index("z_own") > list(found).index("cocktail")
    assert all(summary for name, summary in found.items() if name != "z_own")


@pytest.mark.parametrize("name", NAMES)
def test_every_regularizer_tells_its_summary_its_paper_and_its_parameters_types(name):
    entry = next(entry for entry in entries("reg") if entry.name == name)
    if entry.target not in ("", "???"):
        assert entry.summary.endswith(".")
        assert "http" in entry.paper
        assert [parameter.name for parameter in entry.parameters if not parameter.type] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_regularizer_is_of_a_known_kind(name):
    entry = next(entry for entry in entries("reg") if entry.name == name)
    assert entry.kind in KINDS


@pytest.mark.parametrize(
    ("name", "kind"),
    [  # the first five by their hooks alone
        ("l1", "penalty"),
        ("cutout", "noise on inputs"),
        ("ema", "averaging"),
        ("gradient_clipping", "optimizer"),
        ("focal", "loss"),
        ("dropout", "noise on activations"),
        ("dropconnect", "noise on weights"),
        ("label_smoothing", "noise on targets"),
        ("batch_norm", "architecture"),
    ],
)
def test_the_kind_is_what_the_hooks_tell_or_the_class_says(name, kind):
    assert next(entry.kind for entry in entries("reg") if entry.name == name) == kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("def penalty(self, forward): ...", "penalty"),
        ("def prepare_optimizer(self, optimizer): ...", "optimizer"),
        ("def prepare_model(self, model): ...", ""),
        ("def penalty(self, forward): ...\n    def transform_batch(self, batch): ...", ""),
        ("kind = 'averaging'\n    def penalty(self, forward): ...", "averaging"),
    ],
)
def test_the_kind_of_a_persons_own_is_told_alike(tmp_path, body, kind):
    (tmp_path / "reg").mkdir()
    (tmp_path / "reg" / "mine.yaml").write_text("# @package reg.mine\n_target_: mine_of_a_kind.Mine\n")
    source = f"from regbench.regularizers.base import Regularizer\nclass Mine(Regularizer):\n    {body}\n"
    (tmp_path / "mine_of_a_kind.py").write_text(source)
    assert next(entry.kind for entry in entries("reg", tmp_path) if entry.name == "mine") == kind


def test_regularizers_are_listed_by_kind(capsys):
    lines = listed(capsys, "reg").splitlines()
    places = [lines.index(kind) for kind in KINDS]
    assert places == sorted(places)
    assert lines.index("penalty") < lines.index("l2") < lines.index("noise on activations")
    assert lines.index("loss") < lines.index("focal")


def test_an_entry_is_what_its_yaml_and_its_class_say():
    step = next(entry for entry in entries("schedule") if entry.name == "step")
    assert step == Entry(
        name="step",
        group="schedule",
        target="regbench.schedules.Step",
        summary="Multiply the learning rate by gamma as each milestone, a share of the run, is reached.",
        paper="He et al., 2016, https://arxiv.org/abs/1512.03385, section 4.2",
        parameters=(
            Parameter("milestones", "list[float]", [0.5, 0.75], False),
            Parameter("gamma", "float", 0.1, False),
        ),
    )


def test_a_third_partys_class_is_told_by_its_target_and_values_alone():
    adam = next(entry for entry in entries("optimizer") if entry.name == "adam")
    assert (adam.target, adam.summary, adam.paper) == ("torch.optim.Adam", "", "")
    assert adam.parameters[0] == Parameter("lr", "", 0.001, False)  # YAML 1.1 alone would read 1e-3 as a word


def test_arguments_of_a_models_init_give_the_types_with_imported_aliases_written_out():
    mlp = next(entry for entry in entries("model") if entry.name == "mlp")
    types = {parameter.name: parameter.type for parameter in mlp.parameters}
    assert types["width"] == "int"
    assert types["norm"].startswith("'none' | 'batch'")


def test_an_open_option_says_how_to_name_ones_own():
    own = next(entry for entry in entries("model") if entry.name == "own")
    assert own.summary == "your own: model._target_=module.Class"


def test_a_persons_own_regularizer_is_read_from_its_folder_without_running_it(own):
    found = next(entry for entry in entries("reg", own) if entry.name == "my_noise")
    assert found == Entry(
        name="my_noise",
        group="reg",
        target="my_noise.MyNoise",
        summary="Add noise to the inputs.",
        paper="Doe, 1999, https://example.org/noise, equation 3",
        parameters=(
            Parameter("strength", "float", 0.001, False),
            Parameter("shape", "'normal' | 'uniform' | None", "normal", False),
            Parameter("sites", "list[int]", None, True),
        ),
    )


def test_a_persons_own_is_listed_beside_the_packages_and_only_when_asked_for(own, capsys):
    assert [entry.name for entry in entries("reg", own)] == sorted([*NAMES, "my_noise"])
    assert "my_noise" not in listed(capsys, "reg")
    assert (
        "my_noise\n"
        "  Add noise to the inputs.\n"
        "  strength: float = 0.001   shape: 'normal' | 'uniform' | None = normal   "
        "sites: list[int], required\n"
        "  Doe, 1999, https://example.org/noise, equation 3\n"
    ) in listed(capsys, "reg", "--config-dir", str(own))


def test_a_persons_source_is_also_found_in_the_current_folder(own, tmp_path_factory, monkeypatch):
    here = tmp_path_factory.mktemp("here")
    (own / "my_noise.py").rename(here / "my_noise.py")
    monkeypatch.chdir(here)
    assert next(e for e in entries("reg", own) if e.name == "my_noise").summary == "Add noise to the inputs."


def test_of_two_files_of_one_name_the_packages_counts_as_in_hydra(own):
    (own / "schedule").mkdir()
    (own / "schedule" / "cosine.yaml").write_text("_target_: mine.Cosine\n")
    cosine = next(entry for entry in entries("schedule", own) if entry.name == "cosine")
    assert cosine.target == "regbench.schedules.Cosine"


def test_a_stack_kept_in_a_file_is_listed_without_a_target(own):
    (own / "reg" / "pair.yaml").write_text("defaults: [dropout, l1]\n")
    pair = next(entry for entry in entries("reg", own) if entry.name == "pair")
    assert pair == Entry("pair", "reg", "", "", "", ())


def test_all_groups_are_printed_where_none_is_named(capsys):
    printed = listed(capsys)
    lines = printed.splitlines()
    for name in ("mlp", "sgd", "cosine", *NAMES):
        assert name in lines
    assert "torch.optim.SGD" in printed
    assert "\x1b" not in printed  # plain where nobody watches


def test_one_group_leaves_the_others_out(capsys):
    lines = listed(capsys, "schedule").splitlines()
    assert "cosine" in lines
    assert "sgd" not in lines


def test_a_terminal_gets_lines_that_fit_and_no_broken_parameter(monkeypatch, capsys):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "72")
    printed = listed(capsys, "model")
    assert "\x1b[1mmlp\x1b[0m\n" in printed  # bold
    lines = re.sub(r"\x1b\[[0-9;]*m", "", printed).splitlines()
    assert [line for line in lines if len(line) > 72 and " " in line.strip()] == []  # an address stays whole
    assert any(line.endswith("norm: 'none' | 'batch' | 'layer' | 'group' = none") for line in lines)


def test_json_has_the_documented_keys(capsys):
    cosine = next(e for e in json.loads(listed(capsys, "schedule", "--json")) if e["name"] == "cosine")
    assert cosine == {
        "name": "cosine",
        "group": "schedule",
        "target": "regbench.schedules.Cosine",
        "summary": "Rise linearly during the warm-up, then fall to 0 along half a cosine.",
        "paper": "Loshchilov and Hutter, 2017, https://arxiv.org/abs/1608.03983, eq. 5",
        "parameters": [
            {
                "name": "warmup",
                "type": "float",
                "default": 0.05,
                "required": False,
                "search": None,
                "follows": False,
                "fixed": "",
            }
        ],
        "kind": "",
        "refused": None,
    }


def test_what_a_search_tries_stands_beside_the_default(capsys):
    printed = listed(capsys, "reg")
    assert (
        "\n  p: float = 0.5 [searched 0.05 to 0.7, schedule]   mode: 'inverted' | 'classic' = inverted "
        in printed
    )
    assert "\n  rho: float = 0.05 [searched 0.01 to 0.5 (log), schedule]   adaptive: bool = false " in printed
    found = {entry["name"]: entry for entry in json.loads(listed(capsys, "reg", "--json"))}
    tried = {p["name"]: p["search"] for p in found["sam"]["parameters"] + found["ema"]["parameters"]}
    assert tried["rho"] == {"low": 0.01, "high": 0.5, "log": True}
    assert tried["decay"] == {"values": [0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999]}
    assert tried["adaptive"] is None


def test_what_may_follow_a_schedule_is_said_and_why_another_cannot(capsys):
    printed = listed(capsys, "reg")
    assert " log_zero: float = -4.0 [schedule]\n" in printed  # of what no search tries
    assert "   k: int = 5 [searched 5 to 10]\n" in printed
    found = {entry["name"]: entry["parameters"] for entry in json.loads(listed(capsys, "reg", "--json"))}
    alpha, k = found["lookahead"]
    assert (alpha["follows"], alpha["fixed"]) == (True, "")
    assert k["follows"] is False
    assert k["fixed"] == "it counts the steps from one move of the slow weights to the next"
    mode = next(parameter for parameter in found["dropout"] if parameter["name"] == "mode")
    assert (mode["follows"], mode["fixed"]) == (False, "")


RANGED = """
from regbench.regularizers.dropout import Dropout
from regbench.space import Choice, Interval

HIGH = 0.9

class Written(Dropout):
    search = {"p": Interval(0.1, high=0.9), "mode": Choice(("inverted", "classic")), "other": Interval(1, 2)}
class Inherited(Dropout):
    pass
class Nothing(Dropout):
    search = {}
class Computed(Dropout):
    search = {"p": Interval(0.1, HIGH), "mode": Choice(("inverted", "classic"))}
class Impossible(Dropout):
    search = {"p": Interval(0.9, 0.1)}
class Elsewhere(Dropout):
    search = dict(p=Interval(0.1, 0.2))
"""


@pytest.mark.parametrize(
    ("name", "tried"),
    [
        ("Written", {"p": Interval(0.1, 0.9), "mode": Choice(("inverted", "classic"))}),
        ("Inherited", {"p": Interval(0.05, 0.7)}),
        ("Nothing", {}),
        ("Computed", {"mode": Choice(("inverted", "classic"))}),
        ("Impossible", {}),
        ("Elsewhere", {}),
    ],
)
def test_a_persons_own_ranges_are_those_that_its_source_writes_out(tmp_path, name, tried):
    (tmp_path / "reg").mkdir()
    (tmp_path / "ranged.py").write_text(RANGED)
    (tmp_path / "reg" / "mine.yaml").write_text(f"_target_: ranged.{name}\np: 0.5\nmode: inverted\n")
    (mine,) = (entry for entry in entries("reg", tmp_path) if entry.name == "mine")
    assert {p.name: p.search for p in mine.parameters if p.search} == tried


SKIPPING = """
from dataclasses import dataclass
from typing import ClassVar
from torch import nn
from regbench.regularizers.base import Regularizer
from regbench.sites import wrap

@dataclass
class Skip(Regularizer):
    off: ClassVar = {"p": 0.0}
    p: float
    def prepare_model(self, model):
        wrap(model, "branch", "all", lambda name, site: nn.Identity())
        return model
"""


def test_marks_what_cannot_act_on_a_model_and_says_why(capsys, tmp_path):
    (tmp_path / "reg").mkdir()
    (tmp_path / "skipping.py").write_text(SKIPPING)
    (tmp_path / "reg" / "skip.yaml").write_text("# @package reg.skip\n_target_: skipping.Skip\np: 0.5\n")
    words = ["reg", "--model", "mlp", "--config-dir", str(tmp_path)]
    told = {e["name"]: e["refused"] for e in json.loads(listed(capsys, *words, "--json"))}
    assert told["skip"] == "MLP has no 'branch' site"
    assert told["dropout"] is None
    assert "  cannot act on mlp: MLP has no 'branch' site" in listed(capsys, *words)


NET = """
from torch import nn
from regbench.sites import Site

class Net(nn.Module):
    def __init__(self, in_shape, num_classes, hidden: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.LazyLinear(hidden))
        self.hidden = Site("hidden", (hidden,), body=nn.ReLU())
        self.head = nn.Linear(hidden, num_classes)

    def forward(self, inputs):
        return self.head(self.hidden(self.layers(inputs)))
"""


def test_a_model_of_ones_own_is_asked_in_the_words_of_train(capsys, tmp_path, monkeypatch):
    (tmp_path / "reg").mkdir()
    (tmp_path / "model").mkdir()
    (tmp_path / "skipping.py").write_text(SKIPPING)
    (tmp_path / "reg" / "skip.yaml").write_text("# @package reg.skip\n_target_: skipping.Skip\np: 0.5\n")
    (tmp_path / "my_net.py").write_text(NET)
    (tmp_path / "model" / "mine.yaml").write_text("_target_: my_net.Net\nhidden: 8\n")
    monkeypatch.syspath_prepend(tmp_path)
    own = [
        "own",
        "model._target_=my_net.Net",
        "+model.hidden=8",
        "train.batch_size=32",
        "dataset.num_train=97",
    ]
    for words in (["reg", "--model", *own], ["--model", "mine", "reg", "dataset.num_train=400"]):
        told = listed(capsys, *words, "--config-dir", str(tmp_path), "--json")
        refused = {e["name"]: e["refused"] for e in json.loads(told)}
        assert refused["dropout"] is refused["l2"] is None
        assert refused["skip"] == "Net has no 'branch' site"
        assert refused["attention_dropout"] == "Net has no 'attention' site"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "model._target_: has no value; set model._target_=my_module.MyClass"),
        (["model._target_=no_such.Net"], "model._target_: no module named 'no_such', needed for no_such.Net"),
        (
            ["model._target_=torch.nn.Linear", "model.bias=false"],
            "model.bias: no such key; add a value of your own's with +model.bias=...",
        ),
        (
            ["model._target_=torch.nn.Linear"],
            "model: in_features has no value; set +model.in_features=...",
        ),
        (["+reg=dropout"], "reg: each regularizer is tried by itself; leave +reg=dropout out"),
    ],
)
def test_a_model_of_ones_own_that_cannot_be_is_told_in_one_line(words, said, capsys):
    assert refusal(capsys, "reg", "--model", "own", *words) == f"regbench: list: {said}\n"


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (
            ["reg", "model.width=8"],
            "unrecognized arguments: model.width=8; KEY=VALUE is for --model NAME",
        ),
        (
            ["reg", "model", "--model", "mlp"],
            "unrecognized arguments: model; KEY=VALUE is for --model NAME",
        ),
        (["regs"], "unknown group 'regs'; did you mean 'reg'?"),
        (
            ["zzz"],
            "unknown group 'zzz'; choose from reg, model, dataset, optimizer, schedule, sinks, experiment, "
            "sites",
        ),
        (["reg", "--model", "mpl"], "unknown model 'mpl'; did you mean 'mlp'?"),
        (
            ["model", "--model", "mlp"],
            "--model marks regularizers, and must come with group reg or none, got 'model'",
        ),
        (["--config-dir", "nowhere"], "--config-dir must name a folder, got 'nowhere'"),
        (["--jsno"], "unrecognized arguments: --jsno"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_status_two(argv, line, capsys):
    assert refusal(capsys, *argv) == f"regbench: list: {line}\n"


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("reg/my_noise.yaml", "a: [1", ", line 2, column 1: must be valid YAML, got"),
        ("reg/my_noise.yaml", "word", ", line 1, column 1: must hold keys and values, got a single value"),
        ("my_noise.py", "class :", " must be valid Python, got invalid syntax (my_noise.py, line 1)"),
    ],
)
def test_a_persons_unreadable_file_is_named_in_one_line(own, file, text, problem, capsys):
    (own / file).write_text(text)
    said = refusal(capsys, "reg", "--config-dir", str(own))
    assert said.startswith(f"regbench: list: {own / file}{problem}")
    assert said.count("\n") == 1


def test_listing_imports_neither_torch_nor_hydra():
    code = (
        "import sys; from regbench.commands.list import main; main([]); "
        "slow = {'torch', 'torchvision', 'hydra', 'omegaconf', 'numpy', 'sklearn'} & set(sys.modules); "
        "sys.exit(', '.join(sorted(slow)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stderr == "\n"
    assert "torch.optim.SGD" in run.stdout
