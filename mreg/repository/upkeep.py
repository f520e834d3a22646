"""The repository as a whole: undo, garbage collection, checks, repairs, disk usage, settings."""

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
    """Methods that maintain the repository."""

    def undo(self, seq: int) -> HistoryEntry:
        """Revert journal entry `seq`: every ref that it changed gets its earlier value, as one change. Returns the new
        entry, which can be undone too.

        Raises UnknownSequence; RefMoved (a Conflict) if one of these refs has changed since; and AlreadyUndone,
        CannotUndo (a later change is in the way) or GivenUp (`gc` deleted the data), each a Refused.
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
        """Expire versions, then delete data that has been unreachable for `grace` seconds (default: the setting
        gc.grace).

        A version expires if it is not among the newest `keep_last` of its artifact and is older than `older_than`
        seconds (0: no age limit). Defaults: the settings gc.keep-last and gc.older-than. The latest version, and
        versions held by an alias or a link, never expire this way. Until their data is deleted, a grace period later,
        `undo` restores expired versions.

        keep_best: keep the N best versions of each artifact too: `max:KEY:N` or `min:KEY:N`. Default: gc.keep-best.
        keep_where: keep versions that match a filter too. Default: gc.keep-where.
        repack: then rewrite packs that are mostly unneeded, or were stored uncompressed and would become much smaller.
        dry_run: change nothing; return what would be deleted.

        A version for which `keep_best` or `keep_where` cannot be evaluated is kept; a key that no version has raises
        UnknownKey. An artifact's own settings (see `set_setting`) take precedence over all arguments. A version logged
        with a `ttl` expires after it, even if it is the latest one. If an artifact's setting or a ttl is invalid,
        DamagedPolicy is raised and nothing expires.
        """
        view = self._context.view()  # an old config.toml must not decide what expires

        def setting(name: str) -> Any:
            return self._context.setting(name, view)

        directions = tuple(setting("metrics.direction"))
        best = texts(setting("gc.keep-best") if keep_best is None else keep_best)
        policy = upkeep.retention.Policy(
            setting("gc.keep-last") if keep_last is None else keep_last,
            values.ages.parse_seconds(setting("gc.older-than")) if older_than is None else older_than,
            tuple(upkeep.quality.parse_best(text, directions) for text in best if text),
            wanted("", (setting("gc.keep-where") or ()) if keep_where is None else keep_where, (), None, ()).where,
            directions,
        )
        seconds = values.ages.parse_seconds(setting("gc.grace")) if grace is None else grace
        return upkeep.gc.gc(
            self._context, grace=seconds, policy=policy, repack=repack, dry_run=dry_run, progress=progress
        )

    def fsck(
        self,
        *,
        full: bool = False,
        repair: bool = False,
        source: Repository | str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> Report:
        """Check every invariant of the format. full: also verify the bytes of every chunk.

        repair: repair what can be proven, and report what was done and what remains.
        source: another repository to take missing or damaged data from, if the digests match; journal entries only if
            it has the same id. Its refs are not used.

        Raises RepairOnly if `source` is given without `repair`. See also `rescue`.
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
        """Recreate a lost or damaged config.toml from the journal, so that the repository can be opened. Returns what
        was done; empty if it can be opened. source: a copy of the repository to take missing journal entries from."""
        other = cls._other(source)
        storage = session.remotes.storage_for_repair(location)
        return tuple(upkeep.repair_refs.rescue(storage, other._context if other else None))

    def usage(self, name: str | None = None) -> Usage:
        """Return the disk usage of a collection, or of all artifacts, in bytes. Raises UnknownName, NoCollection."""
        return upkeep.usage.usage(self._context, name)

    def setting(self, name: str) -> Any:
        """Return the value of a setting, or its default. Raises UnknownSetting, DamagedSetting."""
        context = self._context
        return context.setting(name, context.view())  # `log` and callbacks act by it

    def settings(self) -> dict[str, Any]:
        """Return all settings with their values. Raises DamagedSetting."""
        return {name: self._context.setting(name) for name in config.SETTINGS}

    def sound_settings(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the settings with valid values, and for the others the reason why their values are invalid.
        `set_setting` corrects these."""
        sound: dict[str, Any] = {}
        faults: dict[str, str] = {}
        for name in config.SETTINGS:
            try:
                sound[name] = self._context.setting(name)
            except config.DamagedSetting as error:
                faults[name] = error.reason
        return sound, faults

    def set_setting(self, name: str, text: str, *, artifact: str | None = None) -> Any:
        """Set a setting from its text, and return its value. artifact: set it for this artifact only (gc.keep-best,
        gc.keep-last, gc.keep-where, gc.older-than); the text "inherit" removes it, so that the repository's setting
        applies again. Raises UnknownSetting, InvalidSetting, NotOfAnArtifact."""
        if artifact is not None:
            return operations.policies.set_artifact_setting(self._context, artifact, name, text)
        return operations.settings.set_setting(self._context, name, text)

    def remotes(self) -> list[Remote]:
        """List the remotes: those of this repository, and the user's own."""
        return session.remotes.remotes(self._context)

    def add_remote(self, name: str, location: str | os.PathLike[str], *, user: bool = False) -> Changed:
        """Add a remote: `NAME/artifact:alias` then refers to the other repository wherever a reference is read.
        location: as for `open`, without credentials; it is not contacted. user: add it to the user's settings, for all
        repositories. Raises RemoteExists, InvalidLocation."""
        return operations.remotes.set_remote(self._context, name, location, user, new=True)

    def set_remote(self, name: str, location: str | os.PathLike[str], *, user: bool = False) -> Changed:
        """Change the location of a remote. See `add_remote`. Raises UnknownRemote, InvalidLocation."""
        return operations.remotes.set_remote(self._context, name, location, user, new=False)

    def remove_remote(self, name: str, *, user: bool = False) -> Changed:
        """Remove a remote. The other repository is not changed. Raises UnknownRemote."""
        return operations.remotes.remove_remote(self._context, name, user)

    def artifact_settings(self, artifact: str) -> dict[str, Any]:
        """Return the artifact's own settings, which take precedence over the repository's. Raises UnknownArtifact,
        DamagedPolicy."""
        return operations.policies.artifact_settings(self._context, artifact)
