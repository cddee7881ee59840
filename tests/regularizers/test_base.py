"""Several regularizers as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from regbench.regularizers.base import HOOKS, MemberError, Regularizer, Stack, hooks
from regbench.streams import Clock
from regbench.types import Batch, ForwardPass, Record, Split


class Quiet(Regularizer):
    off: ClassVar[dict[str, Any]] = {"never": None}
    never = True


class Average(Quiet):
    def eval_model(self, model: nn.Module) -> nn.Module:
        return model


class OwnLoss(Quiet):
    def data_loss(self, forward: ForwardPass) -> Tensor | None:
        return torch.tensor(3.0)


class Append(Quiet):
    """Puts a letter behind whatever it is given."""

    def __init__(self, letter: str) -> None:
        self.letter = letter

    def prepare_model(self, model: Any) -> Any:
        return model + self.letter

    def prepare_optimizer(self, optimizer: Any) -> Any:
        return optimizer + self.letter

    def transform_batch(self, batch: Any) -> Any:
        return batch + self.letter

    def transform_loss(self, loss: Any) -> Any:
        return loss + self.letter

    def final_model(self, model: Any) -> Any:
        return model + self.letter


class Weighted(Quiet):
    def __init__(self, value: float | None) -> None:
        self.value = value

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        return None if self.value is None else torch.tensor(self.value)


class Refuse(Quiet):
    def prepare_model(self, model: nn.Module) -> nn.Module:
        raise ValueError("p must be small, got 7")

    def prepare_data(self, train: Split) -> None:
        raise ValueError("rows must be many, got 2")


FORWARD = ForwardPass(nn.Identity(), Batch(torch.zeros(1), torch.zeros(1)), torch.zeros(1), ())
APPENDING = ["prepare_model", "prepare_optimizer", "transform_batch", "transform_loss", "final_model"]


# --- what cannot stand together


@pytest.mark.parametrize(("owner", "what"), [(Average, "evaluated model"), (OwnLoss, "data loss")])
def test_two_owners_of_one_thing_are_refused_by_name(owner: type[Regularizer], what: str) -> None:
    with pytest.raises(ValueError, match=rf"^ema and swa each replace the {what}; keep one$"):
        Stack({"ema": owner(), "mixup": Quiet(), "swa": owner()})


@pytest.mark.parametrize("owner", [Average, OwnLoss])
def test_two_owners_are_refused_in_stacks_within_stacks(owner: type[Regularizer]) -> None:
    inner = Stack({"s": Stack({"swa": owner()})})
    with pytest.raises(ValueError, match=r"^ema and swa each replace the "):
        Stack({"ema": owner(), "inner": inner})


def test_one_owner_of_each_is_welcome() -> None:
    assert Stack({"ema": Average(), "s": Stack({"own": OwnLoss()})}).data_loss(FORWARD).item() == 3.0


def test_a_leaf_s_name_may_stand_once_however_deep() -> None:
    with pytest.raises(ValueError, match=r"^each member needs a name of its own, got 'dropout' twice$"):
        Stack({"dropout": Quiet(), "a": Stack({"b": Stack({"dropout": Quiet()})})})


def test_the_name_of_the_data_term_is_taken() -> None:
    with pytest.raises(ValueError, match="each member needs a name of its own, got 'data' twice"):
        Stack({"s": Stack({"data": Quiet()})})


# --- order


@pytest.mark.parametrize("hook", APPENDING)
def test_members_act_in_the_order_in_which_they_are_listed(hook: str) -> None:
    one = Stack({"x": Append("x"), "s": Stack({"y": Append("y"), "z": Append("z")}), "a": Append("a")})
    assert getattr(one, hook)("") == "xyza"
    assert getattr(Stack({"a": Append("a"), "x": Append("x")}), hook)("") == "ax"


@pytest.mark.parametrize("hook", [*APPENDING, "eval_model"])
def test_the_empty_stack_hands_back_what_it_is_given(hook: str) -> None:
    given = object()
    assert getattr(Stack({}), hook)(given) is given
    assert getattr(Stack({"s": Stack({})}), hook)(given) is given


def test_the_empty_stack_adds_nothing_and_stops_nothing() -> None:
    empty = Stack({})
    assert empty.penalty(FORWARD) is None
    assert empty.penalties(FORWARD) == {}
    assert empty.data_loss(FORWARD) is None
    assert empty.metrics(nn.Identity()) == {}
    assert empty.end_epoch([], nn.Identity()) is False


def test_penalties_stand_under_the_leaves_names() -> None:
    stack = Stack({"l1": Weighted(2.0), "s": Stack({"l2": Weighted(0.5), "none": Weighted(None)})})
    assert stack.penalties(FORWARD) == {"l1": torch.tensor(2.0), "l2": torch.tensor(0.5)}
    assert stack.penalty(FORWARD).item() == 2.5


def test_every_member_is_asked_whether_to_stop() -> None:
    class Stop(Quiet):
        def __init__(self, answer: bool) -> None:
            self.answer, self.asked = answer, 0

        def end_epoch(self, history: Sequence[Record], evaluated: nn.Module) -> bool:
            self.asked += 1
            return self.answer

    members = {"yes": Stop(True), "no": Stop(False)}
    assert Stack(members).end_epoch([], nn.Identity()) is True
    assert [member.asked for member in members.values()] == [1, 1]
    assert Stack({"no": Stop(False), "s": Stack({"yes": Stop(True)})}).end_epoch([], nn.Identity()) is True
    assert Stack({"no": Stop(False)}).end_epoch([], nn.Identity()) is False


def test_one_member_that_wants_hidden_outputs_is_enough() -> None:
    class Wants(Quiet):
        records_hidden = True

    assert Stack({"a": Quiet(), "s": Stack({"b": Wants()})}).records_hidden
    assert not Stack({"a": Quiet()}).records_hidden


# --- leaves


def test_leaves_are_named_in_order_without_the_stacks_around_them() -> None:
    a, b, c = Quiet(), Quiet(), Quiet()
    stack = Stack({"a": a, "outer": Stack({"inner": Stack({"b": b}), "empty": Stack({})}), "c": c})
    assert list(stack.leaves()) == [("a", a), ("b", b), ("c", c)]


def test_without_takes_out_one_leaf_and_keeps_the_others_themselves() -> None:
    a, b, c = Quiet(), Quiet(), Quiet()
    stack = Stack({"a": a, "s": Stack({"b": b, "c": c})})
    assert list(stack.without("b").leaves()) == [("a", a), ("c", c)]
    assert list(stack.without("a").leaves()) == [("b", b), ("c", c)]
    assert list(stack.without("s").leaves()) == [("a", a), ("b", b), ("c", c)], "s is no leaf"
    assert list(stack.leaves()) == [("a", a), ("b", b), ("c", c)], "the stack itself stays"


def test_a_leaf_draws_by_its_own_name_wherever_it_stands() -> None:
    flat, nested = Quiet(), Quiet()
    Stack({"other": Quiet(), "a": flat}).bind(3, Clock())
    Stack({"s": Stack({"a": nested})}).bind(3, Clock())
    renamed = Quiet()
    Stack({"b": renamed}).bind(3, Clock())
    draws = [leaf.stream.uniform((4,)).tolist() for leaf in (flat, nested, renamed)]
    assert draws[0] == draws[1]
    assert draws[0] != draws[2]


def test_all_leaves_read_one_clock() -> None:
    a, b, clock = Quiet(), Quiet(), Clock()
    Stack({"a": a, "s": Stack({"b": b})}).bind(0, clock)
    before = [leaf.stream.uniform((4,)).tolist() for leaf in (a, b)]
    clock.step = 1
    after = [leaf.stream.uniform((4,)).tolist() for leaf in (a, b)]
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_state_goes_back_to_the_member_that_it_came_from() -> None:
    class Counter(Quiet):
        count = 0

        def state_dict(self) -> dict[str, Any]:
            return {"count": self.count}

        def load_state_dict(self, state: dict[str, Any]) -> None:
            self.count = state["count"]

    a, b = Counter(), Counter()
    a.count, b.count = 1, 2
    state = Stack({"a": a, "s": Stack({"b": b})}).state_dict()
    assert state == {"a": {"count": 1}, "s": {"b": {"count": 2}}}
    a, b = Counter(), Counter()
    Stack({"a": a, "s": Stack({"b": b})}).load_state_dict(state)
    assert (a.count, b.count) == (1, 2)


# --- errors


@pytest.mark.parametrize(("hook", "reason"), [("prepare_model", "p must"), ("prepare_data", "rows must")])
def test_a_refusal_is_named_by_the_path_to_the_member(hook: str, reason: str) -> None:
    nested = Stack({"a": Quiet(), "outer": Stack({"s": Stack({"inner": Refuse()})})})
    with pytest.raises(MemberError, match=f"^{reason}") as caught:
        getattr(nested, hook)(nn.Identity())
    assert caught.value.name == "outer.s.inner"
    with pytest.raises(MemberError) as caught:
        getattr(Stack({"inner": Refuse()}), hook)(nn.Identity())
    assert caught.value.name == "inner"


# --- hooks


def test_hooks_are_what_a_class_overrides_in_the_order_of_training() -> None:
    class Several(Weighted):
        def end_epoch(self, history: Sequence[Record], evaluated: nn.Module) -> bool:
            return False

        def begin_step(self, progress: float) -> None:
            pass

        def note(self) -> str:
            return ""

        def state_dict(self) -> dict[str, Any]:
            return {}

    assert hooks(Several) == ["begin_step", "penalty", "end_epoch"]
    assert hooks(Quiet) == []


def test_a_stack_passes_every_hook_on() -> None:
    order = [
        "check_data",
        "prepare_data",
        "prepare_model",
        "prepare_optimizer",
        "begin_epoch",
        "begin_step",
        "transform_batch",
    ]
    order += ["data_loss", "transform_loss", "penalty", "edit_gradients", "edit_weights", "end_step"]
    order += ["eval_model", "metrics", "end_epoch", "final_model"]
    assert hooks(Stack) == order


# --- off


def test_a_member_is_off_when_all_its_off_values_hold() -> None:
    class Two(Quiet):
        off: ClassVar[dict[str, Any]] = {"p": 0.0, "q": 0.0}

        def __init__(self, p: float, q: float) -> None:
            self.p, self.q = p, q

    assert Two(0, 0.0).is_off
    assert not Two(0, 1).is_off
    assert Two(0.0, 0.0).inert() == "off (p=0.0, q=0.0)"
    assert Two(1, 0).inert() == ""


# --- who is asked


def test_a_member_is_asked_for_the_hooks_that_it_has_and_no_others() -> None:
    class Noting(Quiet):
        def __getattribute__(self, name: str) -> Any:
            if watching and name in HOOKS:
                asked.append(name)
            return super().__getattribute__(name)

        def begin_step(self, progress: float) -> None:
            pass

        def penalty(self, forward: ForwardPass) -> Tensor | None:
            return None

    watching, asked = False, []
    stack = Stack({"inner": Stack({"noting": Noting()})})
    watching = True
    stack.begin_step(0.0)
    stack.transform_loss(stack.transform_batch(FORWARD.batch).inputs)  # type: ignore[arg-type]
    stack.data_loss(FORWARD)
    stack.penalties(FORWARD)
    for hook in (stack.edit_gradients, stack.edit_weights, stack.end_step):
        hook(FORWARD.model)
    assert asked == ["begin_step", "penalty"]


def test_a_hook_that_is_put_on_one_member_alone_is_called() -> None:
    member = Quiet()
    member.transform_loss = lambda loss: loss + 1  # type: ignore[method-assign]
    assert Stack({"member": member, "other": Quiet()}).transform_loss(torch.zeros(())).item() == 1
