"""Wrong command lines: each is answered in one sentence that says what to type instead."""

from __future__ import annotations

import shlex

import pytest
from hydra.core.global_hydra import GlobalHydra

from regbench.composition.compose import compose_jobs, read_line
from regbench.composition.settings import read_settings
from regbench.errors import ConfigError


def said(line: str) -> str:
    """What is said of a wrong line, typed in a shell after `regbench train`."""
    with pytest.raises(ConfigError) as caught:
        check(line)
    assert "\n" not in str(caught.value)
    assert not GlobalHydra.instance().is_initialized()
    return str(caught.value)


def check(line: str) -> None:
    for job in compose_jobs(read_line(shlex.split(line))):
        read_settings(job.config)


MUST = "must have one value without -m, got"
SWEEP = "add -m to sweep over them"
FORM = "must have the form key=value"
BLANKS = f"{FORM}, in one word without blanks around the sign"
FOLDER = "dataset=image_folder"

SEVERAL = [
    ("+reg=dropout,mixup", f"reg: {MUST} dropout,mixup; {SWEEP}, or type '+reg=[dropout,mixup]' to stack them"),
    ("+reg=[],dropout", f"reg: {MUST} [],dropout; {SWEEP}, or type '+reg=[dropout]' to stack them"),
    ("+reg=[dropout,l2],l1", f"reg: {MUST} [dropout,l2],l1; {SWEEP}, or type '+reg=[dropout,l2,l1]' to stack them"),
    ("'+reg=glob(*)'", f"reg: {MUST} glob(*); {SWEEP}"),
    ("model=mlp,cnn", f"model: {MUST} mlp,cnn; {SWEEP}"),
    ("seed=1,2", f"seed: {MUST} 1,2; {SWEEP}"),
    ("'seed=range(3)'", f"seed: {MUST} range(3); {SWEEP}"),
    ("+reg=dropout reg.dropout.p=0,0.5", f"reg.dropout.p: {MUST} 0,0.5; {SWEEP}"),
    (
        "evaluate=calibration,corruption",
        f"evaluate: {MUST} calibration,corruption; {SWEEP}, "
        "or type 'evaluate=[calibration,corruption]' for a list",
    ),
    (f"{FOLDER} dataset.path=a,b", f"dataset.path: {MUST} a,b; {SWEEP}, or type 'dataset.path=\"a,b\"' for one text"),
    ("'seed=interval(0,1)'", f"seed: {MUST} interval(0,1); regbench search tries an interval"),
    ("'train.lr=tag(log,interval(0.01,0.1))'", f"train.lr: {MUST} tag(log,interval(0.01,0.1)); regbench search tries an interval"),
    ("-m 'seed=interval(0,1)'", "seed: must list its values, got seed=interval(0,1)"),
    (
        "model=[mlp,cnn]",
        "model: must be the name of one option, got model=[mlp,cnn]; type -m model=mlp,cnn to sweep over them",
    ),
    (
        "-m +reg=[],dropout reg.dropout.p=0.3",
        "reg.dropout: set, but not every stack of '+reg=[],dropout' has it; "
        "sweep over those that have it by a line of their own",
    ),
    (
        "-m +reg=dropout,mixup reg.dropout.p=0,0.5",
        "reg.dropout: set, but the job with +reg=mixup never adds it; "
        "sweep over the stacks that have it by a line of their own",
    ),
]  # fmt: skip

SPELLING = [
    ("foo", f"foo: {FORM}, got 'foo'; type foo=VALUE"),
    ("dropout", f"dropout: {FORM}, and dropout is an option of reg; type +reg=dropout"),
    ("cnn", f"cnn: {FORM}, and cnn is an option of model; type model=cnn"),
    ("train.epochs 3", f"train.epochs: {BLANKS}; type train.epochs=3"),
    ("seed = 3", f"seed: {BLANKS}; type seed=3"),
    ("seed =3", f"seed: {BLANKS}; type seed=3"),
    ("'seed =3'", f"seed: {FORM}, without blanks around the sign; type seed=3"),
    ("train.epochs:3", f"train.epochs: {FORM}, got 'train.epochs:3'; type train.epochs=3"),
    ("+reg:dropout", f"reg: {FORM}, got '+reg:dropout'; type +reg=dropout"),
    ("model/mlp", f"model: {FORM}, got 'model/mlp'; type model=mlp"),
    ("''", f"config: a word {FORM}, got an empty one"),
    ("=3", f"config: a word {FORM}, got '=3'"),
    ("+", f"config: a word {FORM}, got '+'"),
    ("model..width=3", "model..width: a key must be names joined by single dots; type model.width=3"),
    ("reg+=dropout", "reg: += cannot be read; all members stand in one list, as in '+reg=[NAME,dropout]'"),
    ("model.width==3", "model.width: a value must follow one sign =, got =3; type model.width=3"),
    ("+reg=[dropout,mixup", "reg: the bracket [ must be closed, got [dropout,mixup; type '+reg=[dropout,mixup]'"),
    ("+reg=dropout,mixup]", "reg: the bracket ] must be opened, got dropout,mixup]; type '+reg=[dropout,mixup]'"),
    ("+reg=[dropout mixup]", "reg: a list must be one word, got [dropout; type '+reg=[dropout,mixup]'"),
    ("+reg=[dropout, mixup]", "reg: a list must be one word, got [dropout,; type '+reg=[dropout,mixup]'"),
    ("+reg=dropout, mixup", "reg: a list must be one word, got dropout,; type '+reg=[dropout,mixup]'"),
    ("+reg=l1, l2, mixup seed=3", "reg: a list must be one word, got l1,; type '+reg=[l1,l2,mixup]'"),
    ("+reg=dropout, seed=3", "reg: a value must stand on both sides of each comma, got dropout,; type +reg=dropout"),
    ("-m 'seed=range(3'", "seed: the bracket ( must be closed, got range(3; type 'seed=range(3)'"),
    ("train.epochs=3,", "train.epochs: a value must stand on both sides of each comma, got 3,; type train.epochs=3"),
    ("+reg=[l1,,l2]", "reg: a value must stand on both sides of each comma, got [l1,,l2]; type '+reg=[l1,l2]'"),
    ("'+reg=(l1,l2)'", "reg: a list must stand in square brackets, got (l1,l2); type '+reg=[l1,l2]'"),
    ("'+reg=[l1;l2]'", "reg: items of a list must stand between commas, got [l1;l2]; type '+reg=[l1,l2]'"),
    ("'train.lr=1;2'", "train.lr: values of a sweep must stand between commas, got 1;2; type -m train.lr=1,2"),
    (
        "'+reg=dropout(p=0.3)'",
        "reg: the settings of an option must be words of their own, got dropout(p=0.3); "
        "type +reg=dropout reg.dropout.p=0.3",
    ),
    (
        "'+reg=dropout(0.3)'",
        "reg: the settings of an option must be words of their own, got dropout(0.3); "
        "type +reg=dropout reg.dropout.FIELD=0.3",
    ),
    (
        "dataset=text_csv dataset.delimiter=,",
        "dataset.delimiter: such a value must stand in quotes, got ,; type 'dataset.delimiter=\",\"'",
    ),
    ("model.x=a=b", "model.x: a value with = must stand in quotes, got a=b; type 'model.x=\"a=b\"'"),
    (f"{FOLDER} 'dataset.path=~/a'", "dataset.path: a value with ~ must stand in quotes, got ~/a; type 'dataset.path=\"~/a\"'"),
    (f"{FOLDER} 'dataset.path=a#b'", "dataset.path: a value with # must stand in quotes, got a#b; type 'dataset.path=\"a#b\"'"),
    (f"{FOLDER} 'dataset.path=ü'", "dataset.path: a value with ü must stand in quotes, got ü; type 'dataset.path=\"ü\"'"),
    (f"{FOLDER} 'dataset.path=a(1)'", "dataset.path: a value with ( ) must stand in quotes, got a(1); type 'dataset.path=\"a(1)\"'"),
    ("--epochs=3", "train: unrecognized arguments: --epochs=3; a setting has no dashes, as in train.epochs=3"),
]  # fmt: skip

KEYS = [
    ("lr=0.1", "lr: no such key; did you mean 'train.lr'?"),
    ("+lr=0.1", "lr: no such key; did you mean 'train.lr'?"),
    ("epochs=3", "epochs: no such key; did you mean 'train.epochs'?"),
    ("epoch=3", "epoch: no such key; did you mean 'train.epochs'?"),
    ("batch_size=3", "batch_size: no such key; did you mean 'train.batch_size'?"),
    ("width=3", "width: no such key; did you mean 'model.width'?"),
    ("SEED=3", "SEED: no such key; did you mean 'seed'?"),
    ("+reg=dropout p=0.3", "p: no such key; did you mean 'reg.dropout.p'?"),
    ("+reg=dropout dropout.p=0.3", "dropout.p: no such key; did you mean 'reg.dropout.p'?"),
    ("+reg=dropout reg.p=0.3", "reg.p: no such key; did you mean 'reg.dropout.p'?"),
    ("+reg=[l1,l2] strength=1", "strength: no such key; did you mean 'reg.l1.strength' or 'reg.l2.strength'?"),
    ("dropout.p=0.3", "dropout.p: no such key; did you mean 'reg.dropout.p', with +reg=dropout?"),
    ("+dropout=0.3", "dropout: no such key; add the regularizer with +reg=dropout"),
    ("+reg=mixup reg.dropout.p=0.3", "reg.dropout: set, but never added; add it with '+reg=[mixup,dropout]'"),
    ("dataset.path=a", "dataset.path: no such key of the chosen dataset; it belongs to dataset=NAME, one of image_folder, table, text_csv"),
    ("model.connection=a", "model.connection: no such key of the chosen model; it belongs to model=cnn"),
    ("model=own model.width=3", "model.width: no such key of the chosen model; one of your own's is added with +model.width=..."),
    ("model=own hidden=3", "hidden: no such key; add a value of your own model's with +model.hidden=..."),
    ("model=own +hidden=3", "hidden: no such key; add a value of your own model's with +model.hidden=..."),
    ("model=own epochs=3", "epochs: no such key; did you mean 'train.epochs'?"),
    ("model/width=3", "model: must have the form model=NAME, got model/width=3; type model.width=3"),
    ("reg/dropout=0.3", "reg: must have the form reg=NAME, got reg/dropout=0.3; type +reg=dropout"),
    ("train/epochs=3", "train/epochs: no such key; did you mean 'train.epochs'?"),
    ("-m hydra.launcher.pre_dispatch=2", "hydra.launcher.pre_dispatch: no such key; it belongs to another launcher, such as hydra/launcher=joblib"),
    ("-m hydra.launcher.njobs=2", "hydra.launcher.njobs: no such key; did you mean 'hydra.launcher.n_jobs'?"),
    ("+train.epochs=3", "train.epochs: is there already and cannot be added; type train.epochs=3"),
    ("+model=cnn", "model: is there already and cannot be added; type model=cnn"),
    ("++reg=dropout", "reg: an option is added by one +; type +reg=dropout"),
    ("'~reg'", "reg: nothing was added that could be taken away; a member goes by ~reg.NAME"),
    ("+reg=dropout '~reg.droput'", "reg.droput: cannot be taken away, because it is not there; did you mean 'reg.dropout'?"),
    ("'~train.epochs=5'", "train.epochs: cannot be taken away as 5, because it is 20; type '~train.epochs'"),
    ("'~seed'", "seed: must be there, and was taken away"),
    ("'~dataset'", "dataset: must be there, and was taken away"),
]  # fmt: skip

OPTIONS = [
    ("model=my.Net", "model: no option 'my.Net'; type model=own model._target_=my.Net for one of your own"),
    ("dataset=my.Rows", "dataset: no option 'my.Rows'; type dataset=own dataset._target_=my.Rows for one of your own"),
    ("""'train.lr_factors={"layers.0.*": 0.1}'""", """train.lr_factors: names in braces must stand without quotes, got {"layers.0.*": 0.1}; type 'train.lr_factors={layers.0.*: 0.1}'"""),
    ("model=my-net", "model: no option 'my-net'; there are cnn, mlp, own, resnet, resnet18, rnn, table_resnet, timm, torchvision, transformer"),
    ("+reg=none", "reg: no option 'none'; type 'reg=[]' for the empty stack, the baseline"),
    ("reg=null", "reg: must name options, got reg=null; type 'reg=[]' for none"),
    ("'+reg=l1 l2'", "reg: no option 'l1 l2'; type '+reg=[l1,l2]' to stack them"),
    ("+reg=l1+l2", "reg: no option 'l1+l2'; type '+reg=[l1,l2]' to stack them"),
    ("+reg=[l2,droput]", "reg: no option 'droput'; did you mean 'dropout'?"),
    ("+reg=dropout:0.3", "reg: no option 'dropout:0.3'; type +reg=dropout and its values as reg.dropout.FIELD=VALUE"),
    ("+reg=configs/reg/l2.yaml", "reg: no option 'configs/reg/l2.yaml'; did you mean 'l2'?"),
    ("+reg=zzz", "reg: no option 'zzz'; see `regbench list reg`"),
    ("'+reg={dropout:1}'", "reg: must be the name of an option, got +reg={dropout:1}"),
    ("+reg=[[l1],l2]", "reg: must be names of options, got +reg=[[l1],l2]"),
    ("reg@wide=dropout", "reg: a member's own name stands below reg, got reg@wide=dropout; type +reg@reg.wide=dropout"),
    ("model@a=mlp", "model: an option stands at model, got model@a=mlp; type model=mlp"),
]  # fmt: skip

REFERENCES = [
    ("'train.lr=${model.lrr}'", "train.lr: ${model.lrr} refers to model.lrr, and there is no such key; did you mean 'model.lr'?"),
    ("'train.lr=${optimizer.l}'", "train.lr: ${optimizer.l} refers to optimizer.l, and there is no such key; did you mean 'optimizer.lr'?"),
    ("'train.lr=${train.lr}'", "train.lr: ${train.lr} must not refer to itself"),
    ("'model.width=${a:1}'", "model.width: ${a:1} asks for a, which must be one that Hydra has, such as oc.env"),
    ("'dataset.root=${oc.env:NO_SUCH}'", "dataset.root: the environment variable NO_SUCH must be set, and is not"),
    ("'seed=???'", "seed: must have a value, got ???"),
    ("hydra.run.dir=", "hydra.run.dir: must be a folder, got nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "sentence"), [*SEVERAL, *SPELLING, *KEYS, *OPTIONS, *REFERENCES])
def test_a_wrong_line_is_answered_with_what_to_type(line: str, sentence: str) -> None:
    assert said(line) == sentence


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ("+reg=dropout,mixup", "+reg=[dropout,mixup]"),
        ("+reg=[dropout mixup]", "+reg=[dropout,mixup]"),
        (f"{FOLDER} dataset.path=a=b", FOLDER),
        (f'{FOLDER} "dataset.path=it\'s"', FOLDER),
        (f"{FOLDER} 'dataset.path=\"half'", FOLDER),
        (f"{FOLDER} dataset.path=a,b", FOLDER),
        (f"{FOLDER} 'dataset.path=a\\b (1)'", FOLDER),
        ("'+reg=dropout(p=0.3)'", ""),
    ],
)
def test_what_is_to_be_typed_composes(line: str, right: str) -> None:
    typed = said(line).rpartition("type ")[2].removesuffix(" for one text").removesuffix(" to stack them")
    check(f"{right} {typed}" if right == FOLDER else typed)


@pytest.mark.parametrize("value", ["a=b", "it's", "a,b", "a#b", "a (1)", "ü", "a\\b {2}", 'say "x"', "~/a"])
def test_the_quoted_form_is_the_value_that_was_meant(value: str) -> None:
    complaint = said(f"{FOLDER} {shlex.quote(f'dataset.path={value}')}")
    (word,) = shlex.split(complaint.rpartition("type ")[2].removesuffix(" for one text"))
    (job,) = compose_jobs(read_line([FOLDER, word]))
    assert job.config["dataset"]["path"].endswith(value.removeprefix("~"))


def test_a_value_with_blanks_needs_no_quotes_of_hydra_s() -> None:
    (job,) = compose_jobs(read_line([FOLDER, "dataset.path=my folder"]))
    assert job.config["dataset"]["path"].endswith("my folder")
