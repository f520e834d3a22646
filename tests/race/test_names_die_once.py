"""Writers and a gc that share no lock: no acknowledged version is lost, judged from the journal alone, and nothing is
called damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dead_names

from mreg import Repository


def bytes_under(root: Path) -> dead_names.Get:
    return lambda key: (root / key).read_bytes() if (root / key).is_file() else None


def keys_in(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]


def test_no_acknowledged_version_is_lost_where_a_lock_excludes_nobody(
    race: Any, repository: Repository, tmp_path: Path
) -> None:
    """The same contents are logged and removed again and again, while two collect garbage without any grace."""
    stop, swept = tmp_path / "stop", tmp_path / "swept"
    common = {"unlocked": True}
    collectors = race.start_beside(
        *(("collect", common | {"worker": n, "grace": 0, "stop": str(stop), "found": str(swept)}) for n in (10, 11))
    )

    kept = race.run(
        *(
            ("fill_and_remove", common | {"worker": n, "count": 12, "pool": 2, "own": n % 2 == 0, "until": str(swept)})
            for n in range(5)
        )
    )
    stop.touch()
    race.results(collectors)

    root = Path(repository.location)
    journal = dead_names.entries(keys_in(root), bytes_under(root))
    acknowledged = {f"artifacts/a{worker}/v{number}" for worker, found in enumerate(kept) for number in found}
    assert set(dead_names.live(journal)) == acknowledged
    assert dead_names.lost(keys_in(root), bytes_under(root)) == []
    assert any(entry["drops"] for entry in journal), "nothing was collected: this was no race"
    assert repository.fsck(full=True, repair=True).findings == ()  # of ref files, see guarantees.md 5.1
    for worker, found in enumerate(kept):
        for number, drawn in found.items():
            data = b"".join(repository.read(f"a{worker}:v{number}", "weights.bin"))
            assert data.startswith(f"worker {drawn} turn {drawn}\n".encode())


def test_writers_whose_lock_excludes_nobody_call_nothing_damaged(race: Any, repository: Repository) -> None:
    before = len(repository.history())

    given = race.run(*(("log_many", {"worker": n, "count": 10, "artifact": "a", "unlocked": True}) for n in range(15)))

    assert sorted(number for numbers in given for number in numbers) == list(range(150))
    assert [entry.seq for entry in repository.history()] == list(range(1, before + 151))
    assert repository.fsck(full=True, repair=True).findings == ()  # of ref files, see guarantees.md 5.1
