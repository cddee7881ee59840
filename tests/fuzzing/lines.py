"""Command lines of train, train -m, plan: values, keys, words, flags, sweeps, stacks and references that are wrong."""

from __future__ import annotations

import random

from tests.fuzzing.case import TINY, Case, Recipes
from tests.fuzzing.values import SETTINGS, misspelt, named, with_setting

RECIPES = Recipes()
EITHER = (2, 0)
KEYS = [setting for setting in SETTINGS if setting.key not in ("train", "sweep")]
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
    return chance.choice((["train"], ["train", "-m"], ["plan"], ["plan", "-m"], ["train", "--multirun"]))


@RECIPES
def value(chance: random.Random) -> Case:
    """A value that its key cannot have."""
    setting = chance.choice(SETTINGS)
    wrong = chance.choice(setting.wrong)
    return Case(
        [*command(chance), *with_setting(setting, wrong)], setting.named, about=f"{setting.key}={wrong[:40]}"
    )


@RECIPES
def value_in_a_sweep(chance: random.Random) -> Case:
    """One of the values of a sweep that its key cannot have."""
    setting = chance.choice([one for one in SETTINGS if one.wrong[0][:1] not in "[{" and one.key != "train"])
    good = {"seed": "1", "device": "cpu", "precision": "fp32"}.get(setting.key, "1")
    bad = chance.choice(
        [one for one in setting.wrong if one.isascii() and one.replace(".", "").replace("-", "").isalnum()]
    )
    words = with_setting(setting, chance.choice((f"{good},{bad}", f"{bad},{good}", f"{bad},{bad}")))
    return Case(["train", "-m", *words], setting.named)


@RECIPES
def key(chance: random.Random) -> Case:
    """A key with a slip of the finger."""
    setting = chance.choice([one for one in KEYS if len(one.key.rpartition(".")[2]) > 3])
    head, dot, last = setting.key.rpartition(".")
    wrong = misspelt(chance, last)
    words = with_setting(setting, "1")
    return Case([*command(chance), *words[:-1], f"{head}{dot}{wrong}=1"], [wrong])


@RECIPES
def group(chance: random.Random) -> Case:
    """A key whose group has a slip of the finger, or another separator."""
    head, last = chance.choice(
        ["train.epochs", "model.width", "dataset.num_train", "optimizer.momentum"]
    ).split(".")
    wrong = misspelt(chance, head)
    typed = chance.choice(
        (f"{wrong}.{last}", f"{head}..{last}", f"{head}/{last}", f"{head}-{last}", f"{head}_{last}")
    )
    typed = chance.choice(
        (typed, f".{head}.{last}", f"{head}.{last}.", f"{head.upper()}.{last}", f"{head}.{last}.x")
    )
    return Case([*command(chance), f"{typed}=1"], [wrong, last])


@RECIPES
def option(chance: random.Random) -> Case:
    """An option that a group does not have."""
    name = chance.choice(list(OPTIONS))
    right = chance.choice(OPTIONS[name])
    wrong = chance.choice(
        (misspelt(chance, right), right.upper(), right + ".yaml", f"{name.strip('+')}/{right}", "5", "[]")
    )
    wrong = chance.choice(
        (wrong, wrong, f"[{right}x]", f"{right}:1", "../train", "null_", "true", "''", f"{right} ")
    )
    return Case([*command(chance), f"{name}={wrong}"], [name.lstrip("+")])


@RECIPES
def broken_word(chance: random.Random) -> Case:
    """A word that cannot be read as key=value."""
    key, value = chance.choice(
        (("train.epochs", "3"), ("model.width", "8"), ("seed", "1"), ("train.lr", "0.1"))
    )
    forms = (
        "{k}",
        "{k}:{v}",
        "{k}==",
        "={v}",
        "{k} = {v}",
        "{k}= {v}]",
        "{k}=[{v}",
        "{k}=({v}",
        "{k}='{v}",
        '{k}="{v}',
    )
    forms += (
        "{k}=[[{v}]",
        "{k}={{{v}",
        "{k}=}}{v}",
        "{k}={v},",
        "{k}=,{v}",
        "{k}={v},,{v}",
        "+{k}",
        "~{k}={v}x",
        "{k}:={v}",
    )
    forms += (
        "{k}=={v}",
        "{k}+={v}",
        "{k}-={v}",
        "{k}=@{v}",
        "{k}={v}=",
        "{k}\\={v}",
        "-{k}={v}",
        "--{k}={v}",
        "{k}→{v}",
    )
    forms += (
        "{k}={v}#",
        "{k}=f({v}",
        "{k}={v})",
        "{k}=[{v};{v}]",
        "@{k}={v}",
        "{k}@{v}",
        "?{k}={v}",
        "{k}=${{",
        "{k}=${{{v}",
    )
    forms += (
        "({k}={v})",
        '"{k}={v}',
        "{k}={v}|{v}",
        "*={v}",
        "{k}*={v}",
        "{k}[0]={v}",
        "{k}=={v}==",
        "{k}={{a:{v}",
        "{k}={v}\\",
    )
    wrong = chance.choice(forms).format(k=key, v=value)
    if wrong.startswith("="):
        return Case([*command(chance), wrong])
    return Case(
        [*command(chance), *TINY[2:3], wrong], [*named(key), key.split(".")[0]], about=f"broken word {wrong}"
    )


@RECIPES
def stray_words(chance: random.Random) -> Case:
    """Words that are no overrides at all."""
    words = (
        "",
        " ",
        "=",
        "==",
        "dropout",
        "train",
        "help",
        "?",
        "epochs",
        "3",
        "[]",
        "{}",
        "+",
        "~",
        "++",
        "-",
        "...",
        "*",
    )
    words += (
        "é=1",
        "a b",
        "a b=1",
        "key=",
        "=value",
        "+=1",
        "~=",
        "@",
        "/",
        "//",
        "\\",
        "$(id)",
        "`id`",
        "a;b",
        "&&",
        "|",
    )
    words += (
        "config.yaml",
        "train.yaml",
        ".",
        "..",
        "~/x",
        "http://x.y/z",
        "model",
        "reg",
        "-",
        "%s",
        "{0}",
        "a=b=c=d==",
    )
    return Case([*command(chance), *TINY, chance.choice(words)])


@RECIPES
def twice(chance: random.Random) -> Case:
    """A key that is set twice."""
    key, a, b = chance.choice(
        (("seed", "1", "2"), ("train.epochs", "1", "2"), ("model", "mlp", "cnn"), ("+reg", "l2", "sam"))
    )
    return Case([*command(chance), f"{key}={a}", f"{key}={b}"], [key.lstrip("+")])


@RECIPES
def signs_before(chance: random.Random) -> Case:
    """A plus or a tilde where it does not belong, or none where it does."""
    wrong, name = chance.choice(
        (
            ("+train.epochs=3", "train.epochs"),
            ("+seed=1", "seed"),
            ("+model=mlp", "model"),
            ("model.nope=3", "nope"),
            ("dataset.nope=3", "nope"),
            ("+model.nope=3", "nope"),
            ("+optimizer.nope=3", "nope"),
            ("+train.nope=3", "nope"),
            ("+nope=3", "nope"),
            ("++nope=3", "nope"),
            ("~seed", "seed"),
            ("~train", "train"),
            ("~train.lr", "lr"),
            ("~model", "model"),
            ("~dataset", "dataset"),
            ("~nope", "nope"),
            ("~seed=7", "seed"),
            ("~", ""),
            ("~reg", "reg"),
            ("~optimizer", "optimizer"),
            ("+++seed=1", "seed"),
            ("+~seed=1", "seed"),
            ("~reg.dropout", "dropout"),
            ("+reg.dropout.p=0.3", "dropout"),
            ("reg.dropout.p=0.3", "dropout"),
            ("model@foo=mlp", "model"),
            ("+model@model.inner=mlp", "model"),
            ("+reg@=dropout", "reg"),
            ("+reg@reg=dropout", "reg"),
            ("+dataset@reg.x=digits", "reg"),
            ("~hydra", "hydra"),
            ("+schedule.nope.more=3", "nope"),
        )
    )
    return Case([*command(chance), *TINY[1:3], wrong], [name])


@RECIPES
def flags(chance: random.Random) -> Case:
    """Options of the program, or of Hydra, that are not for it."""
    words, name = chance.choice(
        (
            (["--nope"], "nope"),
            (["--epochs=3"], "epochs"),
            (["--epochs", "3"], "epochs"),
            (["-x"], "-x"),
            (["--config-name", "x"], "config-name"),
            (["-cn", "x"], "config-name"),
            (["--config-path", "x"], "config-path"),
            (["-cp", "x"], "config-path"),
            (["--experimental-rerun", "x"], "rerun"),
            (["--experimental-rerun=precious/kept.txt"], "rerun"),
            (["--resolve"], "resolve"),
            (["--package", "train"], "package"),
            (["-p", "train"], "package"),
            (["--info", "nope"], "info"),
            (["-i", "nope"], "info"),
            (["--cfg", "nope"], "cfg"),
            (["-c", "nope"], "cfg"),
            (["--cfg"], "cfg"),
            (["--config-dir"], "config-dir"),
            (["--config-dir", "nope"], "config-dir"),
            (["--config-dir", "precious/kept.txt"], "config-dir"),
            (["--config-dir", "/dev/null"], "config-dir"),
            (["--config-dir="], "config-dir"),
            (["-cd", "nope"], "config-dir"),
            (["--force"], "force"),
            (["--fail-fast"], "fail-fast"),
            (["--verbose"], "verbose"),
            (["-v"], "-v"),
            (["--multirun=3"], "multirun"),
            (["--cfg", "job", "--package", "nope"], "package"),
            (["--cfg", "all", "--package", "nope.more"], "package"),
            (["--shell-completion"], "completion"),
            (["-sc"], "completion"),
            (["--json"], "json"),
            (["--model", "mlp"], "model"),
            (["--", "--nope"], "nope"),
            (["---"], "-"),
            (["—epochs=3"], "epochs"),
            (["/epochs:3"], "epochs"),
        )
    )
    ways = ["completion", "-sc"] if name == "completion" else [name]
    if name in ("config-dir", "package", "cfg", "info"):
        ways.append(words[0])
    return Case(["train", *words], ways, about=f"flags {' '.join(words)}")


@RECIPES
def signs(chance: random.Random) -> Case:
    """Control signs, line ends and endless words in what is typed."""
    bad = chance.choice(
        (
            "a\nb",
            "a\rb",
            "\x1b[31mred",
            "a\tb",
            "\x07",
            "\x08\x08",
            "\u202ekey",
            "a\u2028b",
            "\x9b31m",
            "\ud800",
        )
    )
    bad = chance.choice(
        (
            bad,
            bad,
            "x" * 5000,
            "é" * 700,
            "[" * 900,
            "(" * 900,
            "{a:" * 300,
            "a." * 900,
            "'" * 801,
            "\\" * 801,
        )
    )
    bad = bad.encode(errors="surrogatepass").decode(errors="surrogateescape")
    form, name = chance.choice(
        (
            ("{}=1", ""),
            ("seed={}", "seed"),
            ("model={}", "model"),
            ("+reg={}", "reg"),
            ("train.{}=1", ""),
            ("{}", ""),
        )
        + (
            ("device='{}'", "device"),
            ("sweep='{}'", "sweep"),
            ("+reg=['{}']", "reg"),
            ("--{}", ""),
            ("+{}=1", ""),
        )
        + (
            ("model.norm='{}'", "norm"),
            ("optimizer._target_='{}'", "optimizer"),
            ("dataset.root=['{}']", "root"),
        )
    )
    return Case([*command(chance), form.format(bad)], [name], about=f"signs in {form}: {bad[:12]!r}")


@RECIPES
def sweeps(chance: random.Random) -> Case:
    """Ranges and functions of a sweep that have no end, no step or no values."""
    bad = (
        "range(0,10,0)",
        "range(nan)",
        "interval(0,1)",
        "range(1e400)",
        "range(inf)",
        "range(100000000)",
        "range(0)",
    )
    bad += (
        "range()",
        "range(a)",
        "range(1,2,3,4)",
        "range(0,1,1e-12)",
        "choice()",
        "glob(*)",
        "interval(1)",
        "tag(a)",
    )
    bad += (
        "range(0,-5)",
        "shuffle()",
        "sort()",
        "range(0,10,-1)",
        "range(0,1e18)",
        "range(5,5)",
        "nope(3)",
        "range(nan,1)",
    )
    bad += (
        "choice(a,b)",
        "range(-3,0)",
        "interval(0,inf)",
        "range(0,inf,1)",
        "int(a)",
        "float(nan)",
        "json_str(1)",
        "range",
    )
    bad += (
        "range(1,3,nan)",
        "range(9999999999999999999999)",
        "choice(1,[2])",
        "choice(null,1)",
        "range(0..5)",
        "0..5",
        "0-5",
    )
    bad += (
        "range(start=0,stop=1e9)",
        "range(step=1)",
        "choice(range(3))",
        "extend_list(1)",
        "tag(a,b,interval(0,1))",
        "0:5",
    )
    wrong = chance.choice(bad)
    words = [word for word in TINY if not word.startswith("seed")]
    return Case(
        [*chance.choice((["train", "-m"], ["plan"])), *words, f"seed={wrong}"],
        ["seed"],
        about=f"seed={wrong}",
    )


@RECIPES
def stacks(chance: random.Random) -> Case:
    """Stacks that are none."""
    bad = (
        "[null]",
        "[5]",
        "[[dropout]]",
        "[dropout,dropout]",
        "dropout+mixup",
        "{dropout:1}",
        "''",
        "['']",
        "[dropout",
        "5",
    )
    bad += (
        "[dropout,nope]",
        "nope",
        "[true]",
        "[1.5]",
        "[dropout,[mixup]]",
        "[{dropout:1}]",
        "dropout.p",
        "dropout(0.5)",
    )
    bad += (
        "[dropout;mixup]",
        "dropout mixup",
        "[dropout mixup]",
        "~dropout",
        "!dropout",
        "Dropout",
        "[dropout,null]",
        "true",
    )
    bad += (
        "dropout:0.5",
        "reg/dropout",
        "../model/mlp",
        "[../model/mlp]",
        "/etc/passwd",
        "[dropout,dropout,dropout]",
        "{}",
    )
    bad += (
        "[dropout|mixup]",
        "dropout/p",
        "dropout@p",
        "[dropout@x]",
        "[-dropout]",
        "[dropout,5]",
        "${nope}",
        "[${nope}]",
        "???",
    )
    wrong = chance.choice(bad)
    return Case([*command(chance), *TINY, f"+reg={wrong}"], ["reg", "dropout"], about=f"+reg={wrong}")


@RECIPES
def references(chance: random.Random) -> Case:
    """References to nothing, to itself, to what is no value."""
    key = chance.choice(("seed", "train.epochs", "train.lr", "model.width", "dataset.num_train", "threads"))
    bad = (
        "${nope}",
        "${nope.more}",
        "${oc.env:NOPE_NOPE}",
        "${oc.decode:'['}",
        "${nope:1}",
        "${train}",
        "${model}",
        "${.nope}",
    )
    bad += (
        f"${{{key}}}",
        "${oc.env:HOME}",
        "${hydra:nope}",
        "${oc.select:nope}",
        "${}",
        "${${nope}}",
        "${now:}",
        "${oc.env:}",
    )
    bad += (
        "${oc.create:{a:1}}",
        "${stack:5}",
        "${whole:a}",
        "${lr_with_sgd:1}",
        "${oc.dict.keys:train}",
        "${oc.deprecated:x}",
    )
    wrong = chance.choice(bad)
    words = [word for word in TINY if not word.startswith(f"{key}=")]
    statuses = EITHER if key in ("threads", "dataset.num_train") and "select" in wrong else (2,)
    return Case([*command(chance), *words, f"{key}={wrong}"], named(key), statuses, about=f"{key}={wrong}")


@RECIPES
def hydras_own(chance: random.Random) -> Case:
    """Settings of Hydra that lead nowhere, or out of the folder."""
    wrong, name = chance.choice(
        (
            ("hydra.launcher.n_jobs=0", "n_jobs"),
            ("hydra.launcher.n_jobs=abc", "n_jobs"),
            ("hydra.launcher.n_jobs=1.5", "n_jobs"),
            ("hydra.launcher.nope=1", "nope"),
            ("hydra.output_subdir=null", "output_subdir"),
            ("hydra.output_subdir=..", "output_subdir"),
            ("hydra.output_subdir=../../x", "output_subdir"),
            ("hydra.output_subdir=/tmp/regbench_fuzz_x", "output_subdir"),
            ("hydra/launcher=nope", "launcher"),
            ("hydra/sweeper=nope", "sweeper"),
            ("hydra.nope=1", "nope"),
            ("hydra.run=5", "hydra.run"),
            ("hydra.sweep.subdir=..", "subdir"),
            ("hydra.job.nope=1", "nope"),
            ("hydra.mode=NOPE", "hydra.mode"),
            ("hydra.sweeper.max_batch_size=abc", "max_batch_size"),
            ("hydra.searchpath=[nope]", "searchpath"),
            ("hydra.searchpath=nope", "searchpath"),
            ("hydra.run.dir=''", "run.dir"),
            ("hydra.run.dir=null", "run.dir"),
            ("hydra.run.dir=[a]", "run.dir"),
            ("hydra.run.dir=.", "run.dir"),
            ("hydra.run.dir=..", "run.dir"),
            ("hydra.run.dir=precious", "run.dir"),
            ("hydra.run.dir=precious/kept.txt", "run.dir"),
            ("hydra.run.dir=precious/kept.txt/more", "run.dir"),
            ("hydra.run.dir=/dev/null", "run.dir"),
            ("hydra.run.dir=/proc/regbench", "run.dir"),
            ("hydra.run.dir=${nope}", "run.dir"),
            ("hydra.run.dir=" + "x" * 300, "run.dir"),
            ("hydra.sweep.dir=''", "sweep.dir"),
            ("hydra.sweep.dir=precious/kept.txt", "sweep.dir"),
            ("hydra.sweep.dir=/dev/null/x", "sweep.dir"),
            ("hydra.sweep.dir=null", "sweep.dir"),
        )
    )
    multirun = name in ("n_jobs", "sweep.dir", "subdir") or wrong.startswith(("hydra/", "hydra.launcher"))
    begin = ["train", "-m"] if multirun else ["train"]
    joblib = ["hydra/launcher=joblib"] if name == "n_jobs" else []
    return Case([*begin, *TINY, *joblib, wrong], [name], writes=(), about=wrong[:60])


@RECIPES
def too_large(chance: random.Random) -> Case:
    """More than the machine has, or than anybody waits for."""
    wrong, ways = chance.choice(
        (
            ("model.width=1000000000", ["model.width", "model: width"]),
            ("model.width=100000", ["model.width", "model: width"]),
            ("model.depth=100000000", ["depth"]),
            ("threads=1000000000000", ["threads"]),
            ("threads=100000", ["threads"]),
            ("dataset.num_train=999999999999", ["num_train"]),
            ("train.batch_size=99999999999999999999", ["batch_size"]),
            ("seed=4294967296", ["seed"]),
            ("seed=99999999999999999999", ["seed"]),
            ("dataset.split_seed=99999999999999999999999999", ["split_seed"]),
            ("train.epochs=99999999999999999999", ["epochs"]),
            ("train.accumulate=99999999999999999999", ["accumulate"]),
            ("optimizer.momentum=1e300", ["momentum"]),
        )
    )
    words = [word for word in TINY if not word.startswith(wrong.partition("=")[0])]
    statuses = (
        (2, 0, 3) if wrong.startswith(("optimizer", "train.batch", "train.acc", "threads=100000")) else (2,)
    )
    return Case(
        [*chance.choice((["train"], ["plan"], ["train", "-m"])), *words, wrong], ways, statuses, about=wrong
    )


@RECIPES
def targets(chance: random.Random) -> Case:
    """A class that is none, or none of the kind that is due."""
    group = chance.choice(("model", "optimizer", "schedule", "dataset", "reg.dropout"))
    bad = (
        "nope",
        "nope.Nope",
        "os",
        "torch",
        "torch.nn",
        "torch.nn.Nope",
        "'1'",
        "'a b'",
        "''",
        "null",
        "5",
        "[a]",
        "{a:1}",
    )
    bad += (
        "builtins.int",
        "builtins.dict",
        "builtins.print",
        "math.pi",
        "math.sin",
        "..x",
        "torch.nn.",
        ".torch.nn.Linear",
    )
    bad += (
        "torch.Tensor",
        "os.path.join",
        "collections.OrderedDict",
        "regbench.nope.X",
        "regbench.models.mlp",
        "json.dumps",
    )
    bad += (
        "torch.nn.ReLU",
        "regbench.models.mlp.Nope",
        "torch.optim.SGD.step",
        "'__main__.x'",
        "'torch.nn.Linear()'",
        "é.x",
    )
    wrong = chance.choice(bad)
    besides = ["+reg=dropout"] if group.startswith("reg") else []
    common = [word for word in TINY if not word.startswith(f"{group}.")]
    return Case(
        [*command(chance), *besides, *common, f"{group}._target_={wrong}"], [group, group.rpartition(".")[2]]
    )
