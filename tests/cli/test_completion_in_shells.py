"""Completion in the real shells, at a terminal: what the tab key puts into the line, and what it lists."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mreg.repository import Repository

PATIENCE = 120
PROMPT = "READY> "
TAB, ENTER, LEFT = "\t", "\r", "\x1b[D"

# Completes as the real one; else writes its arguments to a file, whole or not at all, one per line.
COMMAND = """\
#!/bin/sh
if [ "$1" = __complete ]; then exec {python} -m mreg "$@"; fi
for word in "$@"; do printf '%s\\n' "$word"; done >"{seen}.new"
mv "{seen}.new" "{seen}"
"""

START = {
    "bash": (["bash", "--noprofile", "--rcfile", "{rc}", "-i"], "PS1='{prompt}'; bind 'set bell-style none'\n"),
    "zsh": (
        ["zsh", "-d", "-i"],
        "PS1='{prompt}'; unsetopt beep prompt_sp; fpath=({folder} $fpath); autoload -U compinit; compinit -u\n",
    ),
    "fish": (
        ["fish", "-i"],
        "function fish_prompt; echo -n '{prompt}'; end\nset -g fish_greeting; set -g fish_autosuggestion_enabled 0\n",
    ),
}


class Terminal:
    """A shell that somebody types into."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path, seen: Path) -> None:
        self.shown = ""
        self._seen = seen
        self._pid, self._screen = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, environment)
        subprocess.run(["stty", "rows", "50", "cols", "140"], stdin=self._screen, check=True)
        self._wait(lambda: PROMPT in self.shown)

    def type(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def run(self, text: str) -> list[str]:
        """Type the line, with its tabs, and run it; the arguments that the command gets."""
        self._seen.unlink(missing_ok=True)
        self.type(text + ENTER)
        self._wait(self._seen.exists)
        return self._seen.read_text().splitlines()

    def look(self, text: str, until: str) -> str:
        """Type the text, and wait until that is shown; all that was shown since."""
        before = len(self.shown)
        self.type(text)
        self._wait(lambda: until in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.shown[before:]))
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.shown[before:])

    def close(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._screen)

    def _wait(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < end, self.shown
            if select.select([self._screen], [], [], 0.05)[0]:
                self.shown += os.read(self._screen, 65536).decode("utf-8", "replace")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder with a repository, and with files whose names need quoting."""
    work = tmp_path / "work"
    (work / "my runs").mkdir(parents=True)
    (work / "my runs" / "weights.bin").write_bytes(b"weights")
    with Repository.init(work, author="ann") as repo:
        repo.log(work / "my runs", "digits", aliases=["best"], links=["zoo"], metadata={"metrics": {"accuracy": 0.9}})
        repo.log(work / "my runs", "faces")
        repo.add_tags("zoo", ["on device"])
    return work


@pytest.fixture(params=START)
def shell(request: pytest.FixtureRequest, tmp_path: Path, work: Path) -> Iterator[Terminal]:
    """An interactive shell in that folder, which has loaded what `mreg completion` prints, and nothing of a person."""
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"there is no {name}: run `make shells`")
    home, programs, seen = tmp_path / "home", tmp_path / "bin", tmp_path / "seen"
    for folder in (home, programs):
        folder.mkdir()
    (programs / "mreg").write_text(COMMAND.format(python=sys.executable, seen=seen))
    (programs / "mreg").chmod(0o755)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "BASH", "FISH", "ZDOT"))},
        "HOME": str(home),
        "ZDOTDIR": str(home),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
    }
    install = [sys.executable, "-m", "mreg", "completion", name, "--install"]
    script = subprocess.run(install, env=environment, capture_output=True, check=True, text=True).stdout.strip()
    command, settings = START[name]
    rc = home / {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish"}[name]
    rc.parent.mkdir(parents=True, exist_ok=True)
    # Else fish, new to this home, reads all manual pages in the background, and goes on when the test has ended.
    (home / ".local/share/fish/generated_completions").mkdir(parents=True, exist_ok=True)
    text = settings.format(prompt=PROMPT, folder=Path(script).parent)
    rc.write_text(text + (f"source {script}\n" if name == "bash" else ""))
    terminal = Terminal([word.format(rc=rc) for word in command], environment, work, seen)
    yield terminal
    terminal.close()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("mreg resol{T}digits", ["resolve", "digits"]),
        ("mreg alias l{T}", ["alias", "ls"]),
        ("mreg log --artif{T}x", ["log", "--artifact", "x"]),
        ("mreg show dig{T}", ["show", "digits"]),
        ("mreg show digits:be{T}-n", ["show", "digits:best", "-n"]),
        ("mreg show 'digits:be{T}x", ["show", "digits:best", "x"]),
        ('mreg show "digits:be{T}', ["show", "digits:best"]),
        ("mreg log x --artifact=dig{T}", ["log", "x", "--artifact=digits"]),
        ("mreg ls digits --sort -metr{T}", ["ls", "digits", "--sort", "-metrics.accuracy"]),
        ("mreg ls digits --columns size,metr{T}", ["ls", "digits", "--columns", "size,metrics.accuracy"]),
        ("mreg tag rm zoo on{T}", ["tag", "rm", "zoo", "on device"]),
        ("mreg config get gc.gr{T}", ["config", "get", "gc.grace"]),
        ("mreg log my{T}wei{T}-a x", ["log", "my runs/weights.bin", "-a", "x"]),
        ("mreg log 'my{T}wei{T}-a", ["log", "my runs/weights.bin", "-a"]),
        ("mreg card zoo --file=my{T}wei{T}", ["card", "zoo", "--file=my runs/weights.bin"]),
        ("mreg get digits -o my{T}", ["get", "digits", "-o", "my runs"]),
        ("cd / && mreg -C ~/../work show fac{T}", ["-C", "{home}/../work", "show", "faces"]),
        ("cd / ; mreg --repo $HOME/../work show zoo:v{T}", ["--repo", "{home}/../work", "show", "zoo:v0"]),
        ("mreg annotate digits --meta metr{T}1", ["annotate", "digits", "--meta", "metrics.accuracy=1"]),
        ("mreg show fac{T} digits", ["show", "faces", "digits"]),
    ],
)
def test_tab_completes_what_was_begun(shell: Terminal, tmp_path: Path, typed: str, expected: list[str]) -> None:
    got = shell.run(typed.replace("{T}", TAB))

    assert [word.rstrip("/") for word in got] == [word.replace("{home}", str(tmp_path / "home")) for word in expected]


def test_tab_completes_a_word_in_the_middle_of_the_line(shell: Terminal) -> None:
    got = shell.run("mreg show dig --json" + LEFT * len(" --json") + TAB)

    assert got == ["show", "digits", "--json"]


def test_candidates_are_listed_where_there_are_several(shell: Terminal) -> None:
    shown = shell.look("mreg show digits:" + TAB + TAB, "latest")

    assert "best" in shown


def test_nothing_that_the_line_holds_is_run(shell: Terminal, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    line = f"mreg show '$(touch {marker})`touch {marker}`;touch {marker}"

    got = shell.run(line + TAB + TAB + "'")

    assert got[0] == "show"
    assert not marker.exists()


@pytest.mark.parametrize("circumstance", ["none", "damaged"])
def test_tab_is_silent_where_there_is_no_sound_repository(shell: Terminal, work: Path, circumstance: str) -> None:
    if circumstance == "none":
        shutil.rmtree(work / ".mreg")
    else:
        shutil.rmtree(work / ".mreg" / "artifacts")
        (work / ".mreg" / "artifacts").write_bytes(b"\0\xff")

    got = shell.run("mreg show dig" + TAB + "x")

    assert got == ["show", "digx"]
    assert "Traceback" not in shell.shown and "rror" not in shell.shown
