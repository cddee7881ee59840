"""A person's own models, members, optimizers, schedules that raise, or give what they must not."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path

from tests.fuzzing.case import TINY, Case, Recipes
from tests.fuzzing.drawn import each
from tests.fuzzing.modules import HEAD, NET, RAISES, filled, of

RECIPES = Recipes()
Stock = Mapping[str, Path]
NET_WORDS = [
    "model=own",
    "model._target_=mine.Net",
    *(word for word in TINY if not word.startswith("model.")),
]
ROWS_WORDS = [
    "dataset=own",
    "dataset._target_=mine.Rows",
    *(word for word in TINY if not word.startswith("dataset")),
]
MEMBER_WORDS = ["--config-dir", "options", "+reg=mine", *TINY]
STEPS_WORDS = ["--config-dir", "options", "optimizer=mine", *TINY]
COURSE_WORDS = ["--config-dir", "options", "schedule=mine", *TINY]


def told(work: Path, stock: Stock) -> str:
    """What is wrong with the record of a run that failed in the middle."""
    try:
        found = [json.loads(path.read_text()) for path in work.glob("outputs/runs/*/*/summary.json")]
    except ValueError as error:
        return f"a summary cannot be read: {error}"
    if [one["status"] for one in found] != ["failed"] or "mine.py" not in found[0]["reason"]:
        return f"the summary says {[(one['status'], one['reason'][:100]) for one in found]}"
    return ""


def begun(chance: random.Random) -> list[str]:
    """A run, or a sweep of it."""
    return chance.choice((["train"], ["train"], ["train", "-m"]))


@RECIPES
def net(chance: random.Random) -> Case:
    """A model whose constructor or forward raises."""
    where, bad = chance.choice(("init", "forward")), chance.choice(RAISES)
    names = ["model", "mine"]
    return of(
        [*begun(chance), *NET_WORDS], filled(NET, **{where: bad}), names, about=f"model's {where}: {bad}"
    )


@RECIPES
def net_later(chance: random.Random) -> Case:
    """A model whose forward raises in the middle of a run."""
    bad = chance.choice(RAISES)
    text = filled(NET, forward=f"if after({chance.choice((12, 20, 25))}):\n            {bad}")
    words = ["train", *(word for word in NET_WORDS if "epochs" not in word), "train.epochs=9"]
    quiet = "Diverged" in bad or "ConfigError" in bad or "Held" in bad  # which are regbench's own words
    return of(
        words,
        text,
        ["model", "mine"],
        statuses=(1, 2, 3),
        right=None if quiet else told,
        about=f"later: {bad}",
    )


GIVEN = each("""
return None
return (x, x)
return [1]
return 'x'
return 5
return {'a': 1}
return self.layer(self.flat(x)).sum()
return x[:0]
return self.layer(self.flat(x)) * float('nan')
return self.layer(self.flat(x)).detach()
return self.layer(self.flat(x)).long()
return self.layer(self.flat(x))[:, :3]
return self.layer(self.flat(x))[:-1]
return torch.cat([self.layer(self.flat(x))] * 2, 1)
return self.layer(self.flat(x)).double()
return self.layer(self.flat(x)).unsqueeze(0)
return self
return torch.zeros(len(x), 10)
return self.layer(self.flat(x)).to(torch.complex64)
return self.layer(self.flat(x)).numpy(force=True)
yield 5
x.zero_()
x.resize_(0)
return self.layer(self.flat(x)).to_sparse()
return self.layer(self.flat(x)).to('meta')
self.layer = None
del self.layer
self.layer.weight.data = torch.zeros(3)
""")


@RECIPES
def net_gives(chance: random.Random) -> Case:
    """A model whose forward gives what is no logits."""
    bad = chance.choice(GIVEN)
    mild = ("double", "zero_", "nan", "resize_", "sparse")
    statuses = (2, 3, 0) if any(word in bad for word in mild) else (2,)
    return of(
        ["train", *NET_WORDS],
        filled(NET, forward=bad),
        ["model", "mine", "train"],
        statuses=statuses,
        about=f"forward: {bad}",
    )


NO_NET = each("""
Net = 5
Net = 'x'
def Net(): return 5
def Net(in_shape, num_classes): return 5
def Net(in_shape, num_classes): return None
class Net: pass
class Net(nn.Module): pass
Net = nn.Linear
Net = nn.Linear(3, 3)
def Net(*a, **k): return nn.ReLU
class Net(nn.Module):␤    def __init__(self, x): pass
class Net(nn.Module):␤    def __new__(cls, *a, **k): return 5
Net = lambda *a, **k: {}
Net = None
Net = torch
async def Net(in_shape, num_classes): pass
def Net(in_shape, num_classes): yield 5
class Net(nn.Module):␤    def forward(self): pass
Net = []
class Net(type): pass
def Net(in_shape: int, num_classes: str): pass
class Net(nn.Module):␤    def __init__(self, in_shape, num_classes):␤        pass␤    def forward(self, x): return x
nope = 1
class Net(nn.Module, nn.Linear): pass
class Net(nn.Module):␤    def __init__(self, in_shape, num_classes, more): super().__init__()
def Net(in_shape, num_classes, /, *, must): pass
class Net(torch.nn.Sequential): pass
def Net(in_shape, num_classes) -> int: return 5
class Net(nn.Module):␤    def __init_subclass__(cls): raise KeyError␤    def __getattr__(self, name): raise SystemExit(0)
def __getattr__(name): raise SystemExit(0)
""")


@RECIPES
def no_net(chance: random.Random) -> Case:
    """What is named as a model, and is none."""
    bad = chance.choice(NO_NET)
    return of(["train", *NET_WORDS], f"{HEAD}{bad}\n", ["model", "mine"], about=f"no model: {bad[:50]}")


BREAKS = each(r"""
def (:
  x = 1␤ y = 2
class
x = '
␀
import nope_at_all
é = = 1
return 5
raise SystemExit(0)
raise KeyError('top')
1/0
from regbench import nope
import mine␤mine.nope
exit(0)
raise BaseException('x')
raise KeyboardInterrupt if False else ValueError('a␤b')
print 'x'
<<<<<<< HEAD
import mine.nope
from mine import nope
assert False
raise ImportError
import sys; sys.modules['mine'] = None
""")


@RECIPES
def broken_module(chance: random.Random) -> Case:
    """A module that cannot be imported."""
    bad = chance.choice((*BREAKS, "\ufeff\ufeffx")) + "\n"
    words, group = chance.choice(
        ((NET_WORDS, "model"), (ROWS_WORDS, "dataset"), (MEMBER_WORDS, "reg"), (STEPS_WORDS, "optimizer"))
    )
    text = bad if "\ufeff" in bad or chance.random() < 0.5 else HEAD + bad
    return of([*begun(chance), *words], text, [group, "mine"], about=f"a module: {bad!r}")


ACTS = each("""
import shutil; shutil.rmtree('outputs')
import os; os.chdir('/')
import os; os.chdir('precious')
import sys; sys.stdout.close()
import sys; sys.stdout = None
import sys; sys.stderr = None
import sys; sys.argv.clear()
import os, signal; os.kill(os.getpid(), signal.SIGTERM)
import os, signal; os.kill(os.getpid(), signal.SIGINT)
raise KeyboardInterrupt
import warnings; warnings.warn('look out')
print('hello', flush=True)
torch.set_grad_enabled(False)
torch.manual_seed(5)
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
import logging; logging.disable()
import random; random.seed(3)
import os; os.environ.clear()
import builtins; builtins.print = None
import glob, os; [os.remove(path) for path in glob.glob('outputs/**/metrics.jsonl', recursive=True)]
import glob, os; [os.remove(path) for path in glob.glob('outputs/**/*.pt', recursive=True)]
""")


@RECIPES
def acts(chance: random.Random) -> Case:
    """A model whose forward acts on the process or on the run's own folder: no trace, and nothing else is lost."""
    bad = chance.choice(ACTS)
    text = filled(NET, forward=f"if after(25):\n            {bad}")
    words = ["train", *(word for word in NET_WORDS if "epochs" not in word), "train.epochs=6"]
    return of(
        words,
        text,
        ["model", "mine", "outputs"],
        statuses=(0, 1, 2, 130),
        leaves=("outputs*",),
        writes=("*outputs*",),
        about=f"acts: {bad}",
    )
