"""The repository as a whole: undo, garbage collection, checks, repairs, usage, settings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mreg import operations, session, upkeep, values
from mreg.repository.given import texts, wanted
from mreg.repository.opening import Opened
from mreg.session import config
from mreg.values.progress import Progress

if TYPE_CHECKING:
    from mreg.repository import Repository
    from mreg.session.remotes import Remote
    from mreg.upkeep.findings import Repaired, Report
    from mreg.upkeep.gc import Swept
    from mreg.values.changed import Changed
    from mreg.values.entities import HistoryEntry, Usage
    from mreg.values.filters.filter import Filter


class Upkeep(Opened):
    """What keeps a repository well."""

    def undo(self, seq: int) -> HistoryEntry:
        """Put all that journal entry `seq` moved back to what it was before, as one change; its entry, which can be
        undone in its turn. What the entry made is deleted, what it deleted comes back.

        Raises Conflict where something of it has been moved since, and Refused where something that came later
        stands in the way, or `gc` has given up the data of a version.
        """
        return operations.undo.undo(self._context, seq)

    def gc(
        self,
        *,
        grace: float | None = None,
        keep_last: int | None = None,
        older_than: float | None = None,
        keep_best: str | Sequence[str] | None = None,
        keep_where: str | Filter | Sequence[str | Filter] | None = None,
        repack: bool = False,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> Swept:
        """Delete what nothing has reached for `grace` seconds (default: the setting gc.grace).

        Before that, versions expire that are not among the last `keep_last` of their artifact, and older than
        `older_than` seconds (0: no such condition; default: the settings gc.keep-last and gc.older-than). The
        latest one, and what an alias or a link holds, always stay. `undo` brings back what expired until its
        data are deleted, a grace period later.

        keep_best, keep_where (default: the settings gc.keep-best and gc.keep-where) keep more of them: the N best of
        each artifact by a number, as `max:KEY:N` or `min:KEY:N`, and those that a filter matches. They are judged from
        the records; what cannot be judged stays, and a key that no version has raises UnknownKey.

        An artifact may have settings of its own (`set_setting`): they count for it whatever is given here. A version
        that was logged with a `ttl` expires when that is over, also the latest one. Raises DamagedPolicy where either
        cannot be followed, so that nothing expires.

        repack: afterwards rewrite packs of which little is still needed, or that were stored uncompressed and would
        be much smaller.
        """
        policy = upkeep.retention.Policy(
            self.setting("gc.keep-last") if keep_last is None else keep_last,
            values.ages.parse_seconds(self.setting("gc.older-than")) if older_than is None else older_than,
            self._best(self.setting("gc.keep-best") if keep_best is None else keep_best),
            wanted("", self._kept() if keep_where is None else keep_where, (), None, ()).where,
            tuple(self.setting("metrics.direction")),
        )
        seconds = values.ages.parse_seconds(self.setting("gc.grace")) if grace is None else grace
        return upkeep.gc.gc(
            self._context, grace=seconds, policy=policy, repack=repack, dry_run=dry_run, progress=progress
        )

    def _best(self, wished: str | Sequence[str]) -> tuple[upkeep.quality.Best, ...]:
        directions = self.setting("metrics.direction")
        return tuple(upkeep.quality.parse_best(text, directions) for text in texts(wished) if text)

    def _kept(self) -> list[str]:
        where = self.setting("gc.keep-where")
        return [where] if where else []

    def fsck(
        self,
        *,
        full: bool = False,
        repair: bool = False,
        source: Repository | str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> Report:
        """Check every invariant of the format; with `full` also the bytes of every chunk.

        repair: mend what can be proven, and tell what was done and what is left. source: a repository from which
        damaged or missing data is taken where its digests say that it is the same; entries of the journal only from
        one that has the same id. Its refs are never looked at. See also `rescue`.
        """
        if not repair:
            if source is not None:
                raise upkeep.repair.RepairOnly()
            return upkeep.fsck.fsck(self._context, full=full, progress=progress)
        other = self._other(source)
        return upkeep.repair.repair(
            self._context, full=full, source=other._context if other else None, progress=progress
        )

    @classmethod
    def rescue(
        cls, location: str | os.PathLike[str] = ".", *, source: Repository | str | os.PathLike[str] | None = None
    ) -> tuple[Repaired, ...]:
        """Make the config.toml of a repository again from its journal where it is lost or damaged, so that the
        repository can be opened; what was done, nothing where it can be opened. source: a copy of the repository, from
        which entries of the journal are taken where they are missing too."""
        other = cls._other(source)
        storage = session.remotes.storage_for_repair(location)
        return tuple(upkeep.repair_refs.rescue(storage, other._context if other else None))

    def usage(self, name: str | None = None) -> Usage:
        """Where the bytes of a collection, or of all artifacts, are."""
        return upkeep.usage.usage(self._context, name)

    def setting(self, name: str) -> Any:
        """A setting's value, or its default. Raises UnknownSetting, DamagedSetting."""
        return self._context.setting(name)

    def settings(self) -> dict[str, Any]:
        """All settings with their values. Raises DamagedSetting."""
        return {name: self._context.setting(name) for name in config.SETTINGS}

    def sound_settings(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Those settings that have a possible value; and why the others, which only `set_setting` can help, have
        none."""
        sound: dict[str, Any] = {}
        faults: dict[str, str] = {}
        for name in config.SETTINGS:
            try:
                sound[name] = self._context.setting(name)
            except config.DamagedSetting as error:
                faults[name] = error.reason
        return sound, faults

    def set_setting(self, name: str, text: str, *, artifact: str | None = None) -> Any:
        """Set a setting from its text; the value. artifact: set it for this artifact only (gc.keep-best, gc.keep-last,
        gc.keep-where, gc.older-than); "inherit" takes it away, so that the repository's counts again."""
        if artifact is not None:
            return operations.policies.set_artifact_setting(self._context, artifact, name, text)
        return operations.settings.set_setting(self._context, name, text)

    def remotes(self) -> list[Remote]:
        """The names for other repositories: this one's, and the user's own."""
        return session.remotes.remotes(self._context)

    def add_remote(self, name: str, location: str | os.PathLike[str], *, user: bool = False) -> Changed:
        """Keep a name for another repository: `NAME/artifact:alias` is what is in there, wherever something is read.
        location: as for `open`, without credentials; nothing is asked there. user: keep it in the user's own settings,
        for all repositories. Raises RemoteExists, InvalidLocation."""
        return operations.remotes.set_remote(self._context, name, location, user, new=True)

    def set_remote(self, name: str, location: str | os.PathLike[str], *, user: bool = False) -> Changed:
        """Give the remote another location. See `add_remote`. Raises UnknownRemote, InvalidLocation."""
        return operations.remotes.set_remote(self._context, name, location, user, new=False)

    def remove_remote(self, name: str, *, user: bool = False) -> Changed:
        """Forget the name. Nothing is changed in the repository that it stands for. Raises UnknownRemote."""
        return operations.remotes.remove_remote(self._context, name, user)

    def artifact_settings(self, artifact: str) -> dict[str, Any]:
        """The settings that an artifact has of its own, beside those of the repository."""
        return operations.policies.artifact_settings(self._context, artifact)
