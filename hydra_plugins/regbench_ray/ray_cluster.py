"""The option hydra/launcher=ray_cluster: a job is a task of Ray's (`regbench.sweeps.on_ray`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from regbench.sweeps.returned import returned

if TYPE_CHECKING:  # Hydra imports this file in every process
    from regbench.sweeps.on_ray.cluster import Cluster


class RayCluster(Launcher):
    """Hands jobs to Ray, and collects each as it ends.

    Args:
        asked: of Ray; `regbench.sweeps.on_ray.options.Options` has what each key is.

    Attributes:
        cluster: that a sweep keeps over its rounds; None: one is joined for each call alone.
    """

    def __init__(self, **asked: Any) -> None:
        self._asked = asked
        self.cluster: Cluster | None = None

    @staticmethod
    def joined(asked: Mapping[str, Any]) -> Cluster:
        """What a sweep keeps; nothing is started yet.

        Args:
            asked: the keys of this launcher.

        Raises:
            ConfigError: Ray is not installed, or a key has no sense.
        """
        from regbench.sweeps.on_ray.cluster import Cluster
        from regbench.sweeps.on_ray.options import Options

        return Cluster(Options(**{name: value for name, value in asked.items() if name != "_target_"}))

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra hands to a launcher."""
        self._context, self._task, self._config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        """What came of each job; `WorkerLost` where nothing did.

        Args:
            job_overrides: the words of each.
            initial_job_idx: the number of the first.

        Raises:
            ConfigError: there is no cluster, or none any more.
            KeyboardInterrupt: Ctrl-C; what ran has stopped after its step.
        """
        from regbench.sweeps.on_ray.pieces import Common, pieces

        cluster = self.cluster or self.joined(self._asked)
        common = Common(self._context, self._config, self._task)
        of_each = {"num_cpus": self._asked["num_cpus"] or 1, "num_gpus": self._asked["num_gpus"] or 0}
        try:
            found = cluster.run(common, pieces(job_overrides, initial_job_idx), of_each)
        finally:
            if self.cluster is None:
                cluster.close()
        return [returned(value) for value in found]


ConfigStore.instance().store(
    group="hydra/launcher",
    name="ray_cluster",
    node={
        "_target_": f"{__name__}.RayCluster",
        "address": None,
        "num_cpus": None,
        "num_gpus": None,
        "retries": 2,
        "at_once": None,
    },
    provider="regbench",
)
