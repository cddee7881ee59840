"""What Hydra and OmegaConf say of a command line, in one sentence: the key, what must hold, what to type."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from regbench.composition.option_files import LISTED, said_of_yaml
from regbench.composition.option_sources import OptionFiles, why_not_there
from regbench.composition.settings import SETTINGS, likely, meant
from regbench.composition.spelling import bare, in_quotes, typed
from regbench.errors import brief, nearest

MOST_LISTED = 12  # options of a group that are listed in a sentence
MEMBERS = "reg"  # the group whose options are added up to a stack
SINKS = "sinks"  # the group whose options stand beside each other
SEVERAL = (*LISTED, "experiment")  # groups of which a list of options may be named
PATH = r"[^\W\d]\w*(\.[^\W\d]\w*)+"  # of a class
NONE = ("", "none", "no", "off", "null")


def first_line(error: BaseException) -> str:
    """The first line of what an error says, or its cause where it says no more than that there is one."""
    lines = str(error).strip().splitlines()
    if error.__cause__ and (not lines or re.search(r"^Error merging|raised while composing", lines[0])):
        return first_line(error.__cause__)
    said = " ".join(lines[:2]) if lines and lines[0].endswith(":") else "".join(lines[:1])
    return said or type(error).__name__


class Complaints:
    """Explains an error by what there is to choose from.

    Args:
        loader: Hydra's, for the groups, their options, and the files of these.
        base: the configuration of a line without some of its overrides, Hydra's own part included; the
            default one where that cannot be composed.
        composes: whether words make a configuration.
        own: the folder of a person's options, where there is one.
        of_one_job: whether the command takes no sweep, with -m or without.
    """

    def __init__(
        self,
        loader: Any,
        base: Callable[[Callable[[str], bool]], DictConfig],
        composes: Callable[[Sequence[str]], bool],
        own: OptionFiles | None = None,
        of_one_job: bool = False,
    ) -> None:
        self._loader, self._base, self._composes, self._own = loader, base, composes, own
        self.of_one_job = of_one_job
        self.in_sweep = False  # whether the line is of one job of many

    @cached_property
    def options(self) -> Mapping[str, Sequence[str]]:
        """The options of each group."""
        groups = [group for group in self._loader.list_groups("") if group != "hydra"]
        return {group: self._loader.get_group_options(group) for group in groups}

    def of(self, error: Exception, overrides: Sequence[str]) -> str:
        """One sentence on an error of a line's composition."""
        if isinstance(error, MissingConfigException):
            return self._no_option(error, overrides)
        if isinstance(error, RecursionError):
            return self._endless(overrides)
        if isinstance(error, YAMLError):
            return f"{self._culprit(overrides)}: {said_of_yaml(error)}"
        if not isinstance(error, HydraException | OmegaConfBaseException | ValueError):
            return self._failed(overrides)  # where Hydra asserts
        text = first_line(error)
        for pattern, say in (
            (r"Ambiguous value for argument '(.*)'", self._several),
            (r"Sweep parameters '(.*)' requires --multirun", self._needs_sweep),
            (r"Could not override '([^']*)'", lambda key: self._unknown(key, overrides)),
            (r"Could not delete '(.*?)'", self._no_choice),
            (r"Could not delete from config. '(.*)' does not exist", self._not_there),
            (r"Could not delete from config. The value of '(.*)' is (.*) and not (.*)\.", _other_value),
            (r"Could not append to config. An item is already at '(.*)'", lambda key: _there(key, overrides)),
            (r"Multiple values for (\S+)\. ", lambda key: self._chosen_twice(key, overrides)),
            (r"force-add of config groups is not supported: '\++(.*)'", _one_plus),
        ):
            found = re.match(pattern, text, re.DOTALL)
            if found:
                return say(*found.groups())
        if re.search(r"no viable alternative|mismatched input|token recognition|extraneous input", text):
            text = f"a reference, ${{KEY}}, cannot be read: {text}"
        if text.startswith("Cannot merge DictConfig with ListConfig"):
            return self._other_kind(overrides)
        return f"{self._culprit(overrides)}: {text}"

    def _other_kind(self, overrides: Sequence[str]) -> str:
        """A list where keys are due, or the other way round."""
        key = self._culprit(overrides)
        value = next((word.partition("=")[2] for word in overrides if _key(word) == key), "")
        there = OmegaConf.select(self._base(lambda word: _key(word) != key), key)
        due = "a list" if OmegaConf.is_list(there) else "keys and values"
        return f"{key}: must be {due}, got {brief(value)}"

    def _failed(self, overrides: Sequence[str]) -> str:
        key = self._culprit(overrides)
        if key.split("/")[0] in self.options:  # so it answers a group that is chosen anew
            return self._chosen_twice("", overrides)
        value = next((w.partition("=")[2] for w in overrides if _key(w) == key), "")
        return f"{key}: cannot be set so, got {brief(value) or 'nothing'}"

    def _culprit(self, overrides: Sequence[str]) -> str:
        """The key of the word without which a line composes, or else the configuration as a whole."""
        for word in overrides:
            if self._composes([other for other in overrides if other is not word]):
                return _key(word)
        return "config"

    def _chosen_twice(self, group: str, overrides: Sequence[str]) -> str:
        key = self._culprit(overrides)
        if key == "config" or group in map(_key, overrides):
            return _there(group or key, overrides)
        return (
            f"{key}: what it names chooses {group or 'a group'} anew, which is chosen already; "
            f"write override /{group or 'GROUP'} in its defaults"
        )

    def _endless(self, overrides: Sequence[str]) -> str:
        key = self._culprit(overrides)
        value = next((w.partition("=")[2] for w in overrides if bare(w).startswith(f"{key}=")), "")
        return (
            f"{key}: {brief(value)} leads back to itself by its defaults or references, or is nested too deep"
        )

    # --- several values

    def _several(self, word: str) -> str:
        key, _, values = word.partition("=")
        name = bare(key)
        ways = self._by_sweep(values)
        if name.split("@")[0] in SEVERAL:
            items = ",".join(re.findall(r"[^][, ]+", values))
            together = "have them all" if name == SINKS else "stack them"
            ways.append(f"type {typed(f'{key}=[{items}]')} to {together}")
        elif name not in (*self.options, *SETTINGS) or name == "evaluate":
            there = OmegaConf.select(self._base(lambda other: other != word), name)
            if OmegaConf.is_list(there):
                ways.append(f"type {typed(f'{key}=[{values}]')} for a list")
            elif there is None or isinstance(there, str):
                ways.append(f"type {typed(in_quotes(key, values))} for one text")
        return self._one_value(name, values, ways)

    def _needs_sweep(self, word: str) -> str:
        key, _, values = word.partition("=")
        return self._one_value(bare(key), values, self._by_sweep(values))

    def _by_sweep(self, values: str) -> list[str]:
        """How several values are tried, if at all."""
        if self.of_one_job:
            return []
        is_endless = re.match(r"interval\(|tag\(.*interval\(", values)
        return ["regbench search tries an interval" if is_endless else "add -m to sweep over them"]

    def _one_value(self, name: str, values: str, ways: Sequence[str]) -> str:
        unless = "" if self.of_one_job else " without -m"
        return "; ".join(
            filter(None, [f"{name}: must have one value{unless}, got {values}", ", or ".join(ways)])
        )

    # --- options

    def _no_option(self, error: MissingConfigException, overrides: Sequence[str]) -> str:
        said = self._not_among(error)
        if said.partition(":")[0] in map(_key, overrides):
            return said
        key = self._culprit(overrides)
        return said if key == "config" else f"{key}: what it names asks for what is not there: {said}"

    def _options_in(self, group: str) -> list[str]:
        """The options of a group, then those of the groups within it, as inner/option."""
        inner = [] if group.startswith("hydra") else self._loader.list_groups(group)
        within = [f"{one}/{option}" for one in inner for option in self._options_in(f"{group}/{one}")]
        return [*self._loader.get_group_options(group), *within]

    def _not_among(self, error: MissingConfigException) -> str:
        group, _, name = str(error.missing_cfg_file).partition("/")
        if group == "hydra":
            inner, _, name = name.partition("/")
            group = f"hydra/{inner}"
        options = self._options_in(group)
        if not options:
            return f"{group}: no such configuration"
        hidden = why_not_there(self._own, f"{group}/{name}")
        if hidden:
            return f"{group}: no option {name!r}; {hidden}"
        pieces = [piece for piece in re.split(r"[\s+;&|:,]+", name) if piece]
        if group == MEMBERS and len(pieces) > 1 and set(pieces) <= set(options):
            listed = ",".join(pieces)
            right = typed(f"+{group}=[{listed}]")
            return f"{group}: no option {name!r}; type {right} to stack them"
        if group == MEMBERS and len(pieces) > 1 and pieces[0] in options:
            right = f"{typed(f'+{group}={pieces[0]}')} and its values as {group}.{pieces[0]}.FIELD=VALUE"
            return f"{group}: no option {name!r}; type {right}"
        if group in LISTED and name.lower() in (*NONE, "baseline"):
            what = "the empty stack, the baseline" if group == MEMBERS else "none"
            return f"{group}: no option {name!r}; type {typed(f'{group}=[]')} for {what}"
        if group == SINKS and re.fullmatch(PATH, name):
            right = typed(f"+{group}.NAME._target_={name}")
            return f"{group}: no option {name!r}; type {right} for one of your own"
        if "own" in options and re.fullmatch(PATH, name):
            right = typed(f"{group}=own", f"{group}._target_={name}")
            return f"{group}: no option {name!r}; type {right} for one of your own"
        close = nearest(name, options) or nearest(name.rpartition("/")[2].partition(".")[0], options)
        listed = (
            f"there are {', '.join(options)}"
            if len(options) <= MOST_LISTED
            else f"see `regbench list {group}`"
        )
        return f"{group}: no option {name!r}{close or f'; {listed}'}"

    def no_names(self, overrides: Iterable[Any]) -> str | None:
        """What to say of the first override of a group whose options are no names, or None.

        Args:
            overrides: as Hydra's parser reads them.
        """
        for one in overrides:
            group = one.key_or_group
            value: Any = None if one.is_sweep_override() else one.value()
            if one.is_add() and group in self.options[MEMBERS]:
                return f"{group}: no such key; add the regularizer with {typed(f'+{MEMBERS}={group}')}"
            above, _, name = group.partition("/")
            if above in self.options and name:
                right = typed(f"{'+' if above in LISTED else ''}{above}={name}")
                right = (
                    right
                    if name in self.options[above]
                    else typed(f"{above}.{one.input_line.partition('/')[2]}")
                )
                return f"{above}: must have the form {above}=NAME, got {one.input_line}; type {right}"
            if group not in self.options or one.is_delete() or one.is_sweep_override():
                continue
            several = isinstance(value, list)
            names = value if several else [value]
            if value is None and group in LISTED:
                return (
                    f"{group}: must name options, got {one.input_line}; type {typed(f'{group}=[]')} for none"
                )
            if several and group not in SEVERAL and names and all(isinstance(n, str) and n for n in names):
                sweep = ",".join(map(str, names))
                return (
                    f"{group}: must be the name of one option, got {one.input_line}; "
                    f"type {typed('-m', f'{group}={sweep}')} to sweep over them"
                )
            if (several and group not in SEVERAL) or not all(isinstance(n, str) for n in names):
                plural = several and group in SEVERAL
                what = "names of options" if plural else "the name of an option"
                return f"{group}: must be {what}, got {one.input_line}"
            wrong = self._odd_names(group, names, one.input_line) or self._odd_package(group, one)
            if wrong:
                return wrong
        return None

    def _odd_names(self, group: str, names: Sequence[str], line: str) -> str | None:
        """What is said of a path to an option's file, and of an experiment that is named twice."""
        for name in names:
            parts = name.split("/")
            if (name and {"", ".", ".."} & {*parts}) or name.endswith((".yaml", ".yml")):
                whole = "/".join(filter(None, parts))  # Hydra would take /cnn for cnn
                close = nearest(parts[-1].rpartition(".")[0] or parts[-1], self.options[group])
                close = f"; did you mean {whole!r}?" if whole in self._options_in(group) else close
                return f"{group}: no option {name!r}{close}"
        if group != MEMBERS and len({*names}) < len(names):
            return f"{group}: must name each option once, got {line}"
        return None

    def _odd_package(self, group: str, one: Any) -> str | None:
        package = one.package
        if package is None or (group in LISTED and package.startswith(f"{group}.") and one.is_add()):
            return None
        if group not in LISTED:
            right = typed(f"{group}={one.value()}")
            return f"{group}: an option stands at {group}, got {one.input_line}; type {right}"
        name = package.removeprefix(f"{group}.")
        right = typed(f"+{group}@{group}.{name}={one.value()}")
        whose = "a member's" if group == MEMBERS else "a sink's"
        return f"{group}: {whose} own name stands below {group}, got {one.input_line}; type {right}"

    # --- keys

    def _unknown(self, key: str, overrides: Sequence[str]) -> str:
        known = list(flat(self._base(lambda word: not bare(word).startswith(key))))
        parts = key.split(".")
        if key in known:
            value = next((word.partition("=")[2] for word in overrides if _key(word) == key), "")
            return f"{key}: must be given keys that it has, got {brief(value)}"
        if parts[0] == MEMBERS and len(parts) > 2 and f"{MEMBERS}.{parts[1]}" not in known:
            return self._never_added(parts[1], overrides)
        if parts[0] == MEMBERS and len(parts) == 2 and parts[1] in self.options[MEMBERS]:
            return self._never_added(parts[1], overrides)
        if parts[0] == SINKS and len(parts) > 1 and f"{SINKS}.{parts[1]}" not in known:
            return self._not_chosen(parts[1], overrides)
        having = self._having(parts)
        if f"{parts[0]}=own" in overrides and having:
            return f"{key}: no such key of the chosen {parts[0]}; one of your own's is added with +{key}=..."
        if having:
            one = (
                f"{parts[0]}={having[0]}"
                if len(having) == 1
                else f"{parts[0]}=NAME, one of {', '.join(having)}"
            )
            return f"{key}: no such key of the chosen {parts[0]}; it belongs to {one}"
        own = key.startswith("hydra")
        known = [name for name in known if name.startswith("hydra") == own]
        close = meant(key, known)
        if not close and "." not in key and key in self.options[MEMBERS]:
            close = f"; add the regularizer with {typed(f'+{MEMBERS}={key}')}"
        elif not close and (group := next((g for g in LISTED if parts[0] in self.options[g]), "")):
            close = f"; did you mean '{group}.{key}', with {typed(f'+{group}={parts[0]}')}?"
        elif "model=own" in overrides and len(parts) == 1 and not close:
            close = f"; add a value of your own model's with +model.{key}=..."
        elif f"{parts[0]}=own" in overrides and not close:
            close = f"; add a value of your own's with +{key}=..."
        elif key.startswith("hydra.launcher.") and not likely(parts[-1], _ends(known, "hydra.launcher.")):
            close = "; it belongs to another launcher, such as hydra/launcher=joblib"
        return f"{key}: no such key{close}"

    def _never_added(self, name: str, overrides: Sequence[str]) -> str:
        key, options = f"{MEMBERS}.{name}", self.options[MEMBERS]
        if name not in options:
            known = [
                k
                for k in flat(self._base(lambda word: not bare(word).startswith(key)))
                if k.startswith(MEMBERS)
            ]
            return f"{key}: set, but never added{nearest(name, options) or meant(key, known)}"
        chosen = next((w for w in overrides if bare(w).split("=")[0] == MEMBERS), "")
        values = chosen.partition("=")[2]
        if re.search(r"\(|\],|,\[|^[^[]*,", values):
            right = "sweep over those that have it by a line of their own"
            return f"{key}: set, but not every stack of {typed(chosen)} has it; {right}"
        if not chosen:
            return f"{key}: set, but never added; add it with +{MEMBERS}={name}"
        if self.in_sweep:
            return (
                f"{key}: set, but the job with {typed(chosen)} never adds it; "
                "sweep over the stacks that have it by a line of their own"
            )
        there = values.strip("[]")
        right = typed(f"+{MEMBERS}=[{there},{name}]" if there else f"+{MEMBERS}={name}")
        return f"{key}: set, but never added; add it with {right}"

    def _not_chosen(self, name: str, overrides: Sequence[str]) -> str:
        key, options = f"{SINKS}.{name}", self.options[SINKS]
        if name not in options:
            return f"{key}: set, but no such sink was chosen{nearest(name, options)}"
        chosen = next((w for w in overrides if w.partition("=")[0] == SINKS), "").partition("=")[2]
        there = chosen.strip("[]")
        right = f"{SINKS}=[{there},{name}]" if there else f"{'' if chosen else '+'}{SINKS}={name}"
        return f"{key}: set, but the sink was not chosen; add it with {typed(right)}"

    def _having(self, parts: Sequence[str]) -> list[str]:
        """The options of a group that have a key that the chosen one lacks."""
        group, *rest = parts
        if group not in self.options or group in LISTED or len(rest) != 1:
            return []
        return [name for name in self.options[group] if rest[0] in self._keys_of(f"{group}/{name}")]

    def _keys_of(self, option: str) -> list[str]:
        """The keys of an option's file."""
        for source in self._loader.get_sources():
            if source.is_config(option):
                return [key for key in source.load_config(option).config if key != "defaults"]
        return []

    def _no_choice(self, word: str) -> str:
        key = word.partition("=")[0].split("@")[0]
        if not key:
            return "config: ~ must be followed by the key that is to be taken away, got nothing"
        if key == MEMBERS:
            return f"{key}: nothing was added that could be taken away; a member goes by ~{MEMBERS}.NAME"
        return f"{key}: cannot be taken away, because it was not chosen: {word}"

    def _not_there(self, key: str) -> str:
        known = [
            name for name in flat(self._base(lambda word: not word.startswith("~"))) if name[:5] != "hydra"
        ]
        if key in known:
            return f"{key}: cannot be taken away, because it is null already"
        return f"{key}: cannot be taken away, because it is not there{meant(key, known)}"


def _key(word: str) -> str:
    """The key of a word, without signs and package."""
    return bare(word).partition("=")[0].partition("@")[0]


def _other_value(key: str, there: str, asked: str) -> str:
    return f"{key}: cannot be taken away as {asked}, because it is {there}; type {typed(f'~{key}')}"


def _ends(keys: Iterable[str], start: str) -> list[str]:
    """Of the keys that begin so, the last part."""
    return [key.rpartition(".")[2] for key in keys if key.startswith(start)]


def _there(key: str, overrides: Sequence[str]) -> str:
    word = next((w for w in overrides if bare(w).partition("=")[0] == key), f"{key}=VALUE")
    return f"{key}: is there already and cannot be added; type {typed(bare(word))}"


def _one_plus(word: str) -> str:
    return f"{word.partition('=')[0]}: an option is added by one +; type {typed(f'+{word}')}"


def flat(node: Any, prefix: str = "") -> Iterator[str]:
    """Every key of a configuration, by its full name."""
    plain: Any = OmegaConf.to_container(node, resolve=False) if OmegaConf.is_config(node) else node
    for name, value in plain.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
