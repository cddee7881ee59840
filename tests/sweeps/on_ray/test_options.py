"""What is asked of Ray, and what is refused before it is asked."""

from __future__ import annotations

import importlib.util
import socket
from typing import Any

import pytest

from regbench.composition.compose import compose_jobs, read_line
from regbench.errors import ConfigError
from regbench.sweeps.launcher import Launch
from regbench.sweeps.on_ray import cluster
from regbench.sweeps.on_ray.cluster import Cluster
from regbench.sweeps.on_ray.options import Options
from tests.sampling import some_of

RAY = "hydra/launcher=ray_cluster"


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were installed."""
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "ray" or real(name))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def options(address: str | None = None, **asked: Any) -> Options:
    return Options(
        **({"address": address, "num_cpus": None, "num_gpus": None, "retries": 2, "at_once": None} | asked)
    )


@pytest.mark.usefixtures("ray")
def test_the_address_is_that_of_the_line_or_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (options().place, options().endpoint) == ("local", None)
    assert options("[::1]:6379").endpoint == ("::1", 6379)
    monkeypatch.setenv("RAY_ADDRESS", "node:6379")
    assert (options().endpoint, options().named) == (("node", 6379), "RAY_ADDRESS")
    assert options("local").place == "local"
    assert options("other:1").named == "hydra.launcher.address"


@pytest.mark.usefixtures("ray")
@pytest.mark.parametrize("address", ["rubbish", "ray://host:10001", "host:", ":80", "a b:1", "host:123456"])
def test_what_is_no_address_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = f"must be HOST:PORT of a Ray cluster, auto or local, got {address}"
    with pytest.raises(ConfigError, match=f"^hydra.launcher.address: {said}"):
        options(address)
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(ConfigError, match=f"^RAY_ADDRESS: {said}"):
        options()


def test_without_ray_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    for line in (["-m", RAY], ["-m", RAY, "hydra.launcher.address=local"]):
        with pytest.raises(ConfigError, match=r"ray_cluster needs ray; type pip install 'regbench\[ray\]'$"):
            Launch(read_line(line))


@pytest.mark.usefixtures("ray")
def test_where_nothing_answers_that_is_said_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ConfigError, match=f"nothing answers at {address}: Connection refused"):
        Cluster(options(address)).join()


def test_who_answers_but_is_no_ray_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setattr(cluster, "JOINING", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        monkeypatch.setattr(cluster, "LEAVING", 0.1)
        with pytest.raises(ConfigError, match=f"got {address}: it has not answered in 1 s"):
            Cluster(options(address)).join()


@pytest.mark.usefixtures("ray")
def test_before_it_is_joined_a_local_cluster_has_the_cores_of_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Options, "cores", 8)
    taken = {"num_cpus": 2, "num_gpus": 0}
    assert Cluster(options()).at_once(taken) == 4
    assert Cluster(options(at_once=3)).at_once(taken) == 3
    assert Cluster(options("host:1")).at_once(taken) == 1


@pytest.mark.parametrize(
    ("word", "sentence"),
    some_of(
        [
            ("address=5", "address: must be HOST:PORT of a Ray cluster, auto, local or null, got 5"),
            (
                "num_cpus=0",
                "num_cpus: must be null, for the threads of a job, a part of 1, or a whole number in [1,",
            ),
            (
                "num_cpus=1.5",
                "num_cpus: must be null, for the threads of a job, a part of 1, or a whole number",
            ),
            ("num_gpus=-1", "num_gpus: must be null, 0, a part of 1, or a whole number in [1, 1000], got -1"),
            (
                "num_gpus=nan",
                "num_gpus: must be null, 0, a part of 1, or a whole number in [1, 1000], got nan",
            ),
            (
                "num_gpus=true",
                "num_gpus: must be null, 0, a part of 1, or a whole number in [1, 1000], got true",
            ),
            ("retries=3", "retries: must be 0, 1 or 2, got 3"),
            (
                "at_once=0",
                "at_once: must be null, for as many as there is room for, or a whole number of at least 1",
            ),
        ],
        every=3,
        kind=lambda case: case[0].partition("=")[0],
    ),
)
def test_a_key_with_a_value_that_it_cannot_have_is_refused(word: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        compose_jobs(read_line(["-m", "seed=0,1", RAY, f"hydra.launcher.{word}"]))
    assert str(refused.value).startswith(f"hydra.launcher.{sentence}")
