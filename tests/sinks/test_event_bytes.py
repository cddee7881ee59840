"""Event files written by hand are those that tensorboard's own classes write."""

from __future__ import annotations

import io

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from regbench.sinks import event_bytes

VALUES = [0.0, -0.0, 0.1, -2.5, 1e-42, 3.4028235e38, 1e39, -1e300, float("inf"), float("nan"), 7]


def framed(event: Event) -> bytes:
    content = io.BytesIO()
    RecordWriter(content).write(event.SerializeToString())
    return content.getvalue()


def test_a_file_begins_with_its_version() -> None:
    first = Event(wall_time=1.7e9 + 0.25, file_version="brain.Event:2")
    assert event_bytes.first_record(1.7e9 + 0.25) == framed(first)


@pytest.mark.parametrize("step", [0, 1, 127, 128, 16383, 16384, 2**31, 2**62])
@pytest.mark.parametrize("tag", ["loss", "ünïcode/日本", "long" * 100])
def test_a_scalar_is_an_event(step: int, tag: str) -> None:
    for value in VALUES:
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
        expected = framed(Event(wall_time=2.5, step=step, summary=summary))
        assert event_bytes.record(2.5, step, event_bytes.scalar(tag, value)) == expected


def test_a_scalar_is_that_of_torch() -> None:
    from torch.utils.tensorboard.summary import scalar

    for value in VALUES:
        assert event_bytes.scalar("train/a b", value) == scalar("train/a b", value).SerializeToString()
