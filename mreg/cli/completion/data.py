"""What shell completion must know of the command line. Made from the code by `make docs`; do not edit.

Each command, by its words: what it does, its options, and the kinds of its arguments. A kind that ends with `*` is that
of all further arguments. An option: the kind of its value (nothing where it takes none), and what it does. The kinds
are those of `mreg.cli.completion.sources`; `-` stands for a value that can be anything.
"""
# fmt: off

from __future__ import annotations

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    Options = dict[str, tuple[str, str]]

COMMON: Options = {
    '--json': ('', 'Print one JSON document.'),
    '--quiet': ('', 'Print no notes and no progress.'),
    '-q': ('', 'Print no notes and no progress.'),
    '--verbose': ('', 'Print more.'),
    '-v': ('', 'Print more.'),
    '--no-color': ('', 'Print without colour.'),
    '-C': ('folders', 'Act as if started in DIR.'),
    '--repo': ('folders', 'The repository. Default: MREG_REPO, or the nearest .mreg in this folder or above.'),
    '--help': ('', 'Show this message and exit.'),
    '-h': ('', 'Show this message and exit.'),
}

COMMANDS: dict[str, tuple[str, Options, tuple[str, ...]]] = {
    '': ('', {
        '--version': ('', 'Print the version.'),
    }, ()),
    'init': ('Create a repository.', {
        '--shared': ('', "Let all members of the folder's group write to it, regardless of the umask."),
        '--format': ('-', 'Repository format, for older releases. Default: the newest.'),
    }, ('folders',)),
    'upgrade': ("Raise the repository's format.", {
    }, ()),
    'log': ("Snapshot files as an artifact's next version.", {
        '--artifact': ('artifact', 'Artifact to add the version to. Required.'),
        '-a': ('artifact', 'Artifact to add the version to. Required.'),
        '--alias': ('alias', 'Move this alias to the version. Repeatable.'),
        '--link': ('model alias', "Link the version to this model and move the model's alias. Repeatable."),
        '--expect': ('-', 'Move the alias only from vN (none: if it is new). For several: ALIAS=vN. Repeatable.'),
        '--message': ('-', 'Message of this version.'),
        '-m': ('-', 'Message of this version.'),
        '--meta': ('assignment', 'Metadata; dots nest; numbers and booleans keep their type. Repeatable.'),
        '--meta-file': ('files', 'Metadata from a JSON or TOML file.'),
        '--run': ('run', 'Name of the training or serving run.'),
        '--input': ('reference', 'Version that it was made from. Repeatable.'),
        '--input-file': ('files', 'File or folder that the version was made from (digest and size). Repeatable.'),
        '--input-uri': ('-', 'Address of data that the version was made from. Repeatable.'),
        '--type': ('-', 'Type of the artifact, if it is new.'),
        '--onto': ('reference', 'Start from the files of this version; PATH... adds or replaces files.'),
        '--remove': ('files', 'With --onto: leave out this file or folder. Repeatable.'),
        '--base': ('reference', "Store tensors as differences from this version. Default: the artifact's latest."),
        '--include': ('-', 'Log only matching files. Repeatable.'),
        '--exclude': ('-', 'Leave out matching files. Repeatable.'),
        '--once': ('', 'Make no new version if any version of the artifact has this content.'),
        '--always': ('', 'Make a new version even if the content is the same.'),
        '--capture': ('-', 'Record git, python, packages, argv, gpu (comma-separated), all or none.'),
        '--python': ('files', "Interpreter used for training. Default: the active environment's."),
        '--ttl': ('-', 'Let `mreg gc` delete it after AGE (30d) unless something holds it.'),
        '--dry-run': ('', 'Change nothing; show what would happen.'),
    }, ('files*',)),
    'import': ('Import versions from another tool.', {
        '--from': ('-', 'checkpoints, dvc, gto, huggingface, mlflow, oci or wandb. Default: detected.'),
        '--oci': ('', 'Same as --from oci.'),
        '--artifact': ('name', 'Name of the artifact. Default: from the source.'),
        '-a': ('name', 'Name of the artifact. Default: from the source.'),
        '--only': ('name', 'Import only this one (its name in the source). Repeatable.'),
        '--data': ('folders', 'Also look for files in this folder. Repeatable.'),
        '--partial': ('', 'Leave out missing files, instead of failing.'),
        '--dry-run': ('', 'Change nothing; print the plan.'),
    }, ('-',)),
    'use': ('Print the path of a ready-to-load copy.', {
        '--run': ('run', 'Name of the training or serving run.'),
        '--where': ('expression', 'For NAME: select the first match. For a version: require a match, else exit 7.'),
        '--sort': ('sort key', 'With --where: order of matches. Default: the latest first.'),
    }, ('reference',)),
    'get': ("Write a version's files into a folder.", {
        '--output': ('folders', 'Where to write. Default: ./NAME-vN.'),
        '-o': ('folders', 'Where to write. Default: ./NAME-vN.'),
        '--include': ('-', 'Only matching files. Repeatable.'),
        '--exclude': ('-', 'Leave out matching files. Repeatable.'),
        '--exact': ('', 'Remove files in DIR that are not part of the version.'),
        '--force': ('', 'With --exact: also remove files that the repository cannot restore.'),
        '--reflink': ('', 'Clone files from the cache if the file system supports it.'),
        '--partial': ('', 'Leave out damaged files instead of failing.'),
        '--where': ('expression', 'For NAME: select the first match. For a version: require a match, else exit 7.'),
        '--sort': ('sort key', 'With --where: order of matches. Default: the latest first.'),
    }, ('reference',)),
    'export': ("Write a version in another tool's layout.", {
        '--folder': ('folders', 'Write the files with SHA256SUMS.'),
        '--hf': ('folders', 'Write the files with a card, for the Hugging Face Hub.'),
        '--oci': ('folders', 'Write an OCI image layout (ModelPack), for registries.'),
        '--dry-run': ('', 'Write nothing; check that the export is possible.'),
    }, ('reference',)),
    'resolve': ('Print the version that a reference selects.', {
        '--where': ('expression', 'For NAME: select the first match. For a version: require a match, else exit 7.'),
        '--sort': ('sort key', 'With --where: order of matches. Default: the latest first.'),
        '--at': ('-', 'Show the state at this entry, time, date or age (2h).'),
    }, ('reference',)),
    'ls': ('List collections, or the versions of one.', {
        '--where': ('expression', 'Only versions that match (`mreg help filters`). Repeatable.'),
        '--tag': ('tag', 'Only versions that have this tag. Repeatable.'),
        '--only-changed': ('', 'Show metadata that is not the same in all of them.'),
        '--count': ('', 'Print only the number of matches.'),
        '--keys': ('', 'List the metadata keys, with types and ranges.'),
        '--exit-code': ('', 'Exit with 7 if nothing is found.'),
        '--columns': ('key', 'Metadata keys to show. Repeatable.'),
        '--sort': ('sort key', 'number, size, files, created, metadata key; -KEY reverses.'),
        '--limit': ('-', 'Show at most N (0: all): the newest, or the first by --sort.'),
        '--at': ('-', 'Show the state at this entry, time, date or age (2h).'),
    }, ('name*',)),
    'show': ('Show details of a version, an artifact or a model.', {
    }, ('reference',)),
    'files': ("List a version's files.", {
        '--digest': ('-', 'List checksums only: blake3, sha256, md5.'),
        '--full': ('', 'Show whole digests and sizes in bytes on a terminal, too.'),
    }, ('reference',)),
    'cat': ('Write one file to standard output.', {
    }, ('reference', 'member')),
    'diff': ('Compare two versions.', {
        '--tensors': ('', 'List tensors and how much their values differ.'),
        '--stat': ('', 'Summarize tensors by layer.'),
        '--files': ('', 'Show files.'),
        '--metadata': ('', 'Show metadata.'),
        '--sort': ('sort key', 'Order of changed tensors: relative, name, size, max. Default: `relative`.'),
        '--limit': ('-', 'List at most N tensors.'),
        '--all': ('', 'List equal tensors too.'),
        '--strip-prefix': ('-', 'Ignore this prefix of tensor names.'),
        '--strip-prefix-a': ('-', 'The same, only for names in A.'),
        '--strip-prefix-b': ('-', 'The same, only for names in B.'),
        '--exit-code': ('', 'Exit with 7 if there are differences.'),
    }, ('side', 'side', '-*')),
    'metrics': ('Show metrics over versions, as table or chart.', {
        '--where': ('expression', 'Only versions that match (`mreg help filters`). Repeatable.'),
        '--last': ('-', 'Only the newest N versions.'),
        '--log': ('', 'Draw on a logarithmic axis.'),
        '--x': ('key', 'The x axis: `number`, `created`, or a numeric metadata key. Default: `number`.'),
        '--svg': ('files', 'Write the chart to this SVG file.'),
        '--html': ('files', 'Write a page with the chart and its values.'),
        '--ascii': ('', 'Draw with ASCII characters.'),
    }, ('name', '-*')),
    'lineage': ('Show what a version was made from, and what was made from it.', {
        '--up': ('', 'Show only what it was made from.'),
        '--down': ('', 'Show only what was made from it and which runs used it.'),
        '--depth': ('-', 'Show at most N steps.'),
        '--format': ('-', 'tree, mermaid, cyclonedx. Default: `tree`.'),
    }, ('reference',)),
    'html': ('Write the repository as HTML pages.', {
        '--title': ('-', 'Title of the pages.'),
    }, ('-',)),
    'annotate': ("Change a version's message and metadata.", {
        '--message': ('-', 'Message of this version.'),
        '-m': ('-', 'Message of this version.'),
        '--meta': ('assignment', 'Metadata; dots nest; numbers and booleans keep their type. Repeatable.'),
        '--meta-file': ('files', 'Metadata from a JSON or TOML file.'),
        '--unset': ('key', 'Metadata key to remove. Repeatable.'),
        '--input': ('reference', 'Version that it was made from. Repeatable.'),
        '--replace': ('', 'Allow a single value to replace a whole mapping.'),
        '--ttl': ('-', 'Let `mreg gc` delete it after AGE from now (30d; none: keep it).'),
    }, ('reference',)),
    'rm': ('Delete a version.', {
        '--force': ('', 'Delete it even if aliases or links hold it, and remove those too.'),
        '--message': ('-', 'Reason, recorded in the history.'),
        '-m': ('-', 'Reason, recorded in the history.'),
    }, ('reference*',)),
    'link': ('Link a version into a registered model.', {
        '--alias': ('alias', 'Move this alias of MODEL to the link. Repeatable.'),
        '--expect': ('-', 'Move the alias only from vN (none: if it is new). For several: ALIAS=vN. Repeatable.'),
        '--message': ('-', 'Reason, recorded in the history.'),
        '-m': ('-', 'Reason, recorded in the history.'),
        '--force': ('', 'Link it even if MODEL is for versions of another type.'),
    }, ('reference', 'model')),
    'unlink': ('Remove a link.', {
        '--force': ('', 'Remove it even if aliases point at it, and remove those too.'),
        '--message': ('-', 'Reason, recorded in the history.'),
        '-m': ('-', 'Reason, recorded in the history.'),
    }, ('link',)),
    'alias': ('Set, remove, list and roll back aliases.', {
    }, ()),
    'alias set': ('Move an alias to a version.', {
        '--expect': ('|none', 'Move the alias only from vN (none: only if it is new).'),
        '--message': ('-', 'Reason, recorded in the history.'),
        '-m': ('-', 'Reason, recorded in the history.'),
    }, ('alias', 'reference')),
    'alias rm': ('Remove an alias.', {
        '--expect': ('-', 'Change the alias only if it points at vN.'),
        '--message': ('-', 'Reason, recorded in the history.'),
        '-m': ('-', 'Reason, recorded in the history.'),
    }, ('alias', 'name')),
    'alias rollback': ('Move an alias back to where it was.', {
        '--steps': ('-', 'Number of moves to go back. Default: `1`.'),
        '--expect': ('-', 'Change the alias only if it points at vN.'),
        '--message': ('-', 'Reason, recorded in the history.'),
        '-m': ('-', 'Reason, recorded in the history.'),
    }, ('alias', 'name')),
    'alias ls': ('List aliases.', {
        '--at': ('-', 'Show the state at this entry, time, date or age (2h).'),
    }, ('name',)),
    'tag': ('Tag models and versions.', {
    }, ()),
    'tag add': ('Add tags to a model or a version.', {
        '--message': ('-', 'Reason, recorded in the history.'),
        '-m': ('-', 'Reason, recorded in the history.'),
    }, ('reference', 'tag*')),
    'tag rm': ('Remove tags from a model or a version.', {
        '--message': ('-', 'Reason, recorded in the history.'),
        '-m': ('-', 'Reason, recorded in the history.'),
    }, ('reference', 'tag of model*')),
    'tag ls': ('List tags, and what has them.', {
    }, ('reference',)),
    'card': ('Show or set a model card.', {
        '--file': ('files', 'Set the card to this file (-: standard input).'),
        '--edit': ('', 'Edit the card with $VISUAL or $EDITOR.'),
    }, ('name',)),
    'artifact': ('Manage artifacts.', {
    }, ()),
    'artifact create': ('Create an empty artifact.', {
        '--type': ('-', 'Type of its versions. Default: `model`.'),
        '--description': ('-', 'Description.'),
        '-d': ('-', 'Description.'),
        '--first': ('-', 'Number of the first version or link: 0, or 1 as in MLflow. Default: `0`.'),
    }, ('-',)),
    'artifact ls': ('List artifacts.', {
    }, ()),
    'artifact show': ('Show an artifact.', {
    }, ('artifact',)),
    'artifact describe': ("Set an artifact's description.", {
    }, ('artifact', '-')),
    'artifact rename': ('Rename an artifact.', {
    }, ('artifact', '-')),
    'artifact rm': ('Delete an artifact.', {
        '--force': ('', 'Also delete its versions, its aliases, and links to its versions.'),
    }, ('artifact',)),
    'model': ('Manage registered models.', {
    }, ()),
    'model create': ('Create an empty registered model.', {
        '--description': ('-', 'Description.'),
        '-d': ('-', 'Description.'),
        '--tag': ('tag', 'A tag. Repeatable.'),
        '--first': ('-', 'Number of the first version or link: 0, or 1 as in MLflow. Default: `0`.'),
        '--type': ('-', 'Type of its versions. Default: `model`.'),
    }, ('-',)),
    'model ls': ('List registered models.', {
    }, ()),
    'model show': ('Show a registered model.', {
    }, ('model',)),
    'model describe': ("Set a model's description.", {
    }, ('model', '-')),
    'model rename': ('Rename a registered model.', {
    }, ('model', '-')),
    'model rm': ('Delete a registered model.', {
        '--force': ('', 'Also delete its links and aliases.'),
    }, ('model',)),
    'remote': ('Name other repositories.', {
    }, ()),
    'remote add': ('Define a name for another repository.', {
        '--user': ('', 'Store it in your own settings, for all repositories.'),
    }, ('name', 'folders')),
    'remote set': ('Change the location of a remote.', {
        '--user': ('', 'Store it in your own settings, for all repositories.'),
    }, ('remote name', 'folders')),
    'remote rm': ('Remove a remote.', {
        '--user': ('', 'Remove it from your own settings.'),
    }, ('remote name',)),
    'remote ls': ('List remotes.', {
    }, ()),
    'search': ('Find models, artifacts and versions.', {
        '--where': ('expression', 'Only versions that match (`mreg help filters`). Repeatable.'),
        '--tag': ('tag', 'Only models and versions with this tag. Repeatable.'),
        '--kind': ('-', 'version, artifact or model.'),
        '--in': ('name', 'Only versions of this collection. Repeatable.'),
        '--path': ('files', 'Only versions that contain this file or folder.'),
        '--sort': ('sort key', 'number, size, created, metadata key, …; -KEY reverses.'),
        '--columns': ('key', 'Metadata keys to show. Repeatable.'),
        '--only-changed': ('', 'Show metadata that is not the same in all of them.'),
        '--limit': ('-', 'Show at most N (0: all): the newest, or the first by --sort.'),
        '--count': ('', 'Print only the number of matches.'),
        '--keys': ('', 'List the metadata keys, with types and ranges.'),
        '--exit-code': ('', 'Exit with 7 if nothing is found.'),
    }, ('-',)),
    'push': ('Send versions to another repository.', {
        '--all': ('', 'Select all versions (of the named collections).'),
        '--where': ('expression', 'Select versions that match (`mreg help filters`). Repeatable.'),
        '--alias': ('side', 'Also transfer this alias. Repeatable.'),
        '--aliases': ('', 'Also transfer all aliases of the versions.'),
        '--links': ('', 'Also transfer their links in registered models.'),
        '--tags': ('', "With --links: also transfer the models' tags."),
        '--card': ('', "With --links: also transfer the models' cards."),
        '--renumber': ('', 'Give versions the next free number if theirs is taken.'),
        '--restore': ('', 'Also transfer versions that the receiving side has deleted.'),
        '--as': ('-', 'Transfer the collection NAME under the name OTHER. Repeatable.'),
        '--dry-run': ('', 'Change nothing; print the plan and its size.'),
    }, ('remote', 'reference*')),
    'pull': ('Fetch versions from another repository.', {
        '--all': ('', 'Select all versions (of the named collections).'),
        '--where': ('expression', 'Select versions that match (`mreg help filters`). Repeatable.'),
        '--alias': ('side', 'Also transfer this alias. Repeatable.'),
        '--aliases': ('', 'Also transfer all aliases of the versions.'),
        '--links': ('', 'Also transfer their links in registered models.'),
        '--tags': ('', "With --links: also transfer the models' tags."),
        '--card': ('', "With --links: also transfer the models' cards."),
        '--renumber': ('', 'Give versions the next free number if theirs is taken.'),
        '--restore': ('', 'Also transfer versions that the receiving side has deleted.'),
        '--as': ('-', 'Transfer the collection NAME under the name OTHER. Repeatable.'),
        '--dry-run': ('', 'Change nothing; print the plan and its size.'),
    }, ('remote*',)),
    'mirror': ('Keep a mirror of this repository up to date.', {
    }, ('remote',)),
    'bundle': ('Transfer versions in a file.', {
    }, ()),
    'bundle create': ('Write versions to a file for `mreg pull`.', {
        '--all': ('', 'Select all versions (of the named collections).'),
        '--where': ('expression', 'Select versions that match (`mreg help filters`). Repeatable.'),
        '--since': ('files', 'Leave out data that this bundle or repository has.'),
    }, ('files', 'reference*')),
    'clone': ('Create a copy of another repository.', {
    }, ('folders', 'folders')),
    'history': ('Show who changed what, and when.', {
        '--since': ('-', 'Only changes after this entry, or since this age or date.'),
        '--until': ('-', 'Only changes up to this entry, age or date.'),
        '--author': ('-', 'Only changes of this account.'),
        '--action': ('-', 'Only changes by this command: log, alias set, …'),
        '--limit': ('-', 'Show at most N entries (0: all): the newest.'),
    }, ('-',)),
    'undo': ('Revert a change.', {
    }, ('-',)),
    'du': ('Show disk usage.', {
    }, ('name',)),
    'gc': ('Delete unreachable data.', {
        '--dry-run': ('', 'Change nothing; show what would be deleted, with sizes.'),
        '--grace': ('-', 'Keep data that was reachable within AGE (14d, 2h, 0).'),
        '--keep-last': ('-', 'Expire versions beyond the newest N of their artifact (0: no limit).'),
        '--older-than': ('-', 'Expire versions older than AGE (0: no limit).'),
        '--keep-best': ('-', 'Keep the N best of each artifact (min: for losses). Repeatable.'),
        '--keep-where': ('expression', 'Keep versions that match (`mreg help filters`). Repeatable.'),
        '--repack': ('', 'Rewrite packs that are mostly unneeded or could be much smaller.'),
    }, ()),
    'fsck': ('Verify the repository.', {
        '--full': ('', 'Read and verify every byte.'),
        '--repair': ('', 'Repair damage where digests prove the result; list the rest.'),
        '--from': ('folders', 'With --repair: take damaged or missing data from this repository.'),
    }, ()),
    'cache': ('Show and prune ready-to-load copies.', {
    }, ()),
    'cache ls': ('Show what is in the cache.', {
    }, ()),
    'cache prune': ('Delete ready-to-load copies.', {
        '--older-than': ('-', 'Delete copies not used for AGE (30d, 12h).'),
        '--size': ('-', 'Delete the least recently used until copies take at most SIZE (20GiB).'),
        '--force': ('', 'Also delete copies used within the last 24 hours.'),
        '--dry-run': ('', 'Change nothing; show what would be deleted, with sizes.'),
    }, ()),
    'config': ('Read and change settings.', {
    }, ()),
    'config get': ('Print a setting.', {
        '--artifact': ('name', "Setting of this artifact, instead of the repository's: gc.keep-last …"),
        '--user': ('', 'Your own setting, for all repositories: `safe.directory`.'),
    }, ('setting',)),
    'config set': ('Change a setting.', {
        '--artifact': ('name', "Setting of this artifact, instead of the repository's: gc.keep-last …"),
        '--user': ('', 'Your own setting, for all repositories: `safe.directory`.'),
    }, ('setting', '-')),
    'config ls': ('List all settings.', {
        '--artifact': ('name', "Setting of this artifact, instead of the repository's: gc.keep-last …"),
        '--user': ('', 'Your own setting, for all repositories: `safe.directory`.'),
    }, ()),
    'completion': ('Print or install shell completion.', {
        '--install': ('', 'Write the script where the shell looks for it; print the path.'),
    }, ('|bash|zsh|fish',)),
    'help': ('Explain a command or a topic.', {
    }, ('topic*',)),
    'version': ('Print the versions of mreg and of its formats.', {
    }, ()),
}

SETTINGS = {
    'core.shared': "group: all members of the folder's group may write; umask: each writer's umask decides",
    'gc.grace': 'how long gc keeps unreachable data',
    'gc.keep-best': 'gc keeps the N best versions of each artifact: max:KEY:N or min:KEY:N, separated by spaces',
    'gc.keep-last': 'gc expires versions beyond the newest N of their artifact; 0: no limit',
    'gc.keep-where': 'gc keeps the versions that match this filter; empty: no filter',
    'gc.older-than': 'gc expires versions older than this; 0: no limit',
    'lock.timeout': 'how long a writer waits for another writer',
    'log.capture': 'what `mreg log` records: git, python, packages, argv, gpu, separated by commas; or all, or none',
    'log.compress': 'whether log compresses chunks',
    'log.exclude': 'patterns (as in .gitignore, separated by spaces) of files that log leaves out',
    'metrics.direction': 'which values are better: max:KEY or min:KEY, separated by spaces; KEY may be a glob',
    'use.hard-links': 'whether ready-to-load copies share files by hard links; onnx refuses such files',
}
