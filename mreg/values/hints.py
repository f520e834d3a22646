"""Hints: what to do about an error, one line per code, in the words of the command line.

They stand beside the errors, so that Python programs and tracebacks show them too.
"""

from __future__ import annotations

from collections.abc import Callable

from mreg.values import names
from mreg.values.errors import Damaged, MregError

HINTS: dict[str, str] = {
    "not-a-report": "choose another name: `mreg html NAME.html`, or a new folder",
    "no-repository": "make one with `mreg init`, or choose one with `-C DIR`, `--repo` or MREG_REPO",
    "unknown-name": "list what exists with `mreg ls`",
    "unknown-artifact": "list artifacts with `mreg artifact ls`",
    "unknown-model": "list registered models with `mreg model ls`",
    "unknown-version": "list the versions with `mreg ls {name}`",
    "other-type": "`mreg link --force` links it anyway; `mreg model create --type` creates a model for another type",
    "not-here": "list the versions with `mreg ls {name}`",
    "numbers-given": "numbers are never reused; choose another name",
    "deleted-version": "list the versions with `mreg ls {name}`; `mreg history {name}` shows which entry to undo",
    "deleted-elsewhere": "list the versions with `mreg ls {last}`; `mreg history {last}` shows which entry to undo",
    "renamed-version": "use {now}; `mreg history {name}` shows who renamed it",
    "unknown-alias": "list its aliases with `mreg alias ls {name}`",
    "unknown-remote": "list remotes with `mreg remote ls`; in a reference, a slash follows the remote",
    "no-such-place": "list remotes with `mreg remote ls`, or add one with `mreg remote add {name} LOCATION`",
    "remote-exists": "`mreg remote set {name} LOCATION` gives it another location",
    "untrusted-remote": "store it in your own settings: `mreg remote add {name} LOCATION --user`",
    "remotes-elsewhere": "store them in your own settings: `mreg remote add --user`",
    "no-server": "check the network and the address",
    "needs-ssh": "pip install 'mreg[ssh]'",
    "unknown-host": "`ssh HOST` shows and stores its key; if the key has changed, first ask the server's administrator",
    "not-let-in": "`ssh HOST` must work without a password: check the user name, your agent and ~/.ssh/config",
    "sftp-fault": "inspect the folder there with `ssh HOST`",
    "bad-answer": "check with `curl` whether it serves a copy of a repository",
    "only-to-read": "write to the original repository, or `mreg clone` this copy",
    "not-listed": "`mreg clone` it, or copy it to a folder, and search there",
    "only-here": "pull it first: `mreg pull {reference}`",
    "several-repositories": "search them one after the other",
    "unknown-file": "list the files with `mreg files {version}`",
    "unmatched-pattern": "list all tensors with `mreg diff {before} {after} --tensors --all`",
    "nothing-included": "list the files with `mreg files {version}`",
    "unknown-attachment": "`mreg show {owner}` lists its attachments",
    "unknown-property": "`mreg show {owner}` lists its properties",
    "unknown-action": "write one of {known}",
    "unknown-tag": "list tags with `mreg tag ls`",
    "unknown-setting": "list the settings with `mreg config ls`, your own with `mreg config ls --user`",
    "unknown-command": "list the commands with `{where} --help`",
    "unknown-topic": "list commands and topics with `mreg help`",
    "empty": "log one with `mreg log PATH --artifact NAME`, or link one with `mreg link REFERENCE {name}`",
    "unknown-shell": "write bash, zsh or fish",
    "foreign-script": "inspect it and move it away, or load the output of `mreg completion SHELL` yourself",
    "no-place": "set it, or write the output of `mreg completion SHELL` to a file of your own",
    "ambiguous-digest": "give more digits, or a version number",
    "alias-moved": "`mreg alias ls` shows where aliases are, `mreg history` who moved them",
    "not-then": "`mreg history {name}` shows what happened when",
    "unknown-metric": "`mreg metrics {name}` lists the existing ones",
    "not-logarithmic": "omit --log, or select versions with --where",
    "not-of-an-artifact": "artifacts have only gc.keep-last, gc.older-than, gc.keep-best and gc.keep-where",
    "invalid-ttl": "give seconds, such as 30 * 86400 for 30 days",
    "cannot-ask": "name the interpreter used for training with --python PATH, or leave it out with --capture git",
    "invalid-best": "write one such as max:metrics.acc:3 or min:metrics.loss:3",
    "no-earlier-place": "`mreg history {name}:{alias}` shows where it was",
    "ref-moved": "undo entry {by} first, or move it by hand; `mreg history --since {seq}` shows later changes",
    "already-undone": "`mreg undo {by}` makes the change again",
    "cannot-undo": "first undo the later changes that conflict with it; `mreg history --since {seq}` shows them",
    "given-up": "log the files again, if you still have them",
    "name-taken": "choose another name; `mreg ls` lists those in use",
    "held": "move or remove what holds it, or repeat the command with --force",
    "not-empty": "remove them first, or repeat the command with --force",
    "missing-path": "check the path",
    "unknown-source": "name the tool with `--from`: {kinds}; or `mreg log PATH --artifact NAME` logs it as a version",
    "several-kinds": "choose one of them with `--from`",
    "unknown-kind": "write one of {kinds}",
    "nothing-to-import": "check the path; `mreg import --help` lists what can be imported",
    "malformed-source": "nothing was imported; inspect the file with the tool that wrote it",
    "outside-source": "to allow it, add `--data {folder}`",
    "wrong-bytes": "nothing was imported; fetch the file again with the source's own tool",
    "partial-version": "name the folder that has the rest with `--data DIR`, fetch it with the source's own tool, "
    "or import what is there with `--partial`",
    "several-collections": "choose one of them with `--only NAME`",
    "unknown-collection": "`mreg import --dry-run` lists what the source holds",
    "not-imported-here": "choose another name with `--artifact NAME`, or add to this one with `--artifact {artifact}`",
    "artifact-moved": "repeat the command",
    "needs-yaml": "pip install 'mreg[import]'",
    "same-repository": "name another repository",
    "nothing-chosen": "name versions as NAME:vN, or add `--all`",
    "damaged-there": "run `mreg fsck --full --repo {location}` to list all damage there",
    "missing-chunk": "run `mreg fsck --repo {location}` to list all damage and the affected versions",
    "numbers-taken": "nothing was changed; with `--renumber` they get the next free numbers",
    "annotations-differ": "make both sides equal, for example with `mreg annotate`, and repeat the command",
    "alias-elsewhere": "compare both; to move it there, run `mreg alias set … --repo {location}`",
    "diverged": "somebody wrote to it: delete it, or name another location; `mreg push` copies versions there",
    "no-mirror": "name another location; `mreg push` copies versions to another repository",
    "bundle-is-done": "write a new one: `mreg bundle create FILE REFERENCE… --since {path}`",
    "damaged-bundle": "nothing was changed; copy it again, or recreate it with `mreg bundle create`",
    "bundle-exists": "choose another name, or delete it",
    "no-file-name": "`mreg bundle create FILE REFERENCE…`, or `mreg bundle create - REFERENCE… | …`",
    "bundle-busy": "wait until it is done, then repeat the command",
    "alias-stays": "`mreg alias ls` lists the existing aliases",
    "name-stays": "name the artifact of a chosen version, or with `--links` a registered model",
    "name-unfit": "repeat the command with `--as {origin}={proposed}`",
    "target-changed": "repeat the command",
    "nothing-to-log": "add files, or check whether --include, --exclude or .mregignore leaves all of them out",
    "unsupported-file": "remove it, or leave it out with `--exclude`",
    "unreadable-file": "check its type and permissions; `mreg log --exclude` leaves it out",
    "overwritten": "write each checkpoint to a new file, or pass `background=False`",
    "source-changed": "wait until the program that writes it is done, then repeat the command",
    "unsafe-destination": "name another destination",
    "no-paths": "see `mreg log --help`",
    "no-content": "give the path of a file, bytes, or a binary stream",
    "nothing-to-remove-from": "name the version with `--onto`",
    "name-not-held": "write to another file system, or leave it out with `mreg get --exclude`",
    "invalid-source": "`--input-file` records files, `--input-uri` addresses without passwords and signatures",
    "would-lose": "move them away, or repeat the command with --force, which removes them too",
    "untrusted": "if you trust {owner}, run `mreg config set --user safe.directory {location!r}`, or set MREG_SAFE",
    "link-in-repository": "replace it with its target, or remove it",
    "not-all-shared": "their owners, or root, must run `mreg config set core.shared group` too",
    "damaged-user-config": "correct the file, or delete it",
    "unknown-user-setting": "`mreg config ls --user` lists the user's settings, `mreg config ls` the repository's",
    "newer-format": "install a newer release of mreg",
    "needs-newer": "install a newer release of mreg; this one can read the repository",
    "needs-format": "`mreg upgrade` raises the format; older releases of mreg can no longer use the repository then",
    "unknown-format": "`mreg version` shows the newest format that this release knows",
    "already-initialised": "choose another folder; `mreg pull LOCATION --all` fetches into an existing repository",
    "locked": "repeat the command; if its holder has died, the lock is released automatically",
    "repository-moved": "repeat the command when fewer writers are active",
    "missing-pack": "repeat the command",
    "destination-taken": "name a folder that does not exist, or an empty one",
    "name-needed": "write the version with `mreg get`, or choose another form",
    "overtaken": "repeat the command: it will use the current state",
    "not-a-step": "call it before or after the change",
    "uncertain": "check `mreg history` and the disk, then run `mreg fsck`",
    "partly-imported": "repeat the command: what was imported is left out; `mreg history` shows it",
    "unfinished": "repeat the command; the next gc deletes the rest",
    "invalid-name": "a name is 1 to 128 letters and digits of any script, `.`, `_` and `-`",
    "invalid-tag": "a tag is 1 to 128 letters, digits, `_`, `-` and single spaces",
    "alias-taken": "use the existing alias, or another word",
    "invalid-setting": "`mreg config ls` shows values and their meaning",
    "no-working-folder": "go to another folder (`cd`), or name one with `-C DIR`",
    "needs-cache": "set MREG_CACHE to a folder that you can write to",
    "repository-replaced": "repeat the command: it will use the current repository",
    "no-bucket": "check its name; mreg does not create buckets, the store's own tools do",
    "access-denied": "check the credentials, in the environment or in the profile of the store's own tools",
    "no-credentials": "set them in the environment (AWS_…, GOOGLE_…, AZURE_…), or with the store's own tools",
    "wrong-region": "set AWS_REGION",
    "store-busy": "repeat the command later",
    "no-answer": "check the network, and AWS_ENDPOINT_URL or AZURE_STORAGE_ENDPOINT if you set one",
    "store-refused": "check that the endpoint belongs to a store of the kind in the location (s3, gs, az)",
    "unsure-write": "check `mreg history` when the store can be reached, and repeat the command if necessary",
    "unfit-store": "choose another store, or a newer release of it",
    "needs-remote": "pip install 'mreg[remote]'",
    "invalid-bucket": "write one such as s3://models/vision, gs://models/vision or az://container/vision",
    "invalid-location": "a location is a folder, or a URL such as file:///srv/models",
    "unknown-scheme": "write `./` before the name of a folder that looks like this",
    "needs-folder": "write `./` before the name of a folder that looks like this",
    "not-a-folder": "choose another folder, or move the file out of the way",
    "unusable-cache": "set MREG_CACHE to a folder that you can write to",
    "no-folder": "check the path given to -C",
    "invalid-expectation": "write --expect vN or --expect ALIAS=vN; `mreg alias ls` shows where aliases are",
    "once-or-always": "give one of them",
    "type-differs": "omit --type, or choose another name",
    "would-replace": "`mreg annotate {version} --replace` does it; {key}.NAME sets a single value",
    "one-source": "give one of them",
    "card-of-artifact": "log it with a README.md; `mreg model create` creates a model, which has its own card",
    "invalid-card": "a card is Markdown text in UTF-8",
    "config-file": "read it with a YAML library and pass the result",
    "run-finished": "start a new one with `wandb.init()`",
    "path-of-project": "write `{short}`; `--repo` chooses the repository",
    "invalid-reference": "write NAME, NAME:vN, NAME:ALIAS or NAME:@DIGEST",
    "invalid-pattern": "write patterns as in .gitignore",
    "invalid-filter": "`mreg help filters` explains the language",
    "unknown-capture": "write git, python, packages, argv or gpu",
    "no-match": "`mreg ls NAME --where EXPR` shows which versions do",
    "invalid-sort": "write keys separated by commas, such as `-metrics.acc,created`",
    "unknown-key": "`mreg search --keys` lists the keys of metadata",
    "invalid-message": "give a shorter text in UTF-8",
    "invalid-time": "write one such as `27`, `2h`, `14d`, `2026-01-31` or `2026-01-31T14:00Z`",
    "invalid-metadata": "write metadata as KEY=VALUE pairs, or as an object in a JSON or TOML file",
    "unknown-sequence": "`mreg history` lists the entries",
    "output-failed": "the command made its change before printing; check `mreg history`",
    "repair-only": "add --repair",
    "damaged-config": "`mreg fsck --repair` recreates it from the journal",
    "damaged-policy": "set it with `mreg config set --artifact` or `mreg annotate --ttl`; nothing expires until then",
    "damaged-setting": "correct it with `mreg config set {name} VALUE`; `mreg config ls` shows its meaning",
    "unstorable": "shorten it, or log it as a file",
    "too-many-chunks": "log the files in several parts",
    "damaged-file": "`mreg fsck --full` lists all damage; `mreg get {version} --partial` writes the undamaged files",
    "no-collection": "try `mreg du {collection}`",
    "no-space": "free some space, or choose another place (`-o DIR`; for `use` MREG_CACHE); nothing was written",
    "no-cache": "set MREG_CACHE to a folder that you can write to",
    "cache-in-repository": "set MREG_CACHE to a folder outside the repository",
    "no-home": "set HOME or XDG_CONFIG_HOME; for one run, MREG_SAFE lists repositories that are safe",
}
ADDRESS = "give the path of a file or folder; `mreg log --input-uri` records an address"
DAMAGED_COPY = "copy the repository there again, its data before its journal"
"""A web server does not list its files, so that `mreg fsck` cannot look at them."""
NOT_THERE = (
    "check the location, or make a repository there with `mreg init --repo LOCATION`; `mreg remote ls` lists remotes"
)
READ_BUNDLE = "to read a bundle, make a repository with `mreg init` and run `mreg pull FILE` in it"
DAMAGE_HINT = "run `mreg fsck` to list all damage and the affected versions"

BY_REASON: dict[tuple[str, str], str] = {
    (
        "nothing-chosen",
        "tags and cards belong to registered models, which are transferred with their links",
    ): "add `--links`",
    (
        "damaged-config",
        "it cannot be read (something other than a file is in its place)",
    ): "remove what is in its place, then run `mreg fsck --repair`, which recreates it from the journal",
    ("unreadable-file", "it is not a file"): "remove it, or put a file there",
    ("unreadable-file", "it is a pipe that nobody writes to"): "name a file, or a pipe that a program writes to",
    ("unreadable-file", "it is a device, not a file"): "name a file, or a pipe that a program writes to",
    ("unreadable-file", "it is not UTF-8 text"): "write it in UTF-8",
    (
        "unreadable-file",
        "it is larger than 1 MiB",
    ): "name folders instead of files: a pattern excludes everything below a folder",
    ("unreadable-file", "Is a directory"): "name a file",
    ("unsupported-file", "it is the folder of a repository"): "log the folder that contains the checkpoint; the "
    "repository in it is left out",
    ("unsupported-file", "several of the given paths have this name"): "give each path once; to log several "
    "files of the same name, give the folder that contains them",
    ("invalid-name", "Windows reserves this name for a device"): "choose another name",
    ("invalid-reference", "it looks like a URL"): "choose the repository with `--repo`, and write NAME, NAME:vN or "
    "NAME:ALIAS",
    ("invalid-sort", "the reference selects a single version"): "omit --sort, or give only the name",
    ("invalid-metadata", "there is no such key"): "`mreg show REFERENCE` lists the metadata of a version",
    ("invalid-metadata", "a part of its key is empty"): "separate two parts with a single dot, as in metrics.acc=0.9",
}
"""Hints for one of the reasons that the errors of a code give, where that of the code would not apply."""


def hint_of(error: MregError, shown: Callable[[str], str] = str) -> str:
    """What to do about it, or an empty text. shown: how a name is written."""
    if error.facts.get("hint"):
        return str(error.facts["hint"])
    reason = error.facts.get("reason")
    if (error.code, reason) in BY_REASON:
        return BY_REASON[error.code, str(reason)]
    near = error.facts.get("near")
    if near:
        return "did you mean " + " or ".join(f"`{shown(name)}`" for name in near) + "?" + _look_alike(error, near[0])
    if error.code == "invalid-name":
        return _for_name(error)
    if error.code == "no-repository" and error.facts["where"] == f"at {error.facts['location']}":
        return HINTS["bad-answer"] if error.facts["location"].startswith(("https://", "http://")) else NOT_THERE
    if error.code == "missing-path" and "://" in error.facts["path"]:
        return ADDRESS
    if error.code in ("damaged-there", "missing-chunk") and error.facts["location"].startswith(("https://", "http://")):
        return DAMAGED_COPY
    template = HINTS.get(error.code, DAMAGE_HINT if isinstance(error, Damaged) else "")
    return template.format(**error.facts)


def _for_name(error: MregError) -> str:
    """What a name may be, or another one."""
    text, grammar = str(error.facts.get("text", "")), HINTS["invalid-name"]
    if error.facts.get("kind") == "alias" and names.is_name(text):
        return "choose another word"
    plain = text.removeprefix("hf://").replace("/", "-")
    return f"write `{plain}`; {grammar}" if plain != text and names.is_name(plain) else grammar


def _look_alike(error: MregError, near: str) -> str:
    """Which characters make the difference, where a reader may see none."""
    typed = next((error.facts[key] for key in ("alias", "tag", "path", "name") if key in error.facts), "")
    alike = names.look_alikes(str(typed), near)
    return f" {alike}" if alike else ""
