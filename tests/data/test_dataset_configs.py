import inspect
from pathlib import Path
from pkgutil import resolve_name

import pytest
from omegaconf import OmegaConf

FOLDER = Path(__file__).parents[2] / "configs" / "dataset"
FILES = sorted(file.stem for file in FOLDER.glob("*.yaml"))


def test_every_dataset_has_its_file():
    grey, colour = {"digits", "mnist", "fashion_mnist", "kmnist"}, {"cifar10", "cifar100", "svhn"}
    text = {"trec", "sst2", "text_csv"}
    tables = {"table", "iris", "wine", "breast_cancer", "diabetes"}
    assert set(FILES) == grey | colour | text | tables | {"image_folder", "own"}


@pytest.mark.parametrize("name", [name for name in FILES if name != "own"])
def test_keys_are_the_fields_of_the_source_but_for_the_shared_root(name: str):
    config = OmegaConf.to_container(OmegaConf.load(FOLDER / f"{name}.yaml"))
    source = resolve_name(config.pop("_target_"))
    assert set(config) == inspect.signature(source).parameters.keys() - {"root"}


def test_a_source_of_ones_own_must_be_named():
    assert OmegaConf.is_missing(OmegaConf.load(FOLDER / "own.yaml"), "_target_")
