"""Every command: its module and function, and its line in `mreg --help`. The module is loaded when the command is
run."""

from __future__ import annotations

from mreg.values.named_tuple import NamedTuple


class Entry(NamedTuple):
    """module: below `mreg.cli.commands`; function: in it; group: sub-commands instead."""

    help: str
    panel: str
    module: str = ""
    function: str = ""
    group: dict[str, Entry] | None = None


VERSIONS, MODELS, REPOSITORY = "Versions", "Registered models and names", "Repository"

COMMANDS: dict[str, Entry] = {
    "init": Entry("Create a repository.", REPOSITORY, "init", "init"),
    "upgrade": Entry("Raise the repository's format.", REPOSITORY, "init", "upgrade"),
    "log": Entry("Snapshot files as an artifact's next version.", VERSIONS, "log", "log"),
    "import": Entry("Import versions from another tool.", VERSIONS, "importing", "import_"),
    "use": Entry("Print the path of a ready-to-load copy.", VERSIONS, "fetch", "use"),
    "get": Entry("Write a version's files into a folder.", VERSIONS, "fetch", "get"),
    "export": Entry("Write a version in another tool's layout.", VERSIONS, "exporting", "export"),
    "resolve": Entry("Print the version that a reference selects.", VERSIONS, "resolve", "resolve"),
    "ls": Entry("List collections, or the versions of one.", VERSIONS, "ls", "ls"),
    "show": Entry("Show details of a version, an artifact or a model.", VERSIONS, "show", "show"),
    "files": Entry("List a version's files.", VERSIONS, "show", "files"),
    "cat": Entry("Write one file to standard output.", VERSIONS, "fetch", "cat"),
    "diff": Entry("Compare two versions.", VERSIONS, "compare", "diff"),
    "metrics": Entry("Show metrics over versions, as table or chart.", VERSIONS, "metrics", "metrics"),
    "lineage": Entry("Show what a version was made from, and what was made from it.", VERSIONS, "lineage", "lineage"),
    "html": Entry("Write the repository as HTML pages.", VERSIONS, "html", "html"),
    "annotate": Entry("Change a version's message and metadata.", VERSIONS, "log", "annotate"),
    "rm": Entry("Delete a version.", VERSIONS, "collections", "rm"),
    "link": Entry("Link a version into a registered model.", MODELS, "links", "link"),
    "unlink": Entry("Remove a link.", MODELS, "links", "unlink"),
    "alias": Entry(
        "Set, remove, list and roll back aliases.",
        MODELS,
        group={
            "set": Entry("Move an alias to a version.", "", "aliases", "set_"),
            "rm": Entry("Remove an alias.", "", "aliases", "rm"),
            "rollback": Entry("Move an alias back to where it was.", "", "aliases", "rollback"),
            "ls": Entry("List aliases.", "", "aliases", "ls"),
        },
    ),
    "tag": Entry(
        "Tag models and versions.",
        MODELS,
        group={
            "add": Entry("Add tags to a model or a version.", "", "tags", "add"),
            "rm": Entry("Remove tags from a model or a version.", "", "tags", "rm"),
            "ls": Entry("List tags, and what has them.", "", "tags", "ls"),
        },
    ),
    "card": Entry("Show or set a model card.", MODELS, "card", "card"),
    "artifact": Entry(
        "Manage artifacts.",
        MODELS,
        group={
            "create": Entry("Create an empty artifact.", "", "collections", "artifact_create"),
            "ls": Entry("List artifacts.", "", "collections", "artifact_ls"),
            "show": Entry("Show an artifact.", "", "collections", "artifact_show"),
            "describe": Entry("Set an artifact's description.", "", "collections", "artifact_describe"),
            "rename": Entry("Rename an artifact.", "", "collections", "artifact_rename"),
            "rm": Entry("Delete an artifact.", "", "collections", "artifact_rm"),
        },
    ),
    "model": Entry(
        "Manage registered models.",
        MODELS,
        group={
            "create": Entry("Create an empty registered model.", "", "collections", "model_create"),
            "ls": Entry("List registered models.", "", "collections", "model_ls"),
            "show": Entry("Show a registered model.", "", "collections", "model_show"),
            "describe": Entry("Set a model's description.", "", "collections", "model_describe"),
            "rename": Entry("Rename a registered model.", "", "collections", "model_rename"),
            "rm": Entry("Delete a registered model.", "", "collections", "model_rm"),
        },
    ),
    "remote": Entry(
        "Name other repositories.",
        REPOSITORY,
        group={
            "add": Entry("Define a name for another repository.", "", "remotes", "add"),
            "set": Entry("Change the location of a remote.", "", "remotes", "set_"),
            "rm": Entry("Remove a remote.", "", "remotes", "rm"),
            "ls": Entry("List remotes.", "", "remotes", "ls"),
        },
    ),
    "search": Entry("Find models, artifacts and versions.", REPOSITORY, "search", "search"),
    "push": Entry("Send versions to another repository.", REPOSITORY, "travel", "push"),
    "pull": Entry("Fetch versions from another repository.", REPOSITORY, "travel", "pull"),
    "mirror": Entry("Keep a mirror of this repository up to date.", REPOSITORY, "travel", "mirror"),
    "bundle": Entry(
        "Transfer versions in a file.",
        REPOSITORY,
        group={"create": Entry("Write versions to a file for `mreg pull`.", "", "travel", "bundle_create")},
    ),
    "clone": Entry("Create a copy of another repository.", REPOSITORY, "travel", "clone"),
    "history": Entry("Show who changed what, and when.", REPOSITORY, "history", "history"),
    "undo": Entry("Revert a change.", REPOSITORY, "history", "undo"),
    "du": Entry("Show disk usage.", REPOSITORY, "upkeep", "du"),
    "gc": Entry("Delete unreachable data.", REPOSITORY, "upkeep", "gc"),
    "fsck": Entry("Verify the repository.", REPOSITORY, "upkeep", "fsck"),
    "cache": Entry(
        "Show and prune ready-to-load copies.",
        REPOSITORY,
        group={
            "ls": Entry("Show what is in the cache.", "", "cache", "ls"),
            "prune": Entry("Delete ready-to-load copies.", "", "cache", "prune"),
        },
    ),
    "config": Entry(
        "Read and change settings.",
        REPOSITORY,
        group={
            "get": Entry("Print a setting.", "", "settings", "get"),
            "set": Entry("Change a setting.", "", "settings", "set_"),
            "ls": Entry("List all settings.", "", "settings", "ls"),
        },
    ),
    "completion": Entry("Print or install shell completion.", REPOSITORY, "completion", "completion"),
    "help": Entry("Explain a command or a topic.", REPOSITORY, "topics", "help_"),
    "version": Entry("Print the versions of mreg and of its formats.", REPOSITORY, "version", "version"),
}
