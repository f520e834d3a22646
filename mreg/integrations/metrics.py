"""The metrics of checkpoints: which are numbers, and which checkpoint is the best one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mreg.values import names
from mreg.values.directions import direction_of
from mreg.values.errors import InvalidInput
from mreg.values.named_tuple import NamedTuple


class InvalidGoal(InvalidInput):
    code = "invalid-goal"
    template = (
        "{text!r} does not say what is best: write max:METRIC, or min:METRIC for a loss, or METRIC alone where the "
        "setting metrics.direction says it"
    )

    text: str


class Goal(NamedTuple):
    """What makes a version the best one: the highest, or the lowest, value of a metric."""

    highest: bool
    metric: str

    @classmethod
    def parse(cls, text: str, directions: Sequence[str] = ()) -> Goal:
        """Of `max:METRIC` or `min:METRIC`, or of `METRIC` where `directions`, rules of that form, say which. Raises
        InvalidGoal."""
        direction, colon, metric = text.partition(":")
        if not colon:
            direction, metric = direction_of(f"metrics.{text.removeprefix('metrics.')}", directions) or "", text
        metric = metric.removeprefix("metrics.")
        if direction not in ("max", "min") or not metric:
            raise InvalidGoal(text=text)
        return cls(direction == "max", metric)

    def prefers(self, value: float, other: float | None) -> bool:
        """Is it better than the other? What is not finite (NaN, ∞) is never the best."""
        if not math.isfinite(value):
            return False
        if other is None or not math.isfinite(other):
            return True
        return value > other if self.highest else value < other


def numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The metrics that are numbers, or arrays of one element of any framework, as numbers."""
    found = {str(name): number(value) for name, value in metrics.items()}
    return {name: value for name, value in found.items() if value is not None}


def number(value: Any) -> float | None:
    """The number, or the one element of an array; None for anything else."""
    if isinstance(value, str | bytes | bool) or value is None:
        return None
    if isinstance(value, int):
        return value
    try:
        return float(value.item() if hasattr(value, "item") else value)
    except (TypeError, ValueError, RuntimeError):  # of several elements; torch says the last
        return None


def left_out(metrics: Mapping[str, Any], kept: Mapping[str, float]) -> str:
    """What is wrong with the metrics that are not kept; empty where nothing is. One that is None has no value yet."""
    lost = [f"{name} is {value!r:.40}" for name, value in metrics.items() if value is not None and name not in kept]
    return f"metrics are numbers, and others are left out: {', '.join(lost)}" if lost else ""


def missing(goal: Goal, kept: Mapping[str, float]) -> str:
    """What is wrong where a checkpoint has metrics, and not the one that says which is best."""
    if goal.metric in kept:
        return ""
    near = names.near(goal.metric, list(kept))
    meant = f"; did you mean {near[0]}?" if near else ""
    known = ", ".join(sorted(kept)) or "no metric"
    return f"a checkpoint without {goal.metric} is never the best, and this one has {known}{meant}"


def unlimited(goal: Goal, kept: Mapping[str, float]) -> str:
    """What is wrong with a value that can never be the best."""
    value = kept.get(goal.metric, 0.0)
    return "" if math.isfinite(value) else f"a checkpoint whose {goal.metric} is {value} is never the best"
