"""One try at the runs of several folders: trained together where they can be, else one after the other."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress

from regbench.assembly.device import use_settings
from regbench.composition.settings import read_settings
from regbench.errors import ConfigError, printable
from regbench.folders.lock import locked
from regbench.instantiation.boundary import reason, stops, trace
from regbench.records.files import LOG
from regbench.records.status import Status
from regbench.runs.folder import RunFolder
from regbench.runs.interruption import StopRequest
from regbench.runs.ongoing import Ongoing
from regbench.runs.session import go
from regbench.runs.together import Apart, go_together
from regbench.runs.watching import Watch
from regbench.runs.work import Outcome, mended, refused
from regbench.training.replicas.proof import unstackable

FILES = 6  # that a run holds open: its lock, its records, two of events, and one that is written
SPARE = 256  # that the process holds open besides
Tell = Callable[[int, str], None]


def work_in_each(
    homes: Sequence[RunFolder],
    tell: Tell = lambda *_: None,
    watches: Sequence[Watch | None] | None = None,
) -> list[Outcome]:
    """Hold the folders, and train their runs there to their ends or to a stop, as `Policy.MEND` does.

    What goes wrong with one of them is its outcome, and no matter of the others'.

    Args:
        homes: configuration and folder of each, nothing of which is shown.
        tell: is told, with the place of a folder, what was damaged, and what became of its run then.
        watches: of each, which says after which epoch its run is given up; None where none has one.

    Raises:
        KeyboardInterrupt: a signal has come while none of them was trained.
    """
    _allow_files(FILES * len(homes))
    group = _Group(homes, tell, watches or [None] * len(homes))
    with group.held():
        group.work()
    return [group.outcomes.get(place, Outcome(Status.INTERRUPTED)) for place in range(len(homes))]


def _allow_files(count: int) -> None:
    """Let this process hold so many more files open, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + SPARE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(
            ValueError, OSError
        ):  # where it does not, a run says which file it is that cannot be opened
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


class _Group:
    def __init__(self, homes: Sequence[RunFolder], tell: Tell, watches: Sequence[Watch | None]) -> None:
        self._homes, self._tell, self._watches = homes, tell, watches
        self._locks = [ExitStack() for _ in homes]
        self.outcomes: dict[int, Outcome] = {}  # of those that have one, by their place

    @contextmanager
    def held(self) -> Iterator[None]:
        """Whatever happens, no folder stays locked."""
        with ExitStack() as all_of_them:
            for lock in self._locks:
                all_of_them.enter_context(lock)
            yield

    def work(self) -> None:
        """Open each, and train them, stack by stack."""
        opened: dict[int, Ongoing] = {}
        for place, home in enumerate(self._homes):
            with self._telling(place):
                self._locks[place].enter_context(locked(home.path))
                found = self._mended(place)
                if isinstance(found, Ongoing):
                    opened[place] = found
                else:
                    self._end(place, found)
        for places in stacks(opened):
            self._train({place: opened.pop(place) for place in places})
            if StopRequest.pending:
                return

    def _train(self, several: Mapping[int, Ongoing]) -> None:
        first = next(iter(several.values()))
        settings, _ = read_settings(first.home.config)
        settings.threads = first.threads
        use_settings(settings)  # of another stack, they may have been others
        places = list(several)
        try:
            if len(places) == 1:
                self._alone(places[0], several[places[0]])
                return
            watches = [self._watches[place] for place in places]
            for index, ending in go_together(list(several.values()), watches):
                with self._telling(places[index]):
                    if isinstance(ending, BaseException):
                        raise ending
                    self._end(places[index], Outcome(ending))
        except Apart as error:
            why = f"its stack has failed: {reason(error.__cause__ or error)}"
            for place in places:
                if place not in self.outcomes and not StopRequest.pending:
                    self._tell(place, printable(f"{why}; it was gone on with by itself"))
                    self._alone(place)

    def _alone(self, place: int, ongoing: Ongoing | None = None) -> None:
        """Train one run by itself: one that is open, or else what is in its folder."""
        with self._telling(place):
            found = ongoing or self._mended(place)
            if isinstance(found, Ongoing):
                found = Outcome(go(found, self._watches[place]))
            self._end(place, found)

    def _mended(self, place: int) -> Ongoing | Outcome:
        return mended(self._homes[place], lambda said: self._tell(place, said))

    def _end(self, place: int, outcome: Outcome) -> None:
        self.outcomes[place] = outcome
        self._locks[place].close()  # whoever waits for it need not wait for the others

    @contextmanager
    def _telling(self, place: int) -> Iterator[None]:
        """What ends a run with an error is its outcome."""
        try:
            yield
        except (ConfigError, OSError) as error:
            self._end(place, refused(error))
        except BaseException as error:
            if stops(error):
                raise
            self._end(place, self._fault(place, error))

    def _fault(self, place: int, error: BaseException) -> Outcome:
        """Of a fault of regbench's own; its trace is put into the run's log."""
        with (
            suppress(OSError),
            (self._homes[place].path / LOG).open("a", encoding="utf-8", errors="backslashreplace") as file,
        ):
            file.write(trace(error))
        return Outcome(Status.FAILED, f"{type(error).__name__}: {error}")


def stacks(opened: Mapping[int, Ongoing]) -> list[list[int]]:
    """The places of the runs that are trained together: equally far, and by as many threads."""
    found: dict[object, list[int]] = {}
    for place, one in opened.items():
        over = one.stopped or len(one.history) >= one.run.epochs
        found.setdefault(place if over else (len(one.history), one.threads), []).append(place)
    made = []
    for places in found.values():
        apart = len(places) > 1 and unstackable([opened[place].run for place in (*places[:2], places[-1])])
        made += [[place] for place in places] if apart else [places]
    return made
