"""A person's own datasets that raise, or give rows, labels or a length that are none."""

from __future__ import annotations

import random

from tests.fuzzing.case import TINY, Case, Recipes
from tests.fuzzing.drawn import each, pairs
from tests.fuzzing.modules import HEAD, RAISES, ROWS, filled, of
from tests.fuzzing.own import ROWS_WORDS, begun

RECIPES = Recipes()


@RECIPES
def raises(chance: random.Random) -> Case:
    """A dataset that raises."""
    where, bad = chance.choice(("init", "length", "item")), chance.choice(RAISES)
    # an IndexError or a StopIteration ends a sequence in Python
    statuses = (2, 0) if where == "item" and ("Index" in bad or "[][1]" in bad) else (2,)
    text = filled(ROWS, **{where: bad})
    return of(
        [*begun(chance), *ROWS_WORDS],
        text,
        ["dataset", "mine"],
        statuses=statuses,
        about=f"dataset's {where}: {bad}",
    )


LENGTHS = each("0 -1 1 2 1.5 None 'x' 10**12 [] 3 True 2**63 2**200 float('nan')", None)
ITEMS = each("""
None
5
self.rows[n]
()
(self.rows[n],)
(self.rows[n], 0, 0)
(self.rows[n], None)
(self.rows[n], 'a')
(self.rows[n], -1)
(self.rows[n], 1.5)
(self.rows[n], float('nan'))
(self.rows[n], 5)
(self.rows[n], n)
(self.rows[n], [1])
(self.rows[n], True)
(self.rows[n], {})
(self.rows[n], torch.rand(3))
(None, 0)
('x', n % 3)
(self.rows[n] * float('nan'), n % 3)
(self.rows[n] / 0, n % 3)
(self.rows[n][:, : n % 5 + 1], n % 3)
(torch.rand(1, 8, 8), n % 3)
(self.rows[n].to_sparse(), n % 3)
(self.rows[n][:0], n % 3)
(torch.zeros(()), n % 3)
(self.rows[n], 10**30)
(self.rows[n], 'a␤b' * (n % 3))
(self.rows[n], '␛[31m' * (n % 3))
(self.rows[n], n % 3 + 1)
(self.rows[n], (n % 3) * 2)
(self.rows[n], 'x' if n else 0)
(self.rows[n].to(torch.complex64), n % 3)
[self.rows[n], n % 3]
{'x': self.rows[n], 'y': 1}
(self.rows[n].requires_grad_(), n % 3)
(n, n % 3)
(self.rows[n].numpy(), n % 3)
(self.rows[n].to('meta'), n % 3)
(self.rows[n].expand(10000, 10000, 8), n % 3)
(self.rows[n].bool(), n % 3)
(self.rows[n].half(), n % 3)
(self.rows[n].tolist(), n % 3)
(b'x', n % 3)
(self.rows, n % 3)
(self, n % 3)
(self.rows[n], self.rows[n])
(self.rows[n], b'x')
(self.rows[n], 'x' * 5000 + str(n % 3))
(self.rows[n], '')
""")


@RECIPES
def gives(chance: random.Random) -> Case:
    """A dataset whose rows, labels or length are none: it is refused, or rightly read."""
    where = chance.choice(("length", "item", "item", "item"))
    bad = "return " + chance.choice(LENGTHS if where == "length" else ITEMS)
    return of(
        ["train", *ROWS_WORDS],
        filled(ROWS, **{where: bad}),
        ["dataset", "mine"],
        statuses=(2, 0),
        about=f"{where}: {bad}",
    )


NO_ROWS = each("""
Rows = 5
Rows = None
def Rows(): return 5
def Rows(): return None
def Rows(): return []
def Rows(): return [(torch.zeros(1, 8, 8), 0)]
class Rows: pass
class Rows(Dataset): pass
class Rows(Dataset):␤    def __len__(self): return 60
class Rows(Dataset):␤    def __getitem__(self, n): return 1
class Rows(torch.utils.data.IterableDataset):␤    def __iter__(self): return iter([])
Rows = Dataset
Rows = nn.Linear
Rows = torch.utils.data.TensorDataset
class Rows(Dataset):␤    def __init__(self, path): pass
class Rows(Dataset):␤    def __init__(self, root, must): pass
def Rows(train): return 5
def Rows(split='train'): raise ValueError(split)
def Rows(split='train'): return None
def Rows(train=True): return list() if train else None
def Rows(): yield 5
async def Rows(): pass
Rows = lambda: {}
Rows = lambda: 'x' * 60
Rows = lambda: {n: (torch.zeros(1, 8, 8), n % 3) for n in range(1, 60)}
class Rows:␤    fetch = 5
class Rows:␤    def fetch(self): return 5
class Rows:␤    def fetch(self): raise SystemExit(0)
nope = 1
""")


@RECIPES
def none(chance: random.Random) -> Case:
    """What is named as a dataset, and is none."""
    bad = chance.choice(NO_ROWS)
    return of(["train", *ROWS_WORDS], f"{HEAD}{bad}\n", ["dataset", "mine"], about=f"no dataset: {bad[:60]}")


ATTRIBUTES = each("""
self.classes = 5
self.classes = ['a']
self.classes = ['a', 'a', 'a']
self.classes = [1, 2, 3]
self.classes = ['a␤b', '␛[31m', 'c']
self.classes = 'abc'
self.classes = None
self.num_classes = 2
self.num_classes = -1
self.num_classes = 'x'
self.num_classes = 10**9
self.mirrors = 'x'
self.classes = {'a': 0, 'b': 1, 'c': 2}
self.classes = ['x' * 5000, 'b', 'c']
self.num_classes = None
self.num_classes = 3.0
""")


@RECIPES
def attributes(chance: random.Random) -> Case:
    """A dataset that says of its classes what cannot be: it is refused, or passed over."""
    bad = chance.choice(ATTRIBUTES)
    return of(
        ["train", *ROWS_WORDS],
        filled(ROWS, init=bad),
        ["dataset", "mine"],
        statuses=(2, 0),
        about=f"dataset has {bad[:50]}",
    )


LIBRARY = """
torchvision.datasets.FakeData +dataset.size=-5 -> dataset
torchvision.datasets.FakeData +dataset.size=0 -> dataset
torchvision.datasets.FakeData +dataset.size=abc -> size
torchvision.datasets.FakeData +dataset.size=1e400 -> size
torchvision.datasets.FakeData +dataset.nope=3 -> nope
torchvision.datasets.FakeData +dataset.image_size=5 -> dataset
torchvision.datasets.FakeData +dataset.image_size=[] -> dataset
torchvision.datasets.FakeData +dataset.image_size=[0,0,0] -> dataset
torchvision.datasets.FakeData +dataset.num_classes=0 -> dataset
torchvision.datasets.FakeData +dataset.transform={_target_:nope.Nope} -> transform
torchvision.datasets.FakeData +dataset.transform=5 -> dataset
torchvision.datasets.FakeData +dataset.transform={_target_:torchvision.transforms.Resize} -> transform dataset
torchvision.datasets.FakeData +dataset.transform={_target_:torchvision.transforms.Resize,size:-3} -> transform dataset
torchvision.datasets.FakeData +dataset.train=true -> train
torchvision.datasets.ImageFolder -> dataset
torchvision.datasets.ImageFolder dataset.root=precious -> dataset
torchvision.datasets.ImageFolder dataset.root=nope -> dataset
torchvision.datasets.MNIST dataset.root=nope -> dataset
torchvision.datasets.MNIST dataset.root=nope +dataset.download=true -> dataset
torchvision.datasets.CIFAR10 dataset.root=/dev/null +dataset.download=true -> dataset
torchvision.datasets.Nope -> Nope
torch.utils.data.IterableDataset -> dataset
torch.utils.data.Dataset -> dataset
torch.utils.data.TensorDataset -> dataset
torch.utils.data.DataLoader -> dataset
"""


@RECIPES
def library(chance: random.Random) -> Case:
    """A dataset of torchvision's that cannot be made so."""
    (target, *words), names = chance.choice(pairs(LIBRARY))
    common = [word for word in TINY if not word.startswith("dataset.")]
    line = ["train", *common, "dataset=own", f"dataset._target_={target}", *words]
    return Case(
        line,
        names,
        writes=(),
        leaves=("nope", "nope/*") if "download=true" in line[-1] else (),
        about=" ".join([target, *words]),
    )
