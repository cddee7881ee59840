"""Words that name files and folders: an empty one, of a variable of the shell that is not set, is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from regbench.commands import compare as app
from regbench.commands import resume
from regbench.commands import test as sealed
from regbench.errors import ConfigError


@pytest.mark.parametrize(
    ("command", "words", "option"),
    [
        (resume.main, [""], "RUN_FOLDER"),
        (sealed.main, ["run", " "], "RUN_FOLDER"),
        (app.main, [""], "RUNS"),
        (app.main, ["runs", "--html", ""], "--html"),
        (app.main, ["runs", "--tensorboard", ""], "--tensorboard"),
        (app.main, ["runs", "--figures="], "--figures"),
        (app.main, ["runs", "--json", ""], "--json"),
    ],
)
def test_an_empty_word_names_nothing(
    command: Callable[[list[str]], int], words: list[str], option: str
) -> None:
    with pytest.raises(ConfigError, match=rf"argument {option}: must be a name, got an empty word"):
        command(words)


def test_a_length_alone_is_no_run_folder() -> None:
    with pytest.raises(ConfigError, match=r"^RUN_FOLDER: must stand before train\.epochs=N, got none$"):
        resume.main(["train.epochs=3"])
