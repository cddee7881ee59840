"""The space of a search, read from its line in Hydra's own grammar."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from regbench.analysis.searching import BASELINE
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import compose_each
from regbench.composition.composer import Composer
from regbench.composition.hydra_words import Ranged, ranged
from regbench.composition.settings import read_settings
from regbench.composition.spelling import bare
from regbench.errors import ConfigError, listed, nearest
from regbench.instantiation.locating import locate
from regbench.records.identity import stack_name
from regbench.space import Choice, Domain, Interval
from regbench.studies.searching.space import DECAY, Candidate, Side, Space, Tuned

RATE = "train.lr"
RATES = (RATE, "optimizer.lr", "model.lr")  # a line with one of them has said what the rate is
BELOW, ABOVE = 10.0, 30.0  # the rates that are tried: from so much less than the usual one to so much more
PLACED = "reg@"  # begins the key of a word that puts one option at a name of its own
DIGITS = 12  # of the numbers of a range, whose sums of steps have last digits that nobody has typed
RANGE = re.compile(r"\brange\(")
ROWS = "dataset"  # whose values no trial may differ in: scores would be of other rows


@dataclass
class _Said:
    """The words of a line, by what they say."""

    stacks: list[list[str]] = field(default_factory=list)
    base: list[str] = field(default_factory=list)
    seeds: list[int] = field(default_factory=lambda: [0])
    ranges: dict[str, Ranged] = field(default_factory=dict)  # by key
    members: dict[str, str] = field(default_factory=dict)  # words of members by key


def space_of(line: CommandLine, composer: Composer) -> Space:
    """What a search is over.

    Args:
        line: its words, settings of the search taken away.
        composer: of the line's folder of options.

    Raises:
        ConfigError: there is nothing to search, or a range is no range of what can be set.
    """
    said = _sorted(line, composer)
    _require_candidates(said)
    options = list(dict.fromkeys([*(option for stack in said.stacks for option in stack), DECAY]))
    plain, *alone = compose_each(
        line, [said.base, *([*said.base, f"+reg=[{one}]"] for one in options)], composer
    )
    placed = list(plain.config["reg"])
    if own := _taken(said.members, placed):  # a member of every arm has its words in every job
        said.base += own
        (plain,) = compose_each(line, [said.base], composer)
    read_settings(plain.config)  # a rate that is none has no range around it
    members = {
        option: {name: node for name, node in one.config["reg"].items() if name not in placed}
        for option, one in zip(options, alone, strict=True)
    }
    _refuse_left(said, [name for of_option in members.values() for name in of_option], placed)
    given = _as_given(line, composer, said, members)
    candidates = {option: _candidate(option, members[option], given[option], said) for option in options}
    shared, notes = _shared(plain.config, said, placed)
    decay = [candidates[DECAY]]
    sides = [Side(BASELINE, (), shared, decay)]
    for stack in said.stacks:
        inside = [candidates[one] for one in stack]
        sides.append(Side(_named(stack), inside, shared, [] if DECAY in stack else decay))
    return Space(said.base, said.seeds, sides, [*_of_decay(decay[0]), *notes], frozenset(said.ranges))


def _require_candidates(said: _Said) -> None:
    """Refuse a line that lists none.

    Raises:
        ConfigError: it is one.
    """
    if said.stacks:
        return
    placed = [word for word in said.base if _key(word).startswith(PLACED)]
    in_all = f"{' '.join(placed)}, by which members are in every arm, the baseline's too"
    got = in_all if placed else "none in the line"
    raise ConfigError(
        f"search: must be given candidates by a list, such as '+reg=[dropout,mixup,l2]', got {got}"
    )


def _taken(members: dict[str, str], names: Sequence[str]) -> list[str]:
    """The words of these members, which are taken out."""
    keys = [key for key in members if key.split(".")[1] in names]
    return [members.pop(key) for key in keys]


def _as_given(
    line: CommandLine, composer: Composer, said: _Said, members: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """The members of each option, with the values that the line itself has for them."""
    own = {option: _words(said, names) for option, names in members.items()}
    jobs = {option: [*said.base, f"+reg=[{option}]", *words] for option, words in own.items() if words}
    composed = compose_each(line, list(jobs.values()), composer) if jobs else []
    found = {option: one.config["reg"] for option, one in zip(jobs, composed, strict=True)}
    return {**members, **found}


def _words(said: _Said, names: Iterable[str]) -> list[str]:
    """Of the line, for members of these names."""
    return [word for name in names for key, word in said.members.items() if key.startswith(f"reg.{name}.")]


def _named(stack: Sequence[str]) -> str:
    """What an arm is called.

    Raises:
        ConfigError: it would be the baseline's arm.
    """
    if set(stack) == {DECAY}:
        raise ConfigError(
            f"reg: must have a candidate beside {DECAY}, which is tuned in every arm, the baseline's too, "
            f"got [{DECAY}]"
        )
    name = stack_name(dict.fromkeys(stack))
    return f"[{name}]" if name == BASELINE else name


def _of_decay(decay: Candidate) -> list[str]:
    """That weights are decayed in every arm, which a person who has listed other members may not expect."""
    if decay.tuned:
        return [f"weight decay ({DECAY}) is in every arm, the baseline's too, and tuned there"]
    return [f"weight decay ({' '.join(decay.words)}) is in every arm, as the line has it"]


def _sorted(line: CommandLine, composer: Composer) -> _Said:
    said = _Said()
    for word, one in zip(line.overrides, composer.words.read(line.overrides), strict=True):
        key, found = bare(one.get_key_element()), ranged(one)
        if one.is_delete():
            said.base.append(word)
        elif key == "reg":
            said.stacks += _stacks(found, word)
        elif key == "seed":
            said.seeds = _seeds(found, word)
        elif found.is_sweep:
            _refuse_unsearched(key, word, composer.words.chooses(word))
            said.ranges[key] = found
        elif key.startswith("reg."):
            said.members[key] = word
        else:
            said.base.append(word)
    return said


def _stacks(found: Ranged, word: str) -> list[list[str]]:
    stacks = [list(map(str, one)) if isinstance(one, list) else [str(one)] for one in found.listed]
    stacks = [stack for stack in stacks if stack]  # the empty one is the baseline, which is there anyway
    for stack in stacks:
        if len(set(stack)) < len(stack):
            raise ConfigError(f"reg: must name each candidate once, got {word}")
    if len({tuple(stack) for stack in stacks}) < len(stacks):
        raise ConfigError(f"reg: must name each list of candidates once, got {word}")
    return stacks


def _seeds(found: Ranged, word: str) -> list[int]:
    seeds = found.listed
    if not seeds or not all(isinstance(one, int) and not isinstance(one, bool) for one in seeds):
        raise ConfigError(f"seed: must list whole numbers, those of every trial, got {word}")
    return list(dict.fromkeys(seeds))


def _refuse_unsearched(key: str, word: str, chooses: bool) -> None:
    if key.partition(".")[0] == ROWS:
        raise ConfigError(
            f"{key}: must have one value in a search, as scores of other rows cannot be compared, got {word}"
        )
    if chooses:
        raise ConfigError(
            f"{key}: must be one option in a search, which tries values of keys and members, got {word}"
        )
    if key.startswith("hydra"):
        raise ConfigError(f"{key}: must have one value in a search, got {word}")


def _candidate(option: str, members: Mapping[str, Any], given: Mapping[str, Any], said: _Said) -> Candidate:
    """What is set of an option.

    Args:
        option: of the group reg.
        members: that it brings, as its file has them.
        given: the same, as the line has them.
        said: the line.
    """
    tuned = []
    for name, node in members.items():
        at = f"reg.{name}."
        asked = {key: one for key, one in said.ranges.items() if key.startswith(at)}
        declared = {f"{at}{key}": domain for key, domain in _declared(name, node, bool(asked)).items()}
        for key in dict.fromkeys([*declared, *asked]):
            path = key.removeprefix(at).split(".")
            default = _value(given[name], path)
            if key in asked:
                # a line may type a number as a whole one that need not be: the file says whether it is
                domain = _domain(key, asked[key], _value(node, path))
                tuned.append(Tuned(key, domain, default, asked[key].sign, option))
            elif not _is_given(key, said):
                tuned.append(Tuned(key, declared[key], default, "", option))
    return Candidate(option, _words(said, members), tuned)


def _is_given(key: str, said: _Said) -> bool:
    """Whether the line has a value, or parts of what stands in the place of one, such as a ramp's end."""
    return any(one == key or one.startswith(f"{key}.") for one in (*said.members, *said.ranges))


def _declared(name: str, node: Mapping[str, Any], is_asked: bool) -> Mapping[str, Domain]:
    """The ranges that a member's class brings, a nested stack's members included.

    Raises:
        ConfigError: it brings none, and the line has none either.
    """
    if "_target_" not in node:
        inner = {
            f"{below}.{key}": domain
            for below, one in node.items()
            for key, domain in _declared(f"{name}.{below}", one, is_asked).items()
        }
        return inner
    target = locate(node["_target_"], f"reg.{name}")
    declared = getattr(target, "search", None)
    if isinstance(declared, Mapping):
        return declared
    if is_asked:
        return {}
    raise ConfigError(
        f"reg.{name}: must declare which of its values are tried, as "
        f'`search: ClassVar = {{"p": Interval(0.1, 0.6)}}` in {node["_target_"]} (empty where none are), '
        f"or be given them in the line, as reg.{name}.p='interval(0.1,0.6)'"
    )


def _value(node: Any, path: Sequence[str]) -> Any:
    for name in path:
        node = node.get(name) if isinstance(node, Mapping) else None
    return node


def _domain(key: str, asked: Ranged, default: Any) -> Domain:
    """The values that a line asks for; whole numbers where the key's own is one.

    Raises:
        ConfigError: they are no range of numbers, or fewer than two.
    """
    try:
        if asked.low is None or asked.high is None:
            return Choice(_texts(asked))
        low, high = asked.low, asked.high
        if isinstance(default, int) and not isinstance(default, bool):
            if not (float(low).is_integer() and float(high).is_integer()):
                raise ValueError(f"must be of whole numbers, as the default {default} is, got {asked.text}")
            return Interval(int(low), int(high), asked.log)
        return Interval(float(low), float(high), asked.log)
    except ValueError as error:
        raise ConfigError(f"{key}: {error}") from error


def _texts(asked: Ranged) -> tuple[str, ...]:
    """The values of a list as they are typed; those of a range without the last digits of its sums."""
    if not RANGE.search(asked.text):
        return tuple(asked.texts)
    values = zip(asked.texts, asked.listed, strict=True)
    return tuple(repr(float(f"{one:.{DIGITS}g}")) if isinstance(one, float) else text for text, one in values)


def _refuse_left(said: _Said, names: Sequence[str], placed: Sequence[str]) -> None:
    """Refuse values and ranges of members that are neither candidates nor in every arm."""
    names, others = [*names, *placed], " or of a member of every arm" if placed else ""
    for key in (*said.members, *said.ranges):
        if key.startswith("reg.") and not any(key.startswith(f"reg.{name}.") for name in names):
            name = key.split(".")[1]
            raise ConfigError(
                f"{key}: must be of a candidate{others}, and they are {listed(names)}{nearest(name, names)}"
            )


def _shared(config: Mapping[str, Any], said: _Said, placed: Sequence[str]) -> tuple[list[Tuned], list[str]]:
    """What every trial sets, the baseline's too; and what is not tuned though it could be."""
    given = {_key(word) for word in said.base} | said.ranges.keys()
    tuned, fixed = [], [_of_placed(name, said) for name in placed]
    rate = float(config["train"]["lr"])
    if RATE in said.ranges:
        tuned.append(_asked(RATE, said.ranges[RATE], rate))
    elif given.isdisjoint(RATES):
        tuned.append(Tuned(RATE, Interval(_short(rate / BELOW), _short(rate * ABOVE), log=True), rate))
    else:
        fixed.append(f"{RATE}={rate:g} in every arm, as the line has it")
    others = (
        key
        for key in said.ranges
        if key != RATE and (not key.startswith("reg.") or key.split(".")[1] in placed)
    )
    tuned += [_asked(key, said.ranges[key], _value(config, key.split("."))) for key in others]
    return tuned, fixed


def _of_placed(name: str, said: _Said) -> str:
    """That a member is in every arm, with the words that have brought it there."""
    keys = (f"{PLACED}reg.{name}", f"reg.{name}")
    words = [word for word in said.base if _key(word) in keys or _key(word).startswith(f"{keys[1]}.")]
    typed = f" ({' '.join(words)})" if words else ""
    is_tuned = any(key.startswith(f"{keys[1]}.") for key in said.ranges)
    how = "and tuned there" if is_tuned else "as the line has it"
    return f"{name}{typed} is in every arm, the baseline's too, {how}"


def _key(word: str) -> str:
    return bare(word.partition("=")[0])


def _asked(key: str, asked: Ranged, default: Any) -> Tuned:
    return Tuned(key, _domain(key, asked, default), default, asked.sign)


def _short(value: float) -> float:
    return float(f"{value:.2g}")
