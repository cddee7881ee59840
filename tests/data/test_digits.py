import hashlib
import subprocess
import sys

import pytest
import torch
from sklearn.datasets import load_digits

from regbench.data import digits
from regbench.data.digits import Digits
from regbench.data.splits import SplitOptions, carve


def test_holds_the_pixels_and_labels_that_scikit_learn_loads():
    truth = load_digits()
    rows = {
        (tuple(image.flatten().astype(int).tolist()), int(label))
        for image, label in zip(truth.images, truth.target, strict=True)
    }
    found = [
        (tuple(image.flatten().tolist()), int(label))
        for inputs, labels in (Digits().train(), Digits().test())
        for image, label in zip(inputs, labels, strict=True)
    ]
    assert len(found) == len(set(found)) == len(rows) == 1797
    assert set(found) == rows


def test_keeps_the_orientation_of_an_image():
    inputs, _ = Digits().train()
    originals = {image.astype("uint8").tobytes() for image in load_digits().images}
    assert inputs[0, 0].numpy().tobytes() in originals


def test_stores_small_numbers_of_the_shape_and_scale_it_says():
    inputs, labels = Digits().train()
    assert (inputs.dtype, labels.dtype) == (torch.uint8, torch.int64)
    assert tuple(inputs.shape[1:]) == Digits().in_shape == (1, 8, 8)
    assert inputs.max() == Digits().scale == 16
    assert Digits().num_classes == len(labels.unique()) == 10
    assert not Digits().mirrors


def test_the_test_split_is_a_stratified_fifth():
    _, labels = Digits().test()
    assert len(labels) == 360  # 1797 / 5 = 359.4, rounded up
    for label, count in enumerate(torch.bincount(torch.as_tensor(load_digits().target)).tolist()):
        assert abs((labels == label).sum().item() - count / 5) <= 1


def test_the_test_split_is_the_same_for_ever():
    inputs, _ = Digits().test()
    digest = hashlib.sha256(inputs.numpy().tobytes()).hexdigest()  # pinned: published figures rest on it
    assert digest.startswith("9bdf335afee95df9")


def test_is_cut_into_239_and_239_and_959_rows():
    data = carve(Digits(), SplitOptions(0, 1.0, None, 0.0))  # (1797 - 360) // 6 = 239
    assert [len(s) for s in (data.val, data.select, data.train, data.read_test())] == [239, 239, 959, 360]
    batch = data.train[:4]
    assert batch.inputs.max() <= 1
    assert batch.targets.sum(1).tolist() == [1.0] * 4


def test_a_damaged_table_is_named_with_both_checksums(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(digits, "SHA256", "0" * 64)
    with pytest.raises(ValueError, match=r"digits\.csv\.gz must have the sha256 .* 0{64}, got 68aea062"):
        Digits().fetch()


def test_a_whole_table_passes():
    Digits().fetch()


def test_reads_digits_without_the_second_that_scikit_learn_or_torchvision_take():
    # an interpreter of its own, hence seconds: others in this process have imported both
    code = (
        "import sys, regbench.data.torchvision_sets, regbench.data.image_folder\n"
        "from regbench.data.digits import Digits; d = Digits(); d.fetch(); d.train()\n"
        "print({'sklearn', 'torchvision', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "set()\n"), done.stderr
