"""Files that a person asks for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from regbench.folders import outputs
from regbench.folders.claims import mark
from regbench.folders.outputs import MAKER, write_figures, write_output
from tests.folders.hydras import contents

OURS = f"a figure by {MAKER}".encode()


def test_a_file_is_made_or_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    (tmp_path / "found.csv.tmp").write_text("precious")
    for content in (b"first", b"second"):
        write_output(tmp_path / "found.csv", content)
        assert contents(tmp_path) == {"found.csv": content.decode(), "found.csv.tmp": "precious"}
    write_output(tmp_path / ("x" * 255), b"a name as long as a name may be")


def test_what_a_link_leads_to_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    for target in ("precious", "nowhere"):
        (tmp_path / "found.csv").unlink(missing_ok=True)
        os.symlink(target, tmp_path / "found.csv")
        write_output(tmp_path / "found.csv", b"found")
        assert contents(tmp_path) == {"found.csv": "found", "precious": "precious"}


def test_a_device_is_written_to_and_stays_one(tmp_path: Path) -> None:
    os.symlink("/dev/null", tmp_path / "link")
    for path in (Path("/dev/null"), tmp_path / "link"):
        write_output(path, b"found")
        assert path.is_char_device()
    assert (tmp_path / "link").is_symlink()


def test_a_pipe_is_written_to_where_somebody_reads_and_else_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="No such device or address"):
        write_output(pipe, b"found")
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_output(pipe, b"found")
    assert os.read(reading, 99) == b"found"
    os.close(reading)
    assert pipe.is_fifo()


def test_a_folder_and_a_place_that_is_not_there_are_errors_that_name_it(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no" / "such.csv"):
        with pytest.raises(OSError, match=str(path)):
            write_output(path, b"found")
    assert list(tmp_path.iterdir()) == []


def test_earlier_figures_are_replaced_and_those_of_a_person_are_not(tmp_path: Path) -> None:
    write_figures(tmp_path / "new" / "figures", {"a.pdf": OURS})
    figures = tmp_path / "new" / "figures"
    assert write_figures(figures, {"a.pdf": OURS + b"2", "b.pdf": OURS}) == [
        figures / "a.pdf",
        figures / "b.pdf",
    ]
    assert (figures / "a.pdf").read_bytes() == OURS + b"2"
    (figures / "c.pdf").write_text("precious")
    (figures / "d.pdf").mkdir()
    os.symlink("b.pdf", figures / "e.pdf")
    before = contents(tmp_path)
    for name in ("c.pdf", "d.pdf", "e.pdf"):
        with pytest.raises(OSError, match="is there, and is no figure of regbench"):
            write_figures(figures, {"a.pdf": OURS + b"3", name: OURS})
    assert contents(tmp_path) == before


def test_of_figures_that_cannot_all_be_written_no_new_one_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = outputs.write_output

    def full(path: Path, content: bytes) -> None:
        if path.name == "b.pdf":
            raise OSError(28, "No space left on device", str(path))
        whole(path, content)

    monkeypatch.setattr(outputs, "write_output", full)
    with pytest.raises(OSError, match="No space left"):
        write_figures(tmp_path / "figures", {"a.pdf": OURS, "b.pdf": OURS})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["summary.json", "last.pt", ".hydra/config.yaml"])
def test_a_file_of_a_run_is_replaced_by_no_output(tmp_path: Path, name: str) -> None:
    (tmp_path / ".hydra").mkdir()
    write_output(tmp_path / name, b"of nobody's run")
    mark(tmp_path)
    with pytest.raises(OSError, match="is a file of a run"):
        write_output(tmp_path / name, b"a page")
    assert (tmp_path / name).read_bytes() == b"of nobody's run"
    write_output(tmp_path / "page.html", b"a page")
