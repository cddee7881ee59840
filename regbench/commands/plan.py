"""regbench plan: what a command line would run, what of it is done, and what the rest will take."""

from __future__ import annotations

from dataclasses import replace

from regbench.composition.compose import compose_jobs, read_line, refuse_options
from regbench.composition.settings import read_settings
from regbench.errors import ConfigError

COMMAND = "plan"
HELP = f"""usage: regbench plan OVERRIDES...

{__doc__.removeprefix("regbench plan: ")}

OVERRIDES are those of `regbench train -m`, such as '+reg=[],dropout' 'seed=range(5)', and nothing is started.
`regbench train --help` lists what can be chosen.
"""


def main(argv: list[str]) -> int:
    """Compose a command line of `regbench train -m`, look at its folder, and start nothing.

    Raises:
        ConfigError: the command line is wrong.
    """
    line = replace(read_line(argv, COMMAND), multirun=True)
    if line.help:
        print(HELP, end="")
        return 0
    refuse_options(line, COMMAND)
    composed = compose_jobs(line)
    if not composed:
        raise ConfigError(
            "hydra/sweeper: must be Hydra's own for a plan, which must know the jobs beforehand"
        )
    for one in composed:
        read_settings(one.config)
    # Not at the top: torch takes seconds, and a wrong line is answered at once.
    from regbench.sweeps.estimate import show
    from regbench.sweeps.launcher import Launch
    from regbench.sweeps.sweep import arranged, refuse_wrong

    place, jobs = arranged(line, composed)
    refuse_wrong(place, jobs)
    show(jobs, Launch(line, place.root).workers)
    return 0
