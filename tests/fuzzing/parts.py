"""A person's own members, optimizers and schedules that raise, or give what they must not; torch's that cannot be used."""

from __future__ import annotations

import random

from tests.fuzzing.case import TINY, Case, Recipes
from tests.fuzzing.drawn import each, pairs
from tests.fuzzing.modules import COURSE, HEAD, MEMBER, RAISES, STEPS, filled, of
from tests.fuzzing.own import COURSE_WORDS, MEMBER_WORDS, STEPS_WORDS

RECIPES = Recipes()
FOREIGN = [
    bad for bad in RAISES if not any(name in bad for name in ("ConfigError", "Held"))
]  # not our own words


@RECIPES
def member(chance: random.Random) -> Case:
    """A member of the stack that raises."""
    where, bad = chance.choice(("init", "hook")), chance.choice(FOREIGN)
    return of(
        ["train", *MEMBER_WORDS],
        filled(MEMBER, **{where: bad}),
        ["mine", "reg"],
        about=f"member's {where}: {bad}",
    )


MEMBERS = """
return None|return 5|return 'x'|return loss.detach()|return loss * float('nan')|return torch.ones(3)|return loss|return (loss,)|return -loss * 1e40
"""
NO_MEMBER = "Member = 5|class Member: pass|class Member(Regularizer): pass|def Member(p): return 5|Member = dict|class Member(nn.Module): pass"
NO_MEMBER += "|nope = 1|@dataclass␤class Member(Regularizer):␤    p: int|class Member(Regularizer):␤    off = 5|@dataclass␤class Member:␤    p: float"


@RECIPES
def member_gives(chance: random.Random) -> Case:
    """A member that is none, or gives back what is no loss."""
    if chance.random() < 0.4:
        bad = chance.choice(each(NO_MEMBER, "|"))
        text = f"{HEAD}{bad}\n"
    else:
        bad = chance.choice(each(MEMBERS.strip(), "|"))
        text = filled(MEMBER, hook=bad)
    statuses = (2, 3) if "nan" in bad or "1e40" in bad else (2,)
    return of(["train", *MEMBER_WORDS], text, ["mine", "reg"], statuses=statuses, about=f"member: {bad}")


NO_STEPS = "Steps = 5|class Steps: pass|def Steps(params, lr): return None|Steps = torch.optim.LBFGS|Steps = nn.Linear|Steps = torch.optim.Optimizer"
NO_STEPS += "|def Steps(lr): pass|def Steps(params, lr): return torch.optim.SGD|class Steps(torch.optim.SGD):␤    def step(self, closure): closure()"


@RECIPES
def steps(chance: random.Random) -> Case:
    """An optimizer that raises, or is none."""
    where, bad = chance.choice(("init", "step")), chance.choice(FOREIGN)
    text = filled(STEPS, **{where: bad})
    if chance.random() < 0.3:
        bad = chance.choice(each(NO_STEPS, "|"))
        text = f"{HEAD}{bad}\n"
    return of(["train", *STEPS_WORDS], text, ["optimizer", "mine"], about=f"optimizer: {bad}")


COURSES = "return 'x'|return None|return float('nan')|return -1|return []|return 1e400|return 10**400|return torch.ones(3)|return True|return (1,)"


@RECIPES
def course(chance: random.Random) -> Case:
    """A schedule that raises, or gives what is no factor."""
    bad = chance.choice((*each(COURSES, "|"), *FOREIGN))
    where = "call" if bad.startswith("return") or chance.random() < 0.5 else "init"
    statuses = (2, 0, 3) if bad in ("return True", "return -1", "return 1e400") else (2,)
    return of(
        ["train", *COURSE_WORDS],
        filled(COURSE, **{where: bad}),
        ["schedule", "mine"],
        statuses=statuses,
        about=f"schedule: {bad}",
    )


LIBRARY = """
optimizer._target_=torch.optim.LBFGS ~optimizer.momentum ~optimizer.nesterov -> optimizer
optimizer._target_=torch.optim.SparseAdam ~optimizer.momentum ~optimizer.nesterov -> optimizer
optimizer._target_=torch.optim.Optimizer ~optimizer.momentum ~optimizer.nesterov -> optimizer
optimizer._target_=torch.optim.Adam -> momentum
optimizer._target_=torch.optim.lr_scheduler.StepLR -> optimizer
schedule._target_=torch.optim.lr_scheduler.StepLR ~schedule.warmup -> schedule
schedule._target_=builtins.dict ~schedule.warmup -> schedule
model=own model._target_=torch.nn.Linear -> model
model=own model._target_=torch.nn.Module -> model
model=own model._target_=torch.nn.Identity -> model
model=own model._target_=torch.nn.Linear +model.in_features=3 +model.out_features=3 -> model
model=own model._target_=torchvision.models.resnet18 +model.weights=DEFAULT -> model
model=own model._target_=torchvision.models.nope -> model
model=own model._target_=torchvision.models.vit_b_16 -> model
model=own model._target_=torchvision.models.get_model +model.name=resnet18 -> model
model=own model._target_=torch.hub.load +model.repo_or_dir=x/y +model.model=z -> model
"""


@RECIPES
def library(chance: random.Random) -> Case:
    """A class of torch's that is of the kind that is due, and cannot be used so."""
    words, names = chance.choice(pairs(LIBRARY))
    common = [word for word in TINY if not (words[0].startswith("model") and word.startswith("model"))]
    return Case(["train", *common, *words], names, writes=(), about=" ".join(words))
