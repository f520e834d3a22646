"""What is recorded of the git checkout that a version is logged from."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mreg.operations import capture as module, interpreter
from mreg.operations.capture import UnknownCapture, capture
from mreg.operations.interpreter import CannotAsk
from mreg.repository import Repository

Git = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """Run git in a folder of its own, of nobody's settings."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in [name for name in os.environ if name.startswith("GIT_") and name != "GIT_CONFIG_NOSYSTEM"]:
        monkeypatch.delenv(name)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ann")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ann@example.com")

    def git(*arguments: str, at: str = "work") -> str:
        (tmp_path / at).mkdir(exist_ok=True)
        done = subprocess.run(["git", *arguments], cwd=tmp_path / at, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    return git


@pytest.fixture
def work(git: Git, tmp_path: Path) -> Path:
    """A checkout with one commit."""
    git("init", "-q", "-b", "main")
    (tmp_path / "work" / "train.py").write_text("print(1)\n")
    (tmp_path / "work" / "sub").mkdir()
    (tmp_path / "work" / "sub" / "more.py").write_text("print(2)\n")
    git("add", ".")
    git("commit", "-qm", "first")
    return tmp_path / "work"


def test_a_clean_checkout_is_told_by_commit_and_branch(work: Path, git: Git) -> None:
    (work / "untracked.txt").write_text("1")

    found = capture("git", folder=work)

    assert found == {"git": {"commit": git("rev-parse", "HEAD"), "branch": "main", "dirty": False}}


@pytest.mark.parametrize("staged", [False, True])
def test_a_checkout_with_changes_is_dirty(staged: bool, work: Path, git: Git) -> None:
    (work / "train.py").write_text("print(3)\n")
    if staged:
        git("add", ".")

    assert capture("git", folder=work)["git"]["dirty"] is True


def test_the_folder_within_the_checkout_is_told(work: Path) -> None:
    assert capture("git", folder=work / "sub")["git"]["path"] == "sub"


def test_a_detached_head_has_no_branch(work: Path, git: Git) -> None:
    git("checkout", "-q", "--detach")

    assert capture("git", folder=work)["git"].keys() == {"commit", "dirty"}


def test_a_second_working_tree_is_told_like_the_first(work: Path, git: Git) -> None:
    git("worktree", "add", "-q", "-b", "other", "../other")

    assert capture("git", folder=work.parent / "other")["git"]["branch"] == "other"


def test_a_submodule_is_told_as_the_checkout_that_it_is(work: Path, git: Git, tmp_path: Path) -> None:
    git("init", "-q", "-b", "trunk", at="library")
    (tmp_path / "library" / "layers.py").write_text("1\n")
    git("add", ".", at="library")
    git("commit", "-qm", "layers", at="library")
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "library"), "library")
    git("commit", "-qm", "with library")

    clean, inner = capture("git", folder=work)["git"], capture("git", folder=work / "library")["git"]
    (work / "library" / "layers.py").write_text("2\n")
    changed = capture("git", folder=work)["git"]

    assert clean == {"commit": git("rev-parse", "HEAD"), "branch": "main", "dirty": False}
    assert inner["commit"] == git("rev-parse", "HEAD", at="library") and inner["branch"] == "trunk"
    assert inner["remote"] == str(tmp_path / "library")
    assert changed["dirty"] is True, "what is trained with has changed"
    assert capture("git", folder=work / "library")["git"]["dirty"] is True


def test_nothing_is_told_of_a_checkout_without_commit(git: Git, tmp_path: Path) -> None:
    git("init", "-q")

    assert capture("git", folder=tmp_path / "work") == {}


def test_nothing_is_told_of_a_bare_repository(git: Git, tmp_path: Path) -> None:
    git("init", "-q", "--bare", ".git")

    assert capture("git", folder=tmp_path / "work" / ".git") == {}


def test_nothing_is_told_outside_of_a_checkout_and_no_program_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("a program was started"))

    assert capture("git", folder=tmp_path) == {}


def test_nothing_is_told_where_there_is_no_git(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(work))

    assert capture("git", folder=work) == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_nothing_is_told_of_a_checkout_that_git_does_not_trust(work: Path) -> None:
    for path in (work, work / ".git"):
        os.chown(path, 4242, 4242)

    assert capture("git", folder=work) == {}


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://user:token@example.com/a/b.git", "https://example.com/a/b.git"),
        ("https://token@example.com/a/b.git", "https://example.com/a/b.git"),
        ("https://example.com/a?private_token=x", "https://example.com/a"),
        ("ssh://git@example.com:22/a", "ssh://example.com:22/a"),
        ("git@example.com:a/b.git", "git@example.com:a/b.git"),
        ("../elsewhere", "../elsewhere"),
    ],
)
def test_a_remote_is_told_without_credentials(url: str, told: str, work: Path, git: Git) -> None:
    git("remote", "add", "upstream", "https://example.com/other")
    git("remote", "add", "origin", url)

    assert capture("git", folder=work)["git"]["remote"] == told


def test_the_checkout_is_not_written_to(work: Path) -> None:
    (work / "train.py").write_text("print(1)\n")  # the same, with another time: git would write that down
    os.utime(work / "train.py", (1, 1))
    before = {path: path.stat().st_mtime_ns for path in (work / ".git").rglob("*")}

    capture("git", folder=work)

    assert {path: path.stat().st_mtime_ns for path in (work / ".git").rglob("*")} == before


def test_a_program_that_the_checkout_names_is_not_started(work: Path, git: Git) -> None:
    spy = work.parent / "spy"
    spy.write_text(f"#!/bin/sh\ntouch {work.parent}/started\n")
    spy.chmod(0o755)
    git("config", "core.fsmonitor", str(spy))

    capture("git", folder=work)

    assert not (work.parent / "started").exists()


def test_git_that_takes_too_long_leaves_out_whether_there_are_changes(
    work: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = git("rev-parse", "HEAD")
    slow = work.parent / "bin" / "git"
    slow.parent.mkdir()
    real = subprocess.run(["sh", "-c", "command -v git"], capture_output=True, text=True, check=True).stdout.strip()
    slow.write_text(f'#!/bin/sh\ncase "$*" in *status*) exec sleep 60 ;; esac\nexec {real} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(module, "PATIENCE", 0.2)

    assert capture("git", folder=work) == {"git": {"commit": commit}}


def test_the_interpreter_that_asks_is_told_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "--lr", "1"])

    found = capture("python", "packages", "argv", "gpu")

    assert found["env"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert any(one.startswith("numpy==") for one in found["env"]["packages"])
    assert found["source"] == {"argv": ["train.py", "--lr", "1"]}


def test_another_interpreter_is_asked_without_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json.py", "platform.py", "sitecustomize.py"):
        (tmp_path / name).write_text("raise SystemExit('run from the working folder')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    found = capture("python", "packages", "gpu", python=sys.executable)

    assert found["env"]["python"] == sys.version.split()[0]
    assert any(one.startswith("pytest==") for one in found["env"]["packages"])


def test_an_interpreter_that_takes_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "PATIENCE", 0.2)
    slow = tmp_path / "python"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)

    with pytest.raises(CannotAsk, match="it took more than 0 seconds"):
        capture("packages", python=slow)


@pytest.mark.parametrize("text", ["cuda: Optional[str] = '12.4'", "cuda = '12.4'", "cuda = None", "cuda = '';evil"])
def test_the_cuda_of_a_torch_is_read_and_torch_not_loaded(text: str, tmp_path: Path) -> None:
    torch = tmp_path / "torch"
    torch.mkdir()
    (torch / "__init__.py").write_text("raise SystemExit('torch was loaded')")
    (torch / "version.py").write_text(f"__version__ = '2.5.1'\n{text}\n")
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\nshift 2\nexec "{sys.executable}" -c "import sys; sys.path.insert(0, {str(tmp_path)!r})\n$1"\n'
    )
    python.chmod(0o755)

    found = capture("gpu", python=python)

    assert found.get("env", {}).get("cuda") == ("12.4" if "12.4" in text else None)


def test_the_active_environment_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)

    assert interpreter.active() == str(tmp_path / "bin" / "python")


def test_what_cannot_be_recorded_is_refused() -> None:
    with pytest.raises(UnknownCapture, match="'weather'"):
        capture("git", "weather")


def test_a_new_version_has_what_was_captured_and_what_was_said_wins(
    repo: Repository, folder: Callable[..., str]
) -> None:
    captured = {"git": {"commit": "abc", "dirty": True}}

    repo.log(folder({"a": b"1"}), "net", captured=captured, metadata={"git": {"commit": "mine"}, "x": 1})

    assert repo.version("net").metadata == {"git": {"commit": "mine", "dirty": True}, "x": 1}


def test_nothing_is_captured_onto_a_version_that_has_the_content_already(
    repo: Repository, folder: Callable[..., str]
) -> None:
    repo.log(folder({"a": b"1"}), "net")

    again = repo.log(folder({"a": b"1"}), "net", captured={"git": {"commit": "abc"}}, aliases=["best"])

    assert (again.created, repo.version("net").metadata) == (False, {})
