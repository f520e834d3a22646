"""A git repository that a test writes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


class GitRepo:
    """Each commit, and each tag, is a minute later than the one before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._time = 1_700_000_000
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in self._signature()},
        }
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def _signature(self) -> list[tuple[str, str]]:
        return [("NAME", "eve"), ("EMAIL", "eve@example.org"), ("DATE", f"{self._time} +0000")]

    def write(self, path: str, data: str | bytes) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.encode() if isinstance(data, str) else data)

    def commit(self, subject: str) -> str:
        """All that was written; its name."""
        self._time += 60
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def tag(self, name: str, commit: str = "HEAD") -> None:
        self._time += 60
        self.git("tag", "-a", name, "-m", name, commit)

    def sign(self, signature: str) -> None:
        """Give the newest commit a signature, which git may have a program look at."""
        head, _, rest = self.git("cat-file", "commit", "HEAD").partition("\n\n")
        place = self.folder / ".git" / "signed"
        place.write_text(f"{head}\ngpgsig {signature}\n\n{rest}\n")
        self.git("update-ref", "HEAD", self.git("hash-object", "-t", "commit", "-w", str(place)))
