"""Command lines of train, train -m and plan: values, keys, options and places that are wrong."""

from __future__ import annotations

import random

from tests.fuzzing.case import TINY, Case, Recipes
from tests.fuzzing.drawn import each, pairs
from tests.fuzzing.values import SETTINGS, misspelt, with_setting

RECIPES = Recipes()
GROUPS = ("train", "model", "optimizer", "sweep")
OPTIONS = {
    "model": ("mlp", "cnn", "resnet", "transformer", "rnn"),
    "dataset": ("digits", "fashion_mnist", "text_csv", "image_folder"),
    "optimizer": ("sgd", "adam", "adamw"),
    "schedule": ("cosine", "constant", "step"),
    "+reg": ("dropout", "label_smoothing", "mixup", "early_stopping"),
    "+experiment": ("cocktail",),
}


def command(chance: random.Random) -> list[str]:
    """How a line of overrides begins."""
    return chance.choice(
        (["train"], ["train"], ["train", "-m"], ["plan"], ["plan", "-m"], ["train", "--multirun"])
    )


@RECIPES
def value(chance: random.Random) -> Case:
    """A value that its key cannot have."""
    setting = chance.choice(SETTINGS)
    wrong = chance.choice(setting.wrong)
    about = f"{setting.key}={wrong[:40]}"
    return Case([*command(chance), *with_setting(setting, wrong)], setting.named, about=about)


@RECIPES
def value_in_a_sweep(chance: random.Random) -> Case:
    """One of the values of a sweep that its key cannot have."""
    setting = chance.choice([one for one in SETTINGS if one.key not in GROUPS])
    good = {"seed": "1", "device": "cpu", "precision": "fp32"}.get(setting.key, "1")
    plain = [
        one for one in setting.wrong if one.isascii() and one.replace(".", "").replace("-", "").isalnum()
    ]
    bad = chance.choice(plain)
    words = with_setting(
        setting, chance.choice((f"{good},{bad}", f"{bad},{good}", f"{bad},{bad}", f"choice({bad})"))
    )
    return Case(["train", "-m", *words], setting.named, about=words[-1][:60])


@RECIPES
def key(chance: random.Random) -> Case:
    """A key with a slip of the finger."""
    setting = chance.choice(
        [one for one in SETTINGS if len(one.key.rpartition(".")[2]) > 3 and one.key not in GROUPS]
    )
    head, dot, last = setting.key.rpartition(".")
    wrong = misspelt(chance, last)
    words = with_setting(setting, "1")
    return Case([*command(chance), *words[:-1], f"{head}{dot}{wrong}=1"], [wrong])


@RECIPES
def group(chance: random.Random) -> Case:
    """A key whose group has a slip of the finger, or another separator."""
    keys = ("train.epochs", "model.width", "dataset.num_train", "optimizer.momentum")
    head, last = chance.choice(keys).split(".")
    wrong = misspelt(chance, head)
    forms = each(
        "{w}.{l} {h}..{l} {h}/{l} {h}-{l} {h}_{l} .{h}.{l} {h}.{l}. {u}.{l} {h}.{l}.x {h}:{l} {h}.{h}.{l} {l}.{h}",
        None,
    )
    typed = chance.choice((forms[0], *forms)).format(w=wrong, h=head, l=last, u=head.upper())
    return Case([*command(chance), f"{typed}=1"], [wrong, last, head])


@RECIPES
def option(chance: random.Random) -> Case:
    """An option that a group does not have."""
    name = chance.choice(list(OPTIONS))
    right = chance.choice(OPTIONS[name])
    forms = each(
        "{m} {m} {u} {r}.yaml {g}/{r} 5 [] [{r}x] {r}:1 ../train null_ true '' {r}/ /{r} {r},{r} ~{r} {r}.p {r}() %{r}",
        None,
    )
    wrong = chance.choice(forms).format(
        m=misspelt(chance, right), u=right.upper(), r=right, g=name.strip("+")
    )
    begin = ["train"] if "," in wrong else command(chance)
    statuses = (2, 0) if wrong == "[]" or wrong.endswith(".yaml") else (2,)
    return Case([*begin, f"{name}={wrong}"], [name.lstrip("+")], statuses, about=f"{name}={wrong}")


HYDRAS = """
hydra.launcher.n_jobs=0 -> n_jobs
hydra.launcher.n_jobs=abc -> n_jobs
hydra.launcher.n_jobs=1.5 -> n_jobs
hydra.launcher.n_jobs=null_ -> n_jobs
hydra.launcher.n_jobs=99999999999999999999 -> n_jobs
hydra.launcher.nope=1 -> nope
hydra.output_subdir=null -> output_subdir
hydra.output_subdir=.. -> output_subdir
hydra.output_subdir=../../x -> output_subdir
hydra.output_subdir=/tmp/regbench_fuzz_x -> output_subdir
hydra.output_subdir=x -> output_subdir
hydra/launcher=nope -> launcher
hydra/sweeper=nope -> sweeper
hydra.nope=1 -> nope
hydra.run=5 -> hydra.run
hydra.sweep.subdir=.. -> subdir
hydra.job.nope=1 -> nope
hydra.mode=NOPE -> hydra.mode
hydra.sweeper.max_batch_size=abc -> max_batch_size
hydra.searchpath=[nope] -> searchpath
hydra.searchpath=nope -> searchpath
hydra.run.dir=\\'\\' -> run.dir
hydra.run.dir=null -> run.dir
hydra.run.dir=[a] -> run.dir
hydra.run.dir={a:1} -> run.dir
hydra.run.dir=. -> run.dir
hydra.run.dir=./ -> run.dir
hydra.run.dir=.. -> run.dir
hydra.run.dir=../.. -> run.dir
hydra.run.dir=precious -> run.dir precious
hydra.run.dir=precious/../precious -> run.dir precious
hydra.run.dir=precious/kept.txt -> run.dir precious
hydra.run.dir=precious/kept.txt/more -> run.dir precious
hydra.run.dir=/dev/null -> run.dir /dev/null
hydra.run.dir=/proc/regbench -> run.dir /proc
hydra.run.dir=/dev/null/x -> run.dir /dev/null
hydra.run.dir='${nope}' -> run.dir
hydra.run.dir=«x*300» -> run.dir xxx
hydra.sweep.dir=\\'\\' -> sweep.dir
hydra.sweep.dir=precious/kept.txt -> sweep.dir precious
hydra.sweep.dir=/dev/null/x -> sweep.dir /dev/null
hydra.sweep.dir=null -> sweep.dir
hydra.sweep.dir=[a] -> sweep.dir
hydra.sweep.dir='${nope}' -> sweep.dir
hydra.job.chdir=true -> chdir
hydra.job.chdir=nope -> chdir
hydra.verbose=nope.nope -> verbose
hydra.hydra_logging=5 -> hydra_logging
hydra.job_logging=null -> job_logging
hydra.callbacks.x=5 -> callbacks
"""


@RECIPES
def hydras_own(chance: random.Random) -> Case:
    """Settings of Hydra that lead nowhere, or out of the folder."""
    (wrong,), names = chance.choice(pairs(HYDRAS))
    multirun = names[0] in ("n_jobs", "sweep.dir", "subdir", "max_batch_size") or wrong.startswith(
        ("hydra/", "hydra.launcher")
    )
    begin = ["train", "-m"] if multirun else ["train"]
    joblib = ["hydra/launcher=joblib"] if names[0] == "n_jobs" else []
    # what changes nothing that matters may be let through
    mild = ("chdir", "verbose", "hydra_logging", "job_logging", "callbacks", "searchpath", "max_batch_size")
    statuses = (
        (2, 0)
        if names[0] in mild or wrong.endswith("output_subdir=x") or wrong.endswith("chdir=true")
        else (2,)
    )
    return Case(
        [*begin, *TINY, *joblib, wrong],
        names,
        statuses,
        writes=("outputs*",) if 0 in statuses else (),
        about=wrong[:60],
    )


LARGE = """
model.width=1000000000 -> model.width
model.width=100000 -> model.width
model.width=99999999999999999999999 -> model.width
model.depth=100000000 -> depth
threads=1000000000000 -> threads
threads=1000000 -> threads
train.batch_size=99999999999999999999 -> batch_size
seed=4294967296 -> seed
seed=99999999999999999999 -> seed
dataset.split_seed=99999999999999999999999999 -> split_seed
train.epochs=99999999999999999999 -> epochs
train.accumulate=99999999999999999999 -> accumulate
optimizer.momentum=1e300 -> momentum
"""


@RECIPES
def too_large(chance: random.Random) -> Case:
    """More than the machine has, or than anybody waits for."""
    (wrong,), names = chance.choice(pairs(LARGE))
    names += [names[0].replace(".", ": ")]
    words = [word for word in TINY if not word.startswith(wrong.partition("=")[0])]
    statuses = (2, 0, 3) if wrong.startswith(("optimizer", "train.batch", "train.acc")) else (2,)
    # a plan trains nothing: it may have nothing against a size that no machine has
    plan = chance.random() < 0.2
    statuses = (*statuses, 0) if plan else statuses
    begin = ["plan"] if plan else chance.choice((["train"], ["train", "-m"]))
    return Case([*begin, *words, wrong], names, statuses, about=wrong[:60])


TARGETS = """
nope nope.Nope os torch torch.nn torch.nn.Nope '1' 'a␉b' '' null 5 [a] {a:1} builtins.int builtins.dict builtins.print
math.pi math.sin ..x torch.nn. .torch.nn.Linear torch.Tensor os.path.join collections.OrderedDict regbench.nope.X
regbench.models.mlp json.dumps torch.nn.ReLU regbench.models.mlp.Nope torch.optim.SGD.step '__main__.x' é.x torch.nn.Module
'torch.nn.Linear()' torch.optim builtins.object builtins.type typing.Any abc.ABC regbench.cli.main regbench.errors.ConfigError
torch.utils.data.Dataset torch.optim.lr_scheduler.StepLR builtins.None ??? regbench.regularizers.base.Regularizer a..b 1.2
"""


@RECIPES
def targets(chance: random.Random) -> Case:
    """A class that is none, or none of the kind that is due."""
    group = chance.choice(("model", "optimizer", "schedule", "dataset", "reg.dropout"))
    wrong = chance.choice(each(TARGETS.replace("\n", " "), None))
    besides = ["+reg=dropout"] if group.startswith("reg") else []
    common = [word for word in TINY if not word.startswith(f"{group}.")]
    names = [group, group.rpartition(".")[2]]
    return Case(
        [*command(chance), *besides, *common, f"{group}._target_={wrong}"], names, about=f"{group} is {wrong}"
    )
