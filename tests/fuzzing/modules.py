"""A person's own module: what it may raise, and the classes that it is raised in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.fuzzing.case import Case
from tests.fuzzing.drawn import each

Stock = Mapping[str, Path]
RAISES = each(r"""
raise ValueError('no')
raise RuntimeError('no')
raise KeyError('x')
raise KeyError
raise Exception
raise IndexError('a\nb\nc')
raise TypeError('\x1b[31mred')
raise OSError(28, 'No space left on device')
raise PermissionError(13, 'Permission denied', 'x')
raise NotImplementedError
raise AssertionError
assert 1 == 2
raise SystemExit
raise SystemExit(0)
raise SystemExit('bye')
raise SystemExit(3)
raise StopIteration
raise GeneratorExit
raise RecursionError('deep')
raise MemoryError
raise BaseException('base')
raise Odd('own')
raise Mute()
raise UnicodeDecodeError('utf-8', b'x', 0, 1, 'bad')
raise BrokenPipeError
raise EOFError
raise TimeoutError
raise ImportError('no module')
raise ModuleNotFoundError
raise AttributeError('x')
raise Warning('w')
raise ExceptionGroup('many', [ValueError('a'), KeyError('b')])
raise BaseExceptionGroup('many', [SystemExit(0), KeyError('b')])
1 / 0
nope
[][1]
{}['x']
None.x
torch.ones(2) @ torch.ones(3)
deep()
raise ValueError('x' * 10000)
raise ValueError('{}[]{{ [bold]markup[/bold] %s')
raise ValueError('')
raise ValueError
raise ValueError('\n\n')
raise ValueError({'a': 1})
raise RuntimeError('\u202e\u2028')
raise RuntimeError('\udcff')
raise ConfigError('mine: is wrong')
raise ConfigError('a\nb')
import sys; sys.exit('out')
exit()
quit()
open('nope')
import nope_module
torch.zeros(10**15)
raise ValueError from KeyError('x')
raise FileNotFoundError(2, 'No such file', 'mine.txt')
raise Diverged('x')
raise Held('x')
int('x')
float([])
''.nope()
""")
HEAD = """
import torch
from torch import nn
from torch.utils.data import Dataset
from dataclasses import dataclass
from typing import ClassVar
from regbench.errors import ConfigError
from regbench.regularizers.base import Regularizer
from regbench.training.loop import Diverged
from regbench.folders.lock import Held

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
STEPS = """
class Steps(torch.optim.SGD):
    def __init__(self, params, lr):
        {init}
        super().__init__(params, lr=lr)

    def step(self, closure=None):
        {step}
        return super().step(closure)
"""
COURSE = """
@dataclass
class Course:
    a: float = 1.0

    def __post_init__(self):
        {init}
        pass

    def __call__(self, done):
        {call}
        return self.a
"""


def filled(template: str, **code: str) -> str:
    """A template with code at its places; nothing where none is given."""
    places = ("init", "forward", "length", "item", "hook", "step", "call")
    return HEAD + template.format(**(dict.fromkeys(places, "pass") | code))


def of(words: Sequence[str], text: str, named: Sequence[str], **more: object) -> Case:
    """The case of a module `mine.py` and the line that names it."""

    def prepare(work: Path, stock: Stock) -> None:
        (work / "mine.py").write_text(text, errors="surrogatepass")
        nodes = {
            "reg": "# @package reg.mine\n_target_: mine.Member\np: 0.5\n",
            "optimizer": "_target_: mine.Steps\nlr: 0.1\n",
        }
        nodes["schedule"] = "_target_: mine.Course\n"
        for group, content in nodes.items():
            (work / "options" / group).mkdir(parents=True)
            (work / "options" / group / "mine.yaml").write_text(content)

    return Case(words, named, prepare=prepare, **more)  # type: ignore[arg-type]
