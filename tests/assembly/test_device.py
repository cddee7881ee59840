"""Settings of the process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from regbench.assembly.device import use_settings
from regbench.composition.settings import read_settings
from tests.conftest import tiny
from tests.sampling import crossed

COMPILER = """
import sys
from regbench.assembly.device import use_settings
from regbench.composition.settings import read_settings
settings, _ = read_settings({config})
settings.deterministic = {wanted}
if {before}:
    import torch._inductor.config
use_settings(settings)
import torch._inductor.config
print(torch._inductor.config.deterministic)
"""


@pytest.mark.parametrize("wanted", [True, False])
def test_deterministic_algorithms_are_taken_and_a_lack_of_them_warned_of(wanted: bool) -> None:
    settings, _ = read_settings(tiny())
    settings.deterministic = wanted
    use_settings(settings)
    assert torch.are_deterministic_algorithms_enabled() is wanted
    assert torch.is_deterministic_algorithms_warn_only_enabled() or not wanted
    assert torch.utils.deterministic.fill_uninitialized_memory is False


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "cpu"])
@pytest.mark.parametrize("wanted", [True, False])
def test_attention_on_cuda_is_by_the_plain_formula_where_its_gradients_are_to_be_repeatable(
    wanted: bool, device: str
) -> None:
    settings, _ = read_settings(tiny())
    settings.deterministic, settings.device = wanted, device
    try:
        use_settings(settings)
        switches = torch.backends.cuda
        fused = {
            switches.flash_sdp_enabled(),
            switches.mem_efficient_sdp_enabled(),
            switches.cudnn_sdp_enabled(),
        }
        assert fused == {device == "cpu" or not wanted}
        assert switches.math_sdp_enabled()
    finally:
        use_settings(read_settings(tiny())[0])


@pytest.mark.parametrize(("wanted", "before"), crossed([True, False], [True, False]))
def test_torchs_compiler_is_told_whenever_it_is_imported(wanted: bool, before: bool) -> None:
    code = COMPILER.format(config=tiny(), wanted=wanted, before=before)
    environment = {**os.environ, "TORCHINDUCTOR_DETERMINISTIC": str(int(not wanted))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (done.stdout, done.stderr) == (f"{wanted}\n", "")
