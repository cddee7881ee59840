"""A trained model as programs that run without its source: one of torch's own, and ONNX."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import re
import warnings
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from regbench.instantiation.boundary import reason, stops
from regbench.tasks import Regression

ROWS = 3  # that a program is traced with; 0 and 1 would be taken for what every batch has
CLOSE = 1e-3  # how far the outputs of another program may be from the model's, relative and absolute
COLORS = re.compile(r"\x1b\[[0-9;]*m")  # of a terminal, in what torch's exporter says
NEEDED = ("onnx", "onnxscript")
NOISY = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir", "torch.fx")


class NoProgram(ValueError):
    """There is none of this model; one sentence that says why."""


class Served(nn.Module):
    """A trained model from its inputs to what is asked of it.

    Args:
        model: trained.
        numbers: how the numbers that it predicts are put back into their unit; None of classes, of which it
            returns the logits.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: nn.Module, numbers: Regression | None) -> None:
        super().__init__()
        self.model = model
        self.numbers = numbers is not None
        for name, values in (("mean", numbers.mean), ("std", numbers.std)) if numbers else ():
            self.register_buffer(name, torch.tensor(values, dtype=torch.get_default_dtype()))

    def forward(self, inputs: Tensor) -> Tensor:
        outputs = self.model(inputs)
        return outputs * self.std + self.mean if self.numbers else outputs


def example(in_shape: tuple[int, ...], vocabulary: int | None, rows: int) -> Tensor:
    """Inputs (rows, ...) of the kind that a model takes, drawn the same each time; ends of sentences too."""
    generator = torch.Generator().manual_seed(rows)
    if vocabulary is None:
        return torch.rand(rows, *in_shape, generator=generator)
    ids = torch.randint(1, max(2, vocabulary), (rows, *in_shape), generator=generator)
    ids[0, (ids.shape[1] + 1) // 2 :] = 0  # padding
    return ids


def exported(
    model: nn.Module, in_shape: tuple[int, ...], vocabulary: int | None
) -> torch.export.ExportedProgram:
    """The model as a program of torch's for any number of rows, tried on another number of them.

    Raises:
        NoProgram: torch cannot make one, or it computes something else.
    """
    rows = example(in_shape, vocabulary, ROWS + 2)
    with _quietly("model.pt2"):
        due = model(rows)  # before it is traced: what is drawn once is a number then
        made = torch.export.export(
            model,
            (example(in_shape, vocabulary, ROWS),),
            dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
            strict=False,
        )
        found = made.module()(rows)
    _require_close("model.pt2", found, due)
    return made


def as_torch(
    program: torch.export.ExportedProgram, about: Mapping[str, str], model: nn.Module, rows: Tensor
) -> bytes:
    """The file of a program, for `torch.export.load`, tried as it is read back.

    Args:
        program: of `exported`.
        about: more files in it, by name.
        model: that it is of.
        rows: inputs to try it with.

    Raises:
        NoProgram: it cannot be written, or what is read back computes something else.
    """
    content = io.BytesIO()
    with _quietly("model.pt2"):
        torch.export.save(program, content, extra_files=dict(about))
        found, due = torch.export.load(io.BytesIO(content.getvalue())).module()(rows), model(rows)
    _require_close("model.pt2", found, due)
    return content.getvalue()


def as_onnx(
    program: torch.export.ExportedProgram, model: nn.Module, in_shape: tuple[int, ...], vocabulary: int | None
) -> bytes:
    """The file of a program in ONNX; where onnxruntime is installed, tried with it.

    Raises:
        NoProgram: it cannot be made, or computes something else.
    """
    lacking = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        raise NoProgram(f"model.onnx needs {' and '.join(lacking)}; type pip install 'regbench[export]'")
    with _quietly("model.onnx"):
        made = torch.onnx.export(program, (), dynamo=True, verbose=False)
        assert made is not None
        made.model_proto.producer_name = "regbench"
        proto = made.model_proto
        proto.producer_name = "regbench"
        content = proto.SerializeToString()
    if importlib.util.find_spec("onnxruntime") is not None:
        rows = example(in_shape, vocabulary, ROWS + 2)
        with _quietly("model.onnx"):
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            session = onnxruntime.InferenceSession(content, options)
            found = session.run(None, {session.get_inputs()[0].name: rows.numpy()})[0]
        _require_close("model.onnx", torch.from_numpy(found), model(rows))
    return content


def _require_close(name: str, found: Tensor, due: Tensor) -> None:
    if found.shape != due.shape or not torch.allclose(found, due, rtol=CLOSE, atol=CLOSE):
        raise NoProgram(f"{name} would compute something else than the model")


@contextlib.contextmanager
def _quietly(name: str) -> Iterator[None]:
    """No words of the makers' own; whatever they raise is one sentence.

    Raises:
        NoProgram: they have raised something.
    """
    loggers = [logging.getLogger(one) for one in NOISY]
    levels = [logger.level for logger in loggers]
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            torch.no_grad(),
        ):
            for logger in loggers:
                logger.setLevel(logging.CRITICAL)
            yield
    except BaseException as error:
        if stops(error):
            raise
        said = COLORS.sub("", reason(error).replace("\\x1b", "\x1b")).partition(" This is step ")[0]
        raise NoProgram(f"{name} cannot be made of this model: {said}") from error
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
