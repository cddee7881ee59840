"""A person's own modules: models, datasets, members, optimizers, schedules that raise, or give what they must not."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.fuzzing.case import TINY, Case, Recipes
from tests.fuzzing.options import WORDS

RECIPES = Recipes()
Stock = Mapping[str, Path]
RAISES = (
    "raise ValueError('no')",
    "raise RuntimeError('no')",
    "raise KeyError('x')",
    "raise KeyError",
    "raise Exception",
    "raise IndexError('a\\nb\\nc')",
    "raise TypeError('\\x1b[31mred')",
    "raise OSError(28, 'No space left on device')",
    "raise NotImplementedError",
    "raise AssertionError",
    "assert 1 == 2",
    "raise SystemExit",
    "raise SystemExit(0)",
    "raise SystemExit('bye')",
    "raise SystemExit(3)",
    "raise StopIteration",
    "raise GeneratorExit",
    "raise RecursionError('deep')",
    "raise MemoryError",
    "raise BaseException('base')",
    "raise Odd('own')",
    "raise Mute()",
    "raise UnicodeDecodeError('utf-8', b'x', 0, 1, 'bad')",
    "raise BrokenPipeError",
    "raise EOFError",
    "raise TimeoutError",
    "raise ImportError('no module')",
    "raise Warning('w')",
    "raise ExceptionGroup('many', [ValueError('a'), KeyError('b')])",
    "1 / 0",
    "nope",
    "[][1]",
    "{}['x']",
    "None.x",
    "torch.ones(2) @ torch.ones(3)",
    "deep()",
    "raise ValueError('x' * 10000)",
    "raise ValueError('{}[]{{ [bold]markup[/bold] %s')",
    "raise ValueError('')",
    "raise ValueError",
    "raise RuntimeError('\\u202e\\u2028')",
    "raise ConfigError('mine: is wrong')",
    "import sys; sys.exit('out')",
    "exit()",
    "open('nope')",
    "import nope_module",
    "torch.zeros(10**15)",
)
HEAD = """
import torch
from torch import nn
from torch.utils.data import Dataset
from dataclasses import dataclass
from typing import ClassVar
from regbench.errors import ConfigError
from regbench.regularizers.base import Regularizer

class Odd(BaseException):
    pass

class Mute(Exception):
    def __str__(self):
        raise ValueError("cannot be said")

def deep():
    return deep()

count = 0

def after(n):
    global count
    count += 1
    return count > n
"""
NET = """
class Net(nn.Module):
    def __init__(self, in_shape, num_classes):
        super().__init__()
        {init}
        self.flat = nn.Flatten()
        self.layer = nn.Linear(torch.Size(in_shape).numel(), num_classes)
        self.layers = [self.layer]

    def forward(self, x):
        {forward}
        return self.layer(self.flat(x))
"""
ROWS = """
class Rows(Dataset):
    def __init__(self):
        {init}
        self.rows = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0))

    def __len__(self):
        {length}
        return 60

    def __getitem__(self, n):
        {item}
        return self.rows[n], n % 3
"""
MEMBER = """
@dataclass
class Member(Regularizer):
    off: ClassVar = {{"p": 0.0}}
    p: float

    def __post_init__(self):
        {init}
        pass

    def transform_loss(self, loss):
        {hook}
        return loss * (1 + self.p)
"""
FLOWS = """
class Steps(torch.optim.SGD):
    def __init__(self, params, lr):
        {init}
        super().__init__(params, lr=lr)

    def step(self, closure=None):
        {step}
        return super().step(closure)
"""
BREAKS = (
    "def (:\n",
    "  x = 1\n y = 2\n",
    "class\n",
    "x = '\n",
    "\x00",
    "import nope_at_all\n",
    "é = = 1\n",
    "return 5\n",
    "raise SystemExit(0)\n",
)
BREAKS += (
    "raise KeyError('top')\n",
    "1/0\n",
    "from regbench import nope\n",
    "import mine\nmine.nope\n",
    "exit(0)\n",
    "raise BaseException('x')\n",
    "\ufeff\ufeffx\n",
)


def module(work: Path, text: str) -> None:
    """The person's file."""
    (work / "mine.py").write_text(text, errors="surrogatepass")


def of(words: Sequence[str], text: str, named: Sequence[str], **more: object) -> Case:
    """The case of a module and the line that names it."""

    def prepare(work: Path, stock: Stock) -> None:
        module(work, text)
        node = "# @package reg.mine\n_target_: mine.Member\np: 0.5\n"
        for group, content in (("reg", node), ("optimizer", "_target_: mine.Steps\nlr: 0.1\n")):
            (work / "options" / group).mkdir(parents=True)
            (work / "options" / group / "mine.yaml").write_text(content)

    return Case(["train", *words], named, prepare=prepare, **more)  # type: ignore[arg-type]


NET_WORDS = ["model=own", "model._target_=mine.Net", *WORDS]
ROWS_WORDS = ["dataset=own", "dataset._target_=mine.Rows", *(w for w in TINY if not w.startswith("dataset"))]
MEMBER_WORDS = ["--config-dir", "options", "+reg=mine", *TINY]
FLOW_WORDS = ["--config-dir", "options", "optimizer=mine", *TINY]


def told(work: Path, stock: Stock) -> str:
    """What is wrong with the record of a run that failed in the middle."""
    try:
        found = [json.loads(path.read_text()) for path in work.glob("outputs/runs/*/*/summary.json")]
    except ValueError as error:
        return f"a summary cannot be read: {error}"
    if [one["status"] for one in found] != ["failed"] or "mine.py" not in found[0]["reason"]:
        return f"the summary says {[(one['status'], one['reason'][:100]) for one in found]}"
    return ""


@RECIPES
def net(chance: random.Random) -> Case:
    """A model whose constructor or forward raises."""
    where = chance.choice(("init", "forward"))
    bad = chance.choice(RAISES)
    text = HEAD + NET.format(**({"init": "pass", "forward": "pass"} | {where: bad}))
    words = ["-m", *NET_WORDS] if chance.random() < 0.3 else NET_WORDS
    return of(words, text, ["model"], about=f"model's {where}: {bad}")


@RECIPES
def net_later(chance: random.Random) -> Case:
    """A model whose forward raises in the middle of a run."""
    bad = chance.choice(RAISES)
    text = HEAD + NET.format(
        init="pass", forward=f"if after({chance.choice((12, 20, 25))}):\n            {bad}"
    )
    return of(
        [*NET_WORDS, "train.epochs=9"][1:]
        if False
        else [*(w for w in NET_WORDS if "epochs" not in w), "train.epochs=9"],
        text,
        ["model", "mine.py"],
        statuses=(1, 2),
        right=told,
        about=f"later: {bad}",
    )


@RECIPES
def net_gives(chance: random.Random) -> Case:
    """A model that gives what is no logits, or is no module."""
    bad = chance.choice(
        (
            "return None",
            "return (x, x)",
            "return [1]",
            "return 'x'",
            "return 5",
            "return {'a': 1}",
            "return self.layer(self.flat(x)).sum()",
            "return x[:0]",
        )
        + (
            "return self.layer(self.flat(x)) * float('nan')",
            "return self.layer(self.flat(x)).detach()",
            "return self.layer(self.flat(x)).long()",
        )
        + (
            "return self.layer(self.flat(x))[:, :3]",
            "return self.layer(self.flat(x))[:-1]",
            "return torch.cat([self.layer(self.flat(x))] * 2, 1)",
        )
        + (
            "return self.layer(self.flat(x)).double()",
            "return self.layer(self.flat(x)).unsqueeze(0)",
            "return self",
            "return torch.zeros(len(x), 10)",
        )
        + (
            "return self.layer(self.flat(x)).to(torch.complex64)",
            "return self.layer(self.flat(x)).numpy(force=True)",
            "yield 5",
            "x.zero_()",
        )
    )
    text = HEAD + NET.format(init="pass", forward=bad)
    statuses = (2, 3) if "nan" in bad else (2, 0) if "double" in bad or "zero_" in bad else (2,)
    return of(NET_WORDS, text, ["model"], statuses=statuses, about=f"forward: {bad}")


@RECIPES
def no_net(chance: random.Random) -> Case:
    """What is named as a model, and is none."""
    bad = chance.choice(
        (
            "Net = 5",
            "Net = 'x'",
            "def Net(): return 5",
            "def Net(in_shape, num_classes): return 5",
            "def Net(in_shape, num_classes): return None",
            "class Net: pass",
        )
        + (
            "class Net(nn.Module): pass",
            "Net = nn.Linear",
            "Net = nn.Linear(3, 3)",
            "def Net(*a, **k): return nn.ReLU",
            "class Net(nn.Module):\n    def __init__(self, x): pass",
        )
        + (
            "class Net(nn.Module):\n    def __new__(cls, *a, **k): return 5",
            "Net = lambda *a, **k: {}",
            "Net = None",
            "Net = torch",
            "async def Net(in_shape, num_classes): pass",
        )
        + (
            "def Net(in_shape, num_classes): yield 5",
            "class Net(nn.Module):\n    def forward(self): pass",
            "Net = []",
            "class Net(type): pass",
            "def Net(in_shape: int, num_classes: str): pass",
        )
        + (
            "class Net(nn.Module):\n    def __init__(self, in_shape, num_classes):\n        pass\n    def forward(self, x): return x",
            "nope = 1",
        )
    )
    return of(NET_WORDS, HEAD + bad + "\n", ["model"], about=f"no model: {bad[:50]}")


@RECIPES
def broken_module(chance: random.Random) -> Case:
    """A module that cannot be imported."""
    bad = chance.choice(BREAKS)
    words, group = chance.choice(
        ((NET_WORDS, "model"), (ROWS_WORDS, "dataset"), (MEMBER_WORDS, "reg"), (FLOW_WORDS, "optimizer"))
    )
    return of(
        words,
        bad if "\ufeff" in bad or chance.random() < 0.5 else HEAD + bad,
        [group, "mine"],
        about=f"a module: {bad!r}",
    )


@RECIPES
def data(chance: random.Random) -> Case:
    """A dataset that raises."""
    where = chance.choice(("init", "length", "item"))
    bad = chance.choice(RAISES)
    text = HEAD + ROWS.format(**({"init": "pass", "length": "pass", "item": "pass"} | {where: bad}))
    # an IndexError or a StopIteration ends a sequence in Python
    statuses = (2, 0) if where == "item" and ("Index" in bad or "[][1]" in bad) else (2,)
    return of(ROWS_WORDS, text, ["dataset"], statuses=statuses, about=f"dataset's {where}: {bad}")


@RECIPES
def data_gives(chance: random.Random) -> Case:
    """A dataset whose rows, labels or length are none."""
    where, bad = chance.choice(
        (
            *(("length", f"return {value}") for value in ("0", "-1", "1", "2", "1.5", "None", "'x'", "10**12", "[]", "3")),
            *(
                ("item", f"return {value}")
                for value in (
                    "None", "5", "self.rows[n]", "()", "(self.rows[n],)", "(self.rows[n], 0, 0)", "(self.rows[n], None)", "(self.rows[n], 'a')",
                    "(self.rows[n], -1)", "(self.rows[n], 1.5)", "(self.rows[n], float('nan'))", "(self.rows[n], 5)", "(self.rows[n], n)",
                    "(self.rows[n], [1])", "(self.rows[n], True)", "(self.rows[n], {})", "(self.rows[n], torch.rand(3))", "(None, 0)", "('x', n % 3)",
                    "(self.rows[n] * float('nan'), n % 3)", "(self.rows[n] / 0, n % 3)", "(self.rows[n][:, : n % 5 + 1], n % 3)", "(torch.rand(1, 8, 8), n % 3)",
                    "(self.rows[n].to_sparse(), n % 3)", "(self.rows[n][:0], n % 3)", "(torch.zeros(()), n % 3)", "(self.rows[n], 10**30)", "(self.rows[n], 'a\\nb' * (n % 3))",
                    "(self.rows[n], n % 3 + 1)", "(self.rows[n], (n % 3) * 2)", "(self.rows[n], 'x' if n else 0)", "(self.rows[n].to(torch.complex64), n % 3)", "[self.rows[n], n % 3]",
                    "{'x': self.rows[n], 'y': 1}", "(self.rows[n].requires_grad_(), n % 3)", "(n, n % 3)", "(self.rows[n].numpy(), n % 3)",
                )
            ),
        )
    )  # fmt: skip
    text = HEAD + ROWS.format(**({"init": "pass", "length": "pass", "item": "pass"} | {where: bad}))
    return of(ROWS_WORDS, text, ["dataset"], statuses=(2, 0), about=f"{where}: {bad}")


@RECIPES
def member(chance: random.Random) -> Case:
    """A member of the stack that raises."""
    where = chance.choice(("init", "hook"))
    bad = chance.choice(RAISES)
    text = HEAD + MEMBER.format(**({"init": "pass", "hook": "pass"} | {where: bad}))
    return of(MEMBER_WORDS, text, ["mine", "reg"], about=f"member's {where}: {bad}")


@RECIPES
def member_gives(chance: random.Random) -> Case:
    """A member that is none, or gives back what is no loss."""
    bad = chance.choice(
        (
            "return None",
            "return 5",
            "return 'x'",
            "return loss.detach()",
            "return loss * float('nan')",
            "return torch.ones(3)",
            "return loss",
            "return (loss,)",
            "return -loss * 1e40",
            "loss.backward()",
        )
    )
    text = HEAD + MEMBER.format(init="pass", hook=bad)
    if chance.random() < 0.3:
        bad = chance.choice(
            (
                "Member = 5",
                "class Member: pass",
                "class Member(Regularizer): pass",
                "def Member(p): return 5",
                "Member = dict",
                "class Member(nn.Module): pass",
                "nope = 1",
                "@dataclass\nclass Member(Regularizer):\n    p: int",
            )
        )
        text = HEAD + bad + "\n"
    statuses = (2, 3) if "nan" in bad or "1e40" in bad else (2, 0) if "backward" in bad else (2,)
    return of(MEMBER_WORDS, text, ["mine", "reg"], statuses=statuses, about=f"member: {bad}")


@RECIPES
def flow(chance: random.Random) -> Case:
    """An optimizer that raises, or is none."""
    where = chance.choice(("init", "step"))
    bad = chance.choice(RAISES)
    text = HEAD + FLOWS.format(**({"init": "pass", "step": "pass"} | {where: bad}))
    if chance.random() < 0.3:
        bad = chance.choice(
            (
                "Steps = 5",
                "class Steps: pass",
                "def Steps(params, lr): return None",
                "Steps = torch.optim.LBFGS",
                "Steps = nn.Linear",
                "Steps = torch.optim.Optimizer",
                "def Steps(lr): pass",
            )
        )
        text = HEAD + bad + "\n"
    return of(FLOW_WORDS, text, ["optimizer"], about=f"optimizer: {bad}")


@RECIPES
def library(chance: random.Random) -> Case:
    """A class of torch's that is of the kind that is due, and cannot be used so."""
    words, name = chance.choice(
        (
            (
                [
                    "optimizer=sgd",
                    "optimizer._target_=torch.optim.LBFGS",
                    "~optimizer.momentum",
                    "~optimizer.nesterov",
                ],
                "optimizer",
            ),
            (
                ["optimizer._target_=torch.optim.SparseAdam", "~optimizer.momentum", "~optimizer.nesterov"],
                "optimizer",
            ),
            (
                ["optimizer._target_=torch.optim.Optimizer", "~optimizer.momentum", "~optimizer.nesterov"],
                "optimizer",
            ),
            (["optimizer._target_=torch.optim.Adam"], "momentum"),
            (["optimizer._target_=torch.optim.lr_scheduler.StepLR"], "optimizer"),
            (["model=own", "model._target_=torch.nn.Linear"], "model"),
            (["model=own", "model._target_=torch.nn.Module"], "model"),
            (["model=own", "model._target_=torch.nn.Identity"], "model"),
            (
                [
                    "model=own",
                    "model._target_=torch.nn.Linear",
                    "+model.in_features=3",
                    "+model.out_features=3",
                ],
                "model",
            ),
            (["model=own", "model._target_=torchvision.models.resnet18", "+model.weights=DEFAULT"], "model"),
            (["model=own", "model._target_=torchvision.models.nope"], "model"),
            (["model=own", "model._target_=torchvision.models.vit_b_16"], "model"),
            (["schedule._target_=torch.optim.lr_scheduler.StepLR", "~schedule.warmup"], "schedule"),
            (["schedule._target_=builtins.dict", "~schedule.warmup"], "schedule"),
            (
                ["dataset=own", "dataset._target_=torchvision.datasets.FakeData", "+dataset.size=-5"],
                "dataset",
            ),
            (["dataset=own", "dataset._target_=torchvision.datasets.FakeData", "+dataset.size=abc"], "size"),
            (["dataset=own", "dataset._target_=torchvision.datasets.FakeData", "+dataset.nope=3"], "nope"),
            (["dataset=own", "dataset._target_=torchvision.datasets.ImageFolder"], "dataset"),
            (["dataset=own", "dataset._target_=torchvision.datasets.MNIST"], "dataset"),
            (["dataset=own", "dataset._target_=torch.utils.data.IterableDataset"], "dataset"),
            (["dataset=own", "dataset._target_=torch.utils.data.Dataset"], "dataset"),
            (["dataset=own", "dataset._target_=torch.utils.data.TensorDataset"], "dataset"),
            (
                [
                    "dataset=own",
                    "dataset._target_=torchvision.datasets.FakeData",
                    "+dataset.transform={_target_: nope.Nope}",
                ],
                "transform",
            ),
            (
                [
                    "dataset=own",
                    "dataset._target_=torchvision.datasets.FakeData",
                    "+dataset.transform={_target_: os.mkdir, path: made}",
                ],
                "transform",
            ),
            (
                ["dataset=own", "dataset._target_=torchvision.datasets.FakeData", "+dataset.transform=5"],
                "dataset",
            ),
        )
    )
    groups = {word.partition("=")[0] for word in words if word.startswith(("model=", "dataset="))}
    common = [word for word in TINY if word.partition(".")[0] not in groups]
    return Case(["train", *common, *words], [name], writes=(), about=" ".join(words))
