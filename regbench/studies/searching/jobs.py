"""The runs of a trial: a job of the search's folder for each of its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from regbench.analysis.searching import Trial, TrialState
from regbench.assembly.run import check
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import compose_each, keys_of
from regbench.composition.composer import Composer
from regbench.composition.settings import read_settings
from regbench.errors import ConfigError
from regbench.studies.searching.space import Space
from regbench.sweeps.folder import SweepFolder, arranged
from regbench.sweeps.jobs import Job

# Trials and finalists leave their figures alone, unless the line says otherwise; and each is trained by
# itself, as last digits of runs that are trained together hang on which of them are.
LEAVING_NOTHING = "checkpoints=none"
OF_TRIES = (LEAVING_NOTHING, "replicas=off")


class TrialJobs:
    """Composes the runs of trials, each once.

    Args:
        line: the words of every job, with the folder of all.
        space: what is searched.
        composer: of the line's folder of options.

    Attributes:
        place: where they live; None before the first is composed.
    """

    def __init__(self, line: CommandLine, space: Space, composer: Composer) -> None:
        self._line, self._space, self._composer = line, space, composer
        self._made: dict[tuple[str, ...], list[Job]] = {}
        self.place: SweepFolder | None = None
        given = keys_of(line.overrides)
        self._tries = [word for word in OF_TRIES if keys_of([word])[0] not in given]

    def of(self, trial: Trial) -> list[Job]:
        """Its runs, one for each seed of the search.

        Raises:
            ConfigError: its configuration is wrong.
        """
        return self.with_seeds(trial, self._space.seeds)

    def with_seeds(self, trial: Trial, seeds: Sequence[int]) -> list[Job]:
        """The same with other seeds."""
        key = (*trial.words, *map(str, seeds))
        if key not in self._made:
            words = [[*self._line.overrides, *self._tries, *trial.words, f"seed={seed}"] for seed in seeds]
            self.place, jobs = arranged(self._line, compose_each(self._line, words, self._composer))
            self._made[key] = jobs
        return self._made[key]

    def checked(self, trial: Trial) -> Trial:
        """The trial with the names of its runs; one that cannot be run is pruned, with the reason."""
        try:
            jobs = self.of(trial)
            read_settings(jobs[0].config)
            check(jobs[0].config)
        except ConfigError as error:
            return replace(trial, state=TrialState.PRUNED, reason=str(error))
        return replace(trial, jobs=[job.name for job in jobs])

    def entry(self, trial: Trial) -> list[str]:
        """The words of a run of the trial whose weights are kept, but for the seed."""
        return [*self._line.overrides, *trial.words]
