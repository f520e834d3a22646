"""DVC's outputs through the history of git, and GTO's tags."""

from __future__ import annotations

import json
import sys
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # where `git_repo` and `tools` are: test folders are no packages

import real_sources
import tools
from git_repo import GitRepo

from mreg.importers.faults import (
    MalformedSource,
    NeedsYaml,
    NothingToImport,
    OutsideSource,
    PartialVersion,
    UnknownCollection,
    WrongBytes,
)
from mreg.importers.git import Entry, Git, Tag
from mreg.importers.gto_tags import registered
from mreg.repository import Repository


def digest(data: bytes) -> str:
    return md5(data).hexdigest()


class Dvc(GitRepo):
    """As DVC lays it out, of release 3, or of release 2 and before. cache: where its cache is."""

    def __init__(self, folder: Path, *, old: bool = False) -> None:
        super().__init__(folder)
        self.old = old
        self.cache = folder / ".dvc" / "cache"
        self.write(".dvc/config", "")
        self.write(".gitignore", ".dvc/cache\n")

    def keep(self, data: bytes, ending: str = "", name: str = "") -> str:
        """Put it into the cache; its digest."""
        name = name or digest(data)
        place = self.cache / ("" if self.old else "files/md5") / name[:2] / (name[2:] + ending)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        return name + ending

    def keep_folder(self, files: dict[str, bytes]) -> str:
        rows = [{"md5": self.keep(data), "relpath": path} for path, data in sorted(files.items())]
        return self.keep(json.dumps(rows).encode(), ".dir")

    def out(self, path: str, md5: str, more: str = "") -> str:
        """An entry of `outs`."""
        return f"- path: {path}\n  md5: {md5}\n" + ("" if self.old else "  hash: md5\n") + more

    def add(self, path: str, data: bytes | dict[str, bytes], more: str = "") -> str:
        """As `dvc add` does; its digest."""
        name = self.keep(data) if isinstance(data, bytes) else self.keep_folder(data)
        self.write(f"{path}.dvc", "outs:\n" + self.out(path.rpartition("/")[2], name, more))
        return name


@pytest.fixture(params=[False, True], ids=["dvc3", "dvc2"])
def dvc(tmp_path: Path, request: pytest.FixtureRequest) -> Dvc:
    return Dvc(tmp_path / "project", old=request.param)


ARTIFACT = """artifacts:
  digits:
    path: models/m.bin
    type: classifier
    desc: reads digits
    labels: [vision, "on device"]
    meta: {framework: torch}
"""


def test_each_content_in_the_history_is_a_version_and_tags_of_gto_are_aliases(
    repo: Repository, dvc: Dvc, only_read: Any
) -> None:
    # given
    dvc.write("dvc.yaml", ARTIFACT)
    one = dvc.add("models/m.bin", b"one")
    first = dvc.commit("train")
    dvc.add("data", {"a/x.txt": b"x", "b.txt": b"b"})
    dvc.commit("data")
    two = dvc.add("models/m.bin", b"two")
    dvc.commit("train longer")
    for tag in ("digits@v1.0.0", "digits#prod#1"):
        dvc.tag(tag, first)
    for tag in ("digits@v1.1.0", "digits#prod#2", "digits#dev#3", "digits#dev!#4", "digits@v1.2.0", "digits@v1.2.0!"):
        dvc.tag(tag)

    # when
    with only_read(dvc.folder):
        done = repo.import_from(dvc.folder)

    # then
    assert done.system == "dvc"
    assert [(one.name, len(one.versions)) for one in done.collections] == [("data", 1), ("digits", 2)]
    versions = repo.versions("digits")
    assert [one.message for one in versions] == ["train", "train longer"]
    assert [(one.origin.id, one.origin.author) for one in versions if one.origin] == [(one, "eve"), (two, "eve")]
    assert versions[0].metadata == {"git": {"commit": first}, "meta": {"framework": "torch"}}
    assert versions[0].tags == ("on device", "vision")
    assert {one.alias: one.number for one in repo.aliases("digits")} == {"v1.0.0": 0, "v1.1.0": 1, "prod": 1}
    assert (repo.artifact("digits").type, repo.artifact("digits").description) == ("classifier", "reads digits")
    assert repo.properties("digits")["dvc.path"] == "models/m.bin"
    assert {file.path: b"".join(repo.read("data:v0", file.path)) for file in repo.files("data:v0")} == {
        "a/x.txt": b"x",
        "b.txt": b"b",
    }
    assert repo.fsck(full=True).findings == ()


def test_a_second_import_changes_nothing_and_one_after_a_commit_adds_exactly_that(repo: Repository, dvc: Dvc) -> None:
    dvc.add("m.bin", b"one")
    dvc.commit("one")
    repo.import_from(dvc.folder, artifact="m")
    assert repo.import_from(dvc.folder).added == ()
    assert len(repo.history()) == 1

    dvc.add("m.bin", b"two")
    dvc.commit("two")

    assert repo.import_from(dvc.folder).added == ("m:v1",)
    assert len(repo.history()) == 2


def test_stages_tell_metrics_params_and_inputs(repo: Repository, dvc: Dvc) -> None:
    # given
    data = dvc.add("data", {"x": b"x"})
    model, metrics = dvc.keep(b"model"), dvc.keep(b'{"acc": 0.5, "per": {"a": 1}}')
    dvc.write("dvc.yaml", "stages:\n  train:\n    cmd: x\n    metrics:\n    - metrics.json: {cache: false}\n")
    stage = "    cmd: x\n    deps:\n" + dvc.out("data", data) + "    params:\n      params.yaml: {lr: 0.1}\n    outs:\n"
    lock = f"  train:\n{stage}" + dvc.out("metrics.json", metrics) + dvc.out("model.bin", model)
    lines = lock.replace("\n- ", "\n    - ").replace("\n  md5", "\n      md5").replace("\n  hash", "\n      hash")
    dvc.write("dvc.lock", f"schema: '2.0'\nstages:\n{lines}")
    dvc.commit("train")

    # when
    done = repo.import_from(dvc.folder)

    # then
    assert [one.artifact for one in done.collections] == ["data", "model.bin"]
    version = repo.version("model.bin:v0")
    assert version.metadata["metrics"] == {"acc": 0.5, "per": {"a": 1}}
    assert version.metadata["params"] == {"lr": 0.1}
    assert [entry.reference for entry in version.inputs] == ["data:v0"]


def test_a_lock_without_schema_is_understood(repo: Repository, tmp_path: Path) -> None:
    dvc = Dvc(tmp_path / "old", old=True)
    dvc.write("dvc.lock", f"train:\n  cmd: x\n  outs:\n  - path: m.bin\n    md5: {dvc.keep(b'one')}\n")
    dvc.commit("one")

    assert repo.import_from(dvc.folder).added == ("m.bin:v0",)


def test_old_digests_of_texts_are_of_their_lines(repo: Repository, tmp_path: Path) -> None:
    dvc = Dvc(tmp_path / "old", old=True)
    name = dvc.keep(b"a\r\nb\r\n", name=digest(b"a\nb\n"))
    dvc.write("t.txt.dvc", "outs:\n" + dvc.out("t.txt", name))
    dvc.commit("one")

    repo.import_from(dvc.folder)

    assert b"".join(repo.read("t.txt:v0", "t.txt")) == b"a\r\nb\r\n"


def test_a_project_without_git_is_imported_as_it_is_now(repo: Repository, tmp_path: Path) -> None:
    dvc = Dvc(tmp_path / "plain")
    dvc.add("sub/m.bin", b"one")
    (dvc.folder / ".git").rename(tmp_path / "away")

    done = repo.import_from(dvc.folder)

    assert done.added == ("sub-m.bin:v0",)
    assert done.collections[0].renamed == {"sub/m.bin": "sub-m.bin"}


def test_what_is_not_chosen_does_not_matter(repo: Repository, dvc: Dvc) -> None:
    dvc.add("good.bin", b"one")
    dvc.add("bad.bin", b"two")
    dvc.commit("both")
    place = next(path for path in dvc.cache.rglob("*") if path.is_file() and path.read_bytes() == b"two")
    place.unlink()
    place.symlink_to("/etc/hostname")
    with pytest.raises(OutsideSource):
        repo.import_from(dvc.folder)

    done = repo.import_from(dvc.folder, only="good.bin", partial=True)

    assert (done.added, done.notes) == (("good.bin:v0",), ())


def test_a_shared_cache_is_read_only_where_it_is_named(repo: Repository, dvc: Dvc, tmp_path: Path) -> None:
    # given
    dvc.cache = tmp_path / "shared"
    dvc.write(".dvc/config", "[cache]\n    dir = ../../shared\n")
    dvc.add("m.bin", b"one")
    dvc.commit("one")

    # when
    with pytest.raises(OutsideSource) as refused:
        repo.import_from(dvc.folder)

    # then
    assert refused.value.hint == f"to allow it, add `--data {tmp_path / 'shared'}`"
    assert repo.import_from(dvc.folder, data=[str(tmp_path / "shared")]).added == ("m.bin:v0",)


@pytest.mark.parametrize(
    "subject", ["a\x01b", f"\x01{'a' * 40}", f"\x01{'a' * 40} 12", "\x0c\x1c\x85\u2028x", "\x7f\x1b[2J"]
)
def test_subjects_with_control_characters_hide_no_commit(repo: Repository, dvc: Dvc, subject: str) -> None:
    for n in range(2):
        dvc.add("m.bin", b"%d" % n)
        dvc.commit(subject)
        dvc.git("tag", "-a", f"m@v{n}.0.0", "-m", subject)
    dvc.write("dvc.yaml", "artifacts: {m: {path: m.bin}}")
    dvc.commit(subject)

    repo.import_from(dvc.folder)

    assert [b"".join(repo.read(one.name, "m.bin")) for one in repo.versions("m")] == [b"0", b"1"]
    assert {one.alias: one.number for one in repo.aliases("m")} == {"v0.0.0": 0, "v1.0.0": 1}


def test_where_nothing_of_what_was_asked_for_can_be_imported_it_says_why(repo: Repository, dvc: Dvc) -> None:
    dvc.write("gone.bin.dvc", "outs:\n" + dvc.out("gone.bin", digest(b"gone")))
    dvc.commit("one")
    with pytest.raises(
        NothingToImport, match=r"nothing tracked by DVC that can be imported; gone\.bin \w+ is left out"
    ):
        repo.import_from(dvc.folder, partial=True)
    dvc.add("m.bin", b"one")
    dvc.commit("two")

    with pytest.raises(UnknownCollection) as refused:
        repo.import_from(dvc.folder, only=["gone.bin"], partial=True)

    assert refused.value.hint == f"gone.bin {digest(b'gone')} is left out: the cache does not contain it"


class TestMissing:
    @pytest.fixture
    def lacking(self, dvc: Dvc) -> Dvc:
        """The cache lacks the first content of a file, and one file of a folder."""
        for data in (b"one", b"two"):
            dvc.add("m.bin", data)
            dvc.add("data", {"x": data, "y": data + b"y"})
            dvc.commit(data.decode())
        for data in (b"one", b"oney"):
            next(dvc.cache.rglob(digest(data)[2:])).unlink()
        return dvc

    def test_versions_that_the_cache_lacks_are_refused(self, repo: Repository, lacking: Dvc) -> None:
        with pytest.raises(PartialVersion):
            repo.import_from(lacking.folder)
        assert repo.history() == []

    def test_they_are_left_out_where_partial_ones_are_wanted(self, repo: Repository, lacking: Dvc) -> None:
        done = repo.import_from(lacking.folder, partial=True)

        assert len(repo.versions("m.bin")) == 1
        assert len(repo.versions("data")) == 1, "of the first, all files are gone"
        assert [note.split(" ")[0] for note in done.notes] == ["data", "m.bin"]


class TestDamage:
    def test_bytes_that_are_not_of_their_digest_are_refused(self, repo: Repository, dvc: Dvc) -> None:
        dvc.add("m.bin", b"one")
        dvc.commit("one")
        next(dvc.cache.rglob(digest(b"one")[2:])).write_bytes(b"eno")

        with pytest.raises(WrongBytes, match=r"m\.bin"):
            repo.import_from(dvc.folder)

    def test_a_listing_that_is_not_of_its_digest_is_refused(self, repo: Repository, dvc: Dvc) -> None:
        dvc.keep(b"secret")
        dvc.add("data", {"x": b"x"})
        dvc.commit("one")
        next(dvc.cache.rglob("*.dir")).write_text(json.dumps([{"md5": digest(b"secret"), "relpath": "x"}]))

        with pytest.raises(WrongBytes):
            repo.import_from(dvc.folder)

    @pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", ".git/config", ""])
    def test_a_listing_that_leads_elsewhere_is_refused(self, repo: Repository, dvc: Dvc, path: str) -> None:
        dvc.add("data", {path: b"x"})
        dvc.commit("one")

        with pytest.raises(MalformedSource):
            repo.import_from(dvc.folder)

        assert repo.history() == []

    @pytest.mark.parametrize("name", ["../../../etc/passwd", "ab/../../x", "a" * 31, "A" * 32, "", 5, None, ["x"]])
    def test_a_digest_that_is_a_path_is_none(self, repo: Repository, dvc: Dvc, name: Any) -> None:
        dvc.write("m.bin.dvc", f"outs:\n- path: m.bin\n  md5: {json.dumps(name)}\n")
        dvc.commit("one")

        with pytest.raises(NothingToImport):
            repo.import_from(dvc.folder)

    @pytest.mark.parametrize(
        "text",
        [
            "outs: [*a]",
            "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
            "outs: " + "[" * 100_000,
            "outs:\n- path: !!python/object/apply:os.system ['touch owned']",
            "\t\0",
            "outs: {",
            "- " * 5000,
        ],
        ids=["alias", "bomb", "deep", "code", "control", "open", "lists"],
    )
    def test_hostile_yaml_is_refused(self, repo: Repository, dvc: Dvc, text: str, tmp_path: Path) -> None:
        dvc.write("m.bin.dvc", text)
        dvc.commit("one")

        with pytest.raises(MalformedSource, match=r"m\.bin\.dvc"):
            repo.import_from(dvc.folder)

        assert not list(tmp_path.rglob("owned"))

    def test_a_bad_file_in_the_history_is_named_and_the_rest_is_imported(self, repo: Repository, dvc: Dvc) -> None:
        # given
        dvc.add("good.bin", b"good")
        dvc.write("bad.bin.dvc", "outs: {")
        bad = dvc.commit("a merge went wrong")
        dvc.write("dvc.yaml", "artifacts: [")
        dvc.add("bad.bin", b"mended")
        dvc.commit("mended")

        # when
        done = repo.import_from(dvc.folder, dry_run=True)

        # then
        assert [one.name for one in done.collections] == ["bad.bin", "good.bin"]
        assert [note.partition(" is ")[0] for note in done.notes] == [
            f"'bad.bin.dvc' of commit {bad[:12]}",
            f"'dvc.yaml' of commit {dvc.git('rev-parse', 'HEAD').strip()[:12]}",
        ]
        assert len(repo.import_from(dvc.folder).added) == 2

    @pytest.mark.parametrize(
        ("path", "why"),
        [
            ("s3://bucket/m.bin", "elsewhere"),
            ("/etc/passwd", "absolute"),
            ("m.bin", "no MD5"),
        ],
    )
    def test_an_output_that_is_not_imported_is_named(self, repo: Repository, dvc: Dvc, path: str, why: str) -> None:
        dvc.add("good.bin", b"good")
        name = "etag" if path == "m.bin" else dvc.keep(b"x")
        dvc.write("other.dvc", "outs:\n" + dvc.out(path, name))
        dvc.commit("one")
        dvc.write("other.dvc", "outs:\n" + dvc.out(path, name) + "meta: {a: 1}\n")
        dvc.commit("the same again")

        done = repo.import_from(dvc.folder)

        assert done.added == ("good.bin:v0",)
        assert [note for note in done.notes if path in note and why in note] == list(done.notes)
        assert len(done.notes) == 1

    def test_shapes_that_dvc_does_not_write_are_nothing(self, repo: Repository, dvc: Dvc) -> None:
        for n, text in enumerate(["", "3", "outs: 3", "outs: [3]", "outs: [{path: [1], md5: {}}]", "outs: {a: b}"]):
            dvc.write(f"{n}.dvc", text)
        dvc.write("dvc.lock", "schema: '2.0'\nstages: {a: 3, b: {outs: 4, deps: 5, params: [6]}}")
        dvc.write("dvc.yaml", "artifacts: {a: 3, b: {path: [1]}}\nstages: [1]\nmetrics: {x: y}")
        dvc.commit("one")

        with pytest.raises(NothingToImport):
            repo.import_from(dvc.folder)


def test_git_runs_no_program_that_the_repository_names(repo: Repository, dvc: Dvc, tmp_path: Path) -> None:
    # given
    dvc.add("m.bin", b"one")
    dvc.commit("one")
    script = tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/owned\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "gpg.program", "core.sshCommand", "diff.external", "core.editor"):
        dvc.git("config", key, str(script))
    dvc.git("config", "log.showSignature", "true")
    dvc.git("config", "protocol.ext.allow", "always")
    dvc.write(".git/hooks/post-checkout", script.read_text())
    dvc.sign("-----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----")
    dvc.git("log", "-1")
    assert (tmp_path / "owned").exists(), "git would run it"
    (tmp_path / "owned").unlink()

    # when
    repo.import_from(dvc.folder)

    # then
    assert not (tmp_path / "owned").exists()


def test_without_pyyaml_it_says_what_to_install(repo: Repository, dvc: Dvc, monkeypatch: pytest.MonkeyPatch) -> None:
    dvc.add("m.bin", b"one")
    dvc.commit("one")
    monkeypatch.setitem(sys.modules, "yaml", None)

    with pytest.raises(NeedsYaml):
        repo.import_from(dvc.folder)


class TestGtoInGit:
    """Artifacts whose files lie in git."""

    @pytest.fixture
    def project(self, tmp_path: Path) -> GitRepo:
        git = GitRepo(tmp_path / "project")
        git.write("dvc.yaml", ARTIFACT.replace("models/m.bin", "models/digits"))
        for number in (1, 2):
            git.write("models/digits/weights.bin", f"weights {number}")
            git.write("models/digits/sub/config.json", "{}")
            git.commit(f"commit {number}")
            git.tag(f"digits@v{number}.0.0")
        git.tag("digits#prod#1")
        git.tag("other@v1.0.0")
        return git

    def test_registered_versions_and_stages_arrive(self, repo: Repository, project: GitRepo, only_read: Any) -> None:
        with only_read(project.folder):
            done = repo.import_from(project.folder)

        assert done.system == "gto"
        assert [one.message for one in repo.versions("digits")] == ["digits v1.0.0", "digits v2.0.0"]
        assert {one.alias: one.number for one in repo.aliases("digits")} == {"v1.0.0": 0, "v2.0.0": 1, "prod": 1}
        assert b"".join(repo.read("digits:v1.0.0", "weights.bin")) == b"weights 1"
        assert [file.path for file in repo.files("digits:prod")] == ["sub/config.json", "weights.bin"]
        assert len(done.notes) == 1 and "'other'" in done.notes[0]
        assert repo.import_from(project.folder).added == ()
        project.tag("digits@v3.0.0")
        assert repo.import_from(project.folder).added == ("digits:v2",)

    @pytest.mark.parametrize("path", ["sub/dvc.yaml", "old/artifacts.yaml"])
    def test_a_file_that_is_not_understood_is_named_and_the_rest_is_imported(
        self, repo: Repository, project: GitRepo, path: str
    ) -> None:
        project.write(path, "a: &a [*a]")
        project.commit("bad")

        done = repo.import_from(project.folder)

        assert done.added == ("digits:v0", "digits:v1")
        assert [note for note in done.notes if repr(path) in note and "YAML aliases" in note]

    def test_where_nothing_is_understood_that_is_the_refusal(self, repo: Repository, project: GitRepo) -> None:
        project.write("dvc.yaml", "{")
        project.commit("bad")

        with pytest.raises(MalformedSource, match="not YAML"):
            repo.import_from(project.folder)

    def test_a_file_or_a_folder_without_git_is_not_asked_for_tags(self, repo: Repository, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")

        with pytest.raises(NothingToImport, match="no version that GTO registered"):
            repo.import_from(tmp_path / "file", "gto")

    def test_without_git_it_says_so(
        self, repo: Repository, project: GitRepo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

        with pytest.raises(MalformedSource, match="git is not installed"):
            repo.import_from(project.folder, "gto")

    def test_tags_without_files_are_named_in_the_refusal(self, repo: Repository, project: GitRepo) -> None:
        project.write("dvc.yaml", "")
        project.commit("nothing declared")

        with pytest.raises(NothingToImport, match="the tags of artifact 'digits' are left out"):
            repo.import_from(project.folder)

    def test_a_pointer_of_git_lfs_is_no_model(self, repo: Repository, project: GitRepo) -> None:
        project.write("models/digits/big.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
        project.commit("lfs")
        project.tag("digits@v3.0.0")

        with pytest.raises(PartialVersion, match=r"big\.bin"):
            repo.import_from(project.folder)

    def test_only_files_of_new_versions_that_were_asked_for_are_read(
        self, repo: Repository, project: GitRepo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # given
        project.write("dvc.yaml", "artifacts: {digits: {path: models/digits}, other: {path: other.bin}}")
        project.write("other.bin", "other")
        project.commit("other")
        project.tag("other@v2.0.0")
        written: list[str] = []
        write = Git.write

        def recording(git: Git, entry: Entry, path: str) -> None:
            written.append(entry.path)
            write(git, entry, path)

        monkeypatch.setattr(Git, "write", recording)

        # when
        planned = repo.import_from(project.folder, dry_run=True)
        after_plan = list(written)
        repo.import_from(project.folder, only=["digits"])
        after_one = sorted({*written})
        written.clear()
        rest = repo.import_from(project.folder)

        # then
        assert [(one.name, one.versions[-1].size) for one in planned.collections] == [("digits", 11), ("other", 5)]
        assert after_plan == []
        assert after_one == ["models/digits/sub/config.json", "models/digits/weights.bin"]
        assert (rest.added, written) == (("other:v0",), ["other.bin"])

    def test_what_is_wrong_with_another_artifact_keeps_nobody_from_importing_one(
        self, repo: Repository, project: GitRepo
    ) -> None:
        # given
        project.write("dvc.yaml", "artifacts: {digits: {path: models/digits}, other: {path: other.bin}}")
        project.write("other.bin", "other")
        project.commit("other")
        project.tag("other@v2.0.0")
        project.tag("third@v1.0.0")
        blob = project.git("rev-parse", "HEAD:other.bin")
        (project.folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()

        # when
        done = repo.import_from(project.folder, only=["digits"])

        # then
        assert (done.added, done.notes) == (("digits:v0", "digits:v1"), ())
        with pytest.raises(PartialVersion, match=r"other v2.0.0 is incomplete: 'other.bin' is not there"):
            repo.import_from(project.folder)

    def test_files_stay_executable(self, repo: Repository, project: GitRepo) -> None:
        project.write("models/digits/run.sh", "#!/bin/sh\n")
        (project.folder / "models/digits/run.sh").chmod(0o755)
        project.commit("a script")
        project.tag("digits@v3.0.0")

        repo.import_from(project.folder)

        assert [one.path for one in repo.files("digits") if one.executable] == ["run.sh"]


def test_tags_of_gto_are_understood() -> None:
    # given
    names = [
        "a@v1.0.0", "a@v1.1.0-rc.1+b", "a#prod#1", "a#prod#2", "a#prod!#3", "a#dev", "dir=b@v0.1.0", "c@deprecated",
        "c@v1.0.0", "c@v1.0.0!", "v1.0.0", "a@v1", "a#", "@v1.0.0", "a#-x", "a@v1.0.0 ", "x y@v1.0.0",
    ]  # fmt: skip
    commits = {"a#prod#1": "one", "a#prod#2": "two", "a#prod!#3": "two"}

    # when
    told = registered(Tag(name, commits.get(name, "x"), "eve", float(at)) for at, name in enumerate(names))

    # then
    assert told.keys() == {"a", "dir:b", "c"}
    assert told["a"].versions.keys() == {"v1.0.0", "v1.1.0-rc.1+b"}
    assert {stage: tag.commit for stage, tag in told["a"].stages.items()} == {"prod": "one", "dev": "x"}
    assert (told["c"].versions, told["c"].deprecated) == ({}, True)


@tools.needs("dvc")
class TestRealTool:
    def test_what_dvc_and_gto_keep_arrives(self, repo: Repository, tmp_path: Path) -> None:
        # given
        project = real_sources.dvc(tmp_path).path

        # when
        done = repo.import_from(project)

        # then
        assert [(one.name, len(one.versions)) for one in done.collections] == [("data", 1), ("digits", 3)]
        versions = repo.versions("digits")
        assert [one.metadata["params"] for one in versions] == [{"lr": 0.1}, {"lr": 0.2}, {"lr": 0.3}]
        assert [one.metadata["metrics"] for one in versions] == [{"acc": 0.5}] * 3
        assert [entry.reference for entry in versions[2].inputs] == ["data:v0"]
        assert {one.alias: one.number for one in repo.aliases("digits")} == {
            **{"v0.0.1": 0, "v0.0.2": 1, "v0.0.3": 2},
            **{"prod": 1, "dev": 2},
        }
        assert b"".join(repo.read("digits:dev", "model.bin")) == (project / "model.bin").read_bytes()
        assert repo.import_from(project).added == ()
        assert done.notes == ()
