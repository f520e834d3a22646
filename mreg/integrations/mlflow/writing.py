"""What is written for MLflow: steps that make one change, and what they are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from mlflow.prompt.registry_utils import handle_resource_already_exist_error

from mreg.integrations.mlflow import entities, titles
from mreg.integrations.mlflow.collections import Collection, find
from mreg.repository import Repository
from mreg.repository.change import Change
from mreg.values.errors import Conflict, Refused

_T = TypeVar("_T")


def change(repository: Repository, steps: Callable[[Change], _T]) -> _T:
    """Take the steps as one change, again where somebody else was faster."""
    while True:
        try:
            with repository.change() as change:
                return steps(change)
        except Conflict as error:
            if error.code != "overtaken":
                raise


def make(change: Change, title: str, said: dict[str, Any], description: str) -> Collection:
    """Make the model that MLflow calls so. said: its properties. Raises MlflowException where there is one."""
    there = find(change, title)
    if there is not None:
        existing = change.properties(there.name)
        handle_resource_already_exist_error(title, entities.is_prompt(existing), entities.is_prompt(said))
    kind = "prompt" if entities.is_prompt(said) else "model"
    name = named(change, title, lambda name: change.create_artifact(name, type=kind, description=description, first=1))
    change.set_properties(name, {**said, **titles.said(name, title)})
    return Collection(name, title, linking=False)


def named(repository: Repository | Change, title: str, give: Callable[[str], object]) -> str:
    """The first name that the title may have and that can be given, which `give` does."""
    *others, last = titles.names_of(title)
    for name in others:
        if repository.kind(name) is None:  # else it is that of another title
            try:
                give(name)
                return name
            except Refused:  # a name that differs in case only
                pass
    give(last)
    return last


def tag(change: Change, reference: str, tags: dict[str, str]) -> None:
    if tags:
        change.set_properties(reference, tags)


def by_key(tags: Iterable[Any] | None) -> dict[str, str]:
    """The last value of each key."""
    return {tag.key: "" if tag.value is None else str(tag.value) for tag in tags or []}


def remove_property(repository: Repository | Change, reference: str, key: str) -> None:
    """MLflow minds no key that is not there."""
    if key in repository.properties(reference):
        repository.remove_property(reference, key)
