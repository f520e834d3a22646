"""W&B's model verbs on an mreg repository: in a W&B script, only the import changes.

    from mreg.integrations import wandb

    with wandb.init(config={"lr": 0.001}) as run:
        path = run.use_model("digits:best")
        run.log_model("ckpt", "digits", aliases=["best"])
        run.link_model("ckpt", "digits-classifier", "digits", aliases=["production"])

Names, positions and defaults of the arguments are W&B's. The repository is the one that the command line would find.
The run's id is recorded in what it logs and uses. A run logs models and nothing else: see docs/from-wandb.md.
"""

from __future__ import annotations

import os
import secrets
import string
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn

from mreg.repository import Repository
from mreg.repository.given import texts
from mreg.values.errors import InvalidInput
from mreg.values.names import LATEST, PathOfProject, check_name

if TYPE_CHECKING:
    from mreg.values.entities import Link

StrPath = str | os.PathLike[str]

_ID_LETTERS = string.ascii_lowercase + string.digits
_ID_LENGTH = 8

_INSTEAD: Final = {
    "Api": "use `mreg.Repository.find()`",
    "Artifact": "write `run.log_model(path, name)`",
    "log": "metrics belong to a version: write `mreg.log_model(path, name, metadata={'metrics': {…}})`",
    "log_artifact": "write `run.log_model(path, name)`",
    "link_artifact": "write `mreg.link_model('name:v3', model)`",
    "login": "leave it out, there is no account",
    "summary": "metrics belong to a version: write `mreg.log_model(path, name, metadata={'metrics': {…}})`",
    "use_artifact": "write `run.use_model(name)`",
}
"""What scripts have of W&B's that is not here, and what to do about it."""

run: Run | None = None
"""The run that `init` started last, until it is finished."""


class ConfigFile(InvalidInput):
    code = "config-file"
    template = "`config` names the file {path!r}, which mreg does not read: give it as a mapping"

    path: str


class RunFinished(InvalidInput):
    code = "run-finished"
    template = "run {id!r} is finished"

    id: str


class Run:
    """A run: an id that is recorded in what it logs and uses, and a `config` that is stored with what it logs.

    As a context manager it finishes at the end.
    """

    def __init__(self, repository: Repository, id: str, name: str | None, config: Mapping[str, Any]) -> None:
        self.id = id
        self.name = name or id
        self.config = dict(config)
        self._repository: Repository | None = repository

    if not TYPE_CHECKING:  # or type checkers would take every name for one that is there

        def __getattr__(self, name: str) -> NoReturn:
            _refuse("run", name)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.finish(exit_code=0 if kind is None else 1)

    def use_model(self, name: str) -> str:
        """The path of a ready-to-load copy of the version `name:alias` or `name:vN`: of the folder, or of the file
        where it holds only one."""
        path = self._open.use_path(name, run=self.id)
        found = os.listdir(path)
        return os.path.join(path, found[0]) if len(found) == 1 else path

    def log_model(self, path: StrPath, name: str | None = None, aliases: list[str] | None = None) -> None:
        """Log `path` as a version of the artifact `name` (default: `run-ID-` and the path's last part), and move the
        aliases to it."""
        self._log(path, name, aliases=_without_latest(aliases))

    def link_model(
        self, path: StrPath, registered_model_name: str, name: str | None = None, aliases: list[str] | None = None
    ) -> Link:
        """Log `path` as `log_model` does, link the version in the registered model, and move aliases of the model to
        it: one change. No version is made where the artifact has one with this content."""
        model = _plain(registered_model_name)
        links = [model, *(f"{model}:{alias}" for alias in _without_latest(aliases))]
        (made,) = self._log(path, name, links=links, once=True)
        return next(link for link in self._open.model(model).links if link.name == made)

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        """Let go of the repository. What was logged is on disk already."""
        global run
        if self._repository is not None:
            self._repository.close()
            self._repository = None
        if run is self:
            run = None

    def _log(self, path: StrPath, name: str | None, **options: Any) -> tuple[str, ...]:
        artifact = f"run-{self.id}-{os.path.basename(os.path.abspath(path))}" if name is None else _plain(name)
        metadata = {"config": self.config} if self.config else {}
        return self._open.log(path, artifact, metadata=metadata, run=self.id, **options).links

    @property
    def _open(self) -> Repository:
        if self._repository is None:
            raise RunFinished(id=self.id)
        return self._repository


def init(
    entity: str | None = None,
    project: str | None = None,
    dir: StrPath | None = None,
    id: str | None = None,
    name: str | None = None,
    notes: str | None = None,
    tags: Sequence[str] | None = None,
    config: Mapping[str, Any] | str | None = None,
    config_exclude_keys: list[str] | None = None,
    config_include_keys: list[str] | None = None,
    allow_val_change: bool | None = None,
    group: str | None = None,
    job_type: str | None = None,
    mode: str | None = None,
    force: bool | None = None,
    anonymous: str | None = None,
    reinit: bool | str | None = None,
    resume: bool | str | None = None,
    resume_from: str | None = None,
    fork_from: str | None = None,
    save_code: bool | None = None,
    tensorboard: bool | None = None,
    sync_tensorboard: bool | None = None,
    monitor_gym: bool | None = None,
    settings: Any = None,
) -> Run:
    """Start a run on the repository that the command line would find.

    id: of the run (default: $WANDB_RUN_ID, else a new one). name: what `run.name` says. config: stored as `config` in
    the metadata of what is logged. The other arguments are accepted, and mean nothing here: there is one project,
    and no server.
    """
    global run
    if isinstance(config, str):
        raise ConfigFile(path=config)
    chosen = check_name(id or os.environ.get("WANDB_RUN_ID") or _new_id(), "run")
    if run is not None:
        run.finish()
    run = Run(Repository.find(), chosen, name, config or {})
    return run


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
    """Finish the run that was started last."""
    if run is not None:
        run.finish(exit_code, quiet)


if not TYPE_CHECKING:

    def __getattr__(name: str) -> NoReturn:
        _refuse("wandb", name)


def _refuse(owner: str, name: str) -> NoReturn:
    """Raises AttributeError, as Python does, but says how else it is done."""
    instead = _INSTEAD.get(name, "see docs/from-wandb.md")
    raise AttributeError(f"W&B's `{owner}.{name}` is not in mreg: {instead}", name=name)


def _new_id() -> str:
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))


def _plain(name: str) -> str:
    """Raises PathOfProject for `entity/project/name`."""
    if "/" in name:
        raise PathOfProject(text=name, short=name.rpartition("/")[2])
    return name


def _without_latest(aliases: Sequence[str] | None) -> list[str]:
    """`latest` is always the highest version, and is set by nobody."""
    return [alias for alias in texts(aliases or ()) if alias != LATEST]
