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
    '--repo': ('folders', 'The repository. Default: MREG_REPO, or the nearest .mreg upwards.'),
    '--help': ('', 'Show this message and exit.'),
    '-h': ('', 'Show this message and exit.'),
}

COMMANDS: dict[str, tuple[str, Options, tuple[str, ...]]] = {
    '': ('', {
        '--version': ('', 'Print the version.'),
    }, ()),
    'init': ('Make a repository.', {
        '--shared': ('', "Let all members of the folder's group write to it, whatever the umask."),
        '--format': ('-', 'Repository format, for older releases. Default: the newest.'),
    }, ('folders',)),
    'upgrade': ("Raise the repository's format.", {
    }, ()),
    'log': ("Snapshot files as an artifact's next version.", {
        '--artifact': ('artifact', 'The artifact that gets the version. Required.'),
        '-a': ('artifact', 'The artifact that gets the version. Required.'),
        '--alias': ('alias', 'Move this alias here. Repeatable.'),
        '--link': ('model alias', 'Link it in this model, and move this alias of it. Repeatable.'),
        '--expect': ('-', 'Only if the alias is there now (none: if it is new). With several: ALIAS=vN. Repeatable.'),
        '--message': ('-', 'Description of this version.'),
        '-m': ('-', 'Description of this version.'),
        '--meta': ('assignment', 'Metadata; dots nest, numbers and booleans are typed. Repeatable.'),
        '--meta-file': ('files', 'Metadata from a JSON or TOML file.'),
        '--run': ('run', "The training or serving run's id."),
        '--input': ('reference', 'A version that this one was made from. Repeatable.'),
        '--input-file': ('files', 'A file or folder that it was made from (digest and size). Repeatable.'),
        '--input-uri': ('-', 'An address of data that it was made from. Repeatable.'),
        '--type': ('-', "The artifact's type, where it is new."),
        '--onto': ('reference', 'The version has the files of this one too, where PATH... does not replace them.'),
        '--remove': ('files', 'With --onto: but not this file or folder. Repeatable.'),
        '--base': ('reference', "Store tensors as differences to this version's. Default: the artifact's latest."),
        '--include': ('-', 'Log only what matches. Repeatable.'),
        '--exclude': ('-', 'Leave out what matches. Repeatable.'),
        '--once': ('', 'No new version if any version of the artifact has this content.'),
        '--always': ('', 'Make a version also of equal content.'),
        '--capture': ('-', 'Record git, python, packages, argv, gpu (with commas); all; none. Default: log.capture.'),
        '--python': ('files', "The interpreter that trains. Default: the active environment's."),
        '--ttl': ('-', 'Let `mreg gc` delete it after AGE (30d), if nothing holds it then.'),
        '--dry-run': ('', 'Change nothing; tell what would happen.'),
    }, ('files*',)),
    'import': ('Bring in versions that another tool keeps.', {
        '--from': ('-', 'checkpoints, dvc, gto, huggingface, mlflow, oci or wandb. Default: as it looks.'),
        '--oci': ('', 'As --from oci: a layout that `mreg export --oci` wrote.'),
        '--artifact': ('name', 'What to call it here. Default: as the source does.'),
        '-a': ('name', 'What to call it here. Default: as the source does.'),
        '--only': ('name', 'Import only this model. Repeatable.'),
        '--data': ('folders', 'Files may lie here too, as where they were moved. Repeatable.'),
        '--partial': ('', 'Also versions of which the source lacks files.'),
        '--dry-run': ('', 'Change nothing; print the plan.'),
    }, ('-',)),
    'use': ('Print the path of a ready-to-load copy.', {
        '--run': ('run', "The training or serving run's id."),
        '--where': ('expression', 'Of NAME the first version that matches; of a reference, its condition (exit 7).'),
        '--sort': ('sort key', 'With --where: which is first. Default: the latest.'),
    }, ('reference',)),
    'get': ("Write a version's files into a folder.", {
        '--output': ('folders', 'Where to write. Default: ./NAME-vN.'),
        '-o': ('folders', 'Where to write. Default: ./NAME-vN.'),
        '--include': ('-', 'Only files that match. Repeatable.'),
        '--exclude': ('-', 'No files that match. Repeatable.'),
        '--exact': ('', 'Remove files in DIR that are not of the version.'),
        '--force': ('', 'With --exact: also files whose bytes the repository does not have.'),
        '--reflink': ('', 'Clone from the cache, where the file system can, instead of writing.'),
        '--partial': ('', 'Leave out damaged files, instead of refusing.'),
        '--where': ('expression', 'Of NAME the first version that matches; of a reference, its condition (exit 7).'),
        '--sort': ('sort key', 'With --where: which is first. Default: the latest.'),
    }, ('reference',)),
    'export': ('Write a version as another tool wants it.', {
        '--folder': ('folders', 'The files, with SHA256SUMS beside them.'),
        '--hf': ('folders', 'For the Hugging Face Hub: the files, with a card.'),
        '--oci': ('folders', 'An OCI image layout (ModelPack), for registries.'),
        '--dry-run': ('', 'Write nothing; check that it can be done.'),
    }, ('reference',)),
    'resolve': ('Print the one version that a reference means.', {
        '--where': ('expression', 'Of NAME the first version that matches; of a reference, its condition (exit 7).'),
        '--sort': ('sort key', 'With --where: which is first. Default: the latest.'),
        '--at': ('-', "As it was then: an entry's number, a time, a date, an age (2h)."),
    }, ('reference',)),
    'ls': ('List collections, or the versions of one.', {
        '--where': ('expression', 'Only versions that match (`mreg help filters`). Repeatable.'),
        '--tag': ('tag', 'Only versions that have this tag. Repeatable.'),
        '--only-changed': ('', 'Show the metadata that differs.'),
        '--count': ('', 'Print only how many there are.'),
        '--keys': ('', 'List the metadata keys, with types and ranges.'),
        '--exit-code': ('', 'Exit with 7 where nothing is found.'),
        '--columns': ('key', 'Metadata to show. Repeatable.'),
        '--sort': ('sort key', 'number, size, files, created, metadata key; -KEY reverses.'),
        '--limit': ('-', 'Show N at most (0: all): the newest, or first by --sort.'),
        '--at': ('-', "As it was then: an entry's number, a time, a date, an age (2h)."),
    }, ('name*',)),
    'show': ('Show all about a version, an artifact or a model.', {
    }, ('reference',)),
    'files': ("List a version's files.", {
        '--digest': ('-', 'List checksums only: blake3, sha256, md5.'),
        '--full': ('', 'On a terminal too: whole digests, and sizes in bytes.'),
    }, ('reference',)),
    'cat': ('Write one file to standard output.', {
    }, ('reference', 'member')),
    'diff': ('Compare two versions.', {
        '--tensors': ('', 'List tensors, and how much values differ.'),
        '--stat': ('', 'Sum the tensors up by layer.'),
        '--files': ('', 'Show files.'),
        '--metadata': ('', 'Show metadata.'),
        '--sort': ('sort key', 'Order of changed tensors: relative, name, size, max. Default: `relative`.'),
        '--limit': ('-', 'List at most N tensors.'),
        '--all': ('', 'List equal tensors too.'),
        '--strip-prefix': ('-', 'Match names of tensors without it.'),
        '--strip-prefix-a': ('-', "The same, of A's names only."),
        '--strip-prefix-b': ('-', "The same, of B's names only."),
        '--exit-code': ('', 'Exit with 7 if what is shown differs.'),
    }, ('side', 'side', '-*')),
    'metrics': ('Show metrics over versions, as table or chart.', {
        '--where': ('expression', 'Only versions that match (`mreg help filters`). Repeatable.'),
        '--last': ('-', 'Only the newest N versions.'),
        '--log': ('', 'Draw on a logarithmic axis.'),
        '--x': ('key', 'Order of versions: `number`, `created`, or a key that is a number. Default: `number`.'),
        '--svg': ('files', 'Write the chart to this file.'),
        '--html': ('files', 'Write the chart and its values to this page.'),
        '--ascii': ('', 'Draw with ASCII letters.'),
    }, ('name', '-*')),
    'lineage': ('Show what a version was made from, and what from it.', {
        '--up': ('', 'Only what it was made from.'),
        '--down': ('', 'Only what was made from it, and who uses it.'),
        '--depth': ('-', 'At most N steps away.'),
        '--format': ('-', 'tree, mermaid, cyclonedx. Default: `tree`.'),
    }, ('reference',)),
    'html': ('Write the repository as pages for a browser.', {
        '--title': ('-', 'Title of the pages.'),
    }, ('-',)),
    'annotate': ("Change a version's message and metadata.", {
        '--message': ('-', 'Description of this version.'),
        '-m': ('-', 'Description of this version.'),
        '--meta': ('assignment', 'Metadata; dots nest, numbers and booleans are typed. Repeatable.'),
        '--meta-file': ('files', 'Metadata from a JSON or TOML file.'),
        '--unset': ('key', 'Metadata key to remove. Repeatable.'),
        '--input': ('reference', 'A version that this one was made from. Repeatable.'),
        '--replace': ('', 'Let a single value take the place of a whole group of values.'),
        '--ttl': ('-', 'Let `mreg gc` delete it AGE from now (30d; none: keep it).'),
    }, ('reference',)),
    'rm': ('Delete a version.', {
        '--force': ('', 'Do it even if aliases or links hold it; they go too.'),
        '--message': ('-', 'The reason, for the history.'),
        '-m': ('-', 'The reason, for the history.'),
    }, ('reference*',)),
    'link': ('Link a version into a registered model.', {
        '--alias': ('alias', 'Move this alias of MODEL here. Repeatable.'),
        '--expect': ('-', 'Only if the alias is there now (none: if it is new). With several: ALIAS=vN. Repeatable.'),
        '--message': ('-', 'The reason, for the history.'),
        '-m': ('-', 'The reason, for the history.'),
        '--force': ('', 'Do it even if MODEL is for versions of another type.'),
    }, ('reference', 'model')),
    'unlink': ('Remove a link.', {
        '--force': ('', 'Do it even if aliases of the model are on it.'),
        '--message': ('-', 'The reason, for the history.'),
        '-m': ('-', 'The reason, for the history.'),
    }, ('link',)),
    'alias': ('Set, remove, list and roll back aliases.', {
    }, ()),
    'alias set': ('Move an alias to a version.', {
        '--expect': ('|none', 'Only if the alias is there now (none: only if it is new).'),
        '--message': ('-', 'The reason, for the history.'),
        '-m': ('-', 'The reason, for the history.'),
    }, ('alias', 'reference')),
    'alias rm': ('Remove an alias.', {
        '--expect': ('|none', 'Only if the alias is there now (none: only if it is new).'),
        '--message': ('-', 'The reason, for the history.'),
        '-m': ('-', 'The reason, for the history.'),
    }, ('alias', 'name')),
    'alias rollback': ('Move an alias back to where it was.', {
        '--steps': ('-', 'How many places back. Default: `1`.'),
        '--expect': ('|none', 'Only if the alias is there now (none: only if it is new).'),
        '--message': ('-', 'The reason, for the history.'),
        '-m': ('-', 'The reason, for the history.'),
    }, ('alias', 'name')),
    'alias ls': ('List aliases.', {
        '--at': ('-', "As it was then: an entry's number, a time, a date, an age (2h)."),
    }, ('name',)),
    'tag': ('Label registered models.', {
    }, ()),
    'tag add': ('Add tags to a model or a version.', {
        '--message': ('-', 'The reason, for the history.'),
        '-m': ('-', 'The reason, for the history.'),
    }, ('reference', 'tag*')),
    'tag rm': ('Remove tags from a model or a version.', {
        '--message': ('-', 'The reason, for the history.'),
        '-m': ('-', 'The reason, for the history.'),
    }, ('reference', 'tag of model*')),
    'tag ls': ('List tags, and what has them.', {
    }, ('reference',)),
    'card': ('Show or set a model card.', {
        '--file': ('files', 'Set the card to this file (-: standard input).'),
        '--edit': ('', 'Edit the card with $VISUAL or $EDITOR.'),
    }, ('name',)),
    'artifact': ('Manage artifacts.', {
    }, ()),
    'artifact create': ('Make an empty artifact.', {
        '--type': ('-', 'What kind of thing its versions are. Default: `model`.'),
        '--description': ('-', 'What it is.'),
        '-d': ('-', 'What it is.'),
        '--first': ('-', 'Number of the first one: 0, or 1 as in MLflow. Default: `0`.'),
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
        '--force': ('', 'Do it even if aliases or links hold it; they go too.'),
    }, ('artifact',)),
    'model': ('Manage registered models.', {
    }, ()),
    'model create': ('Make an empty registered model.', {
        '--description': ('-', 'What it is.'),
        '-d': ('-', 'What it is.'),
        '--tag': ('tag', 'A tag. Repeatable.'),
        '--first': ('-', 'Number of the first one: 0, or 1 as in MLflow. Default: `0`.'),
        '--type': ('-', 'Type of the versions that it is for; without it, `model`.'),
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
        '--force': ('', 'Do it even if aliases or links hold it; they go too.'),
    }, ('model',)),
    'remote': ('Name other repositories.', {
    }, ()),
    'remote add': ('Keep a name for another repository.', {
        '--user': ('', 'Keep it in your own settings, for all repositories.'),
    }, ('name', 'folders')),
    'remote set': ('Give a remote another location.', {
        '--user': ('', 'Keep it in your own settings, for all repositories.'),
    }, ('remote name', 'folders')),
    'remote rm': ('Forget a remote.', {
        '--user': ('', 'Keep it in your own settings, for all repositories.'),
    }, ('remote name',)),
    'remote ls': ('List remotes.', {
    }, ()),
    'search': ('Find models, artifacts and versions.', {
        '--where': ('expression', 'Only versions that match (`mreg help filters`). Repeatable.'),
        '--tag': ('tag', 'Only models and versions with this tag. Repeatable.'),
        '--kind': ('-', 'version, artifact or model.'),
        '--in': ('name', 'Only versions of these. Repeatable.'),
        '--path': ('files', 'Only versions with the bytes of this file or folder.'),
        '--sort': ('sort key', 'number, size, created, metadata key, …; -KEY reverses.'),
        '--columns': ('key', 'Metadata to show. Repeatable.'),
        '--only-changed': ('', 'Show the metadata that differs.'),
        '--limit': ('-', 'Show N at most (0: all): the newest, or first by --sort.'),
        '--count': ('', 'Print only how many there are.'),
        '--keys': ('', 'List the metadata keys, with types and ranges.'),
        '--exit-code': ('', 'Exit with 7 where nothing is found.'),
    }, ('-',)),
    'push': ('Bring versions to another repository.', {
        '--all': ('', 'All versions, or all of the collections that are named.'),
        '--where': ('expression', 'Versions that match (`mreg help filters`). Repeatable.'),
        '--alias': ('side', 'Take this alias of a version along. Repeatable.'),
        '--aliases': ('', 'Take all aliases of the versions along.'),
        '--links': ('', 'Take their links in registered models along.'),
        '--tags': ('', 'With --links: tags of these models too.'),
        '--card': ('', 'With --links: cards of these models too.'),
        '--renumber': ('', 'Give versions whose numbers are taken the next free ones.'),
        '--restore': ('', 'Bring back what was deleted on the other side.'),
        '--as': ('-', 'What a collection is called on the other side. Repeatable.'),
        '--dry-run': ('', 'Change nothing; print the plan, with bytes.'),
    }, ('remote', 'reference*')),
    'pull': ('Bring versions of another repository to this one.', {
        '--all': ('', 'All versions, or all of the collections that are named.'),
        '--where': ('expression', 'Versions that match (`mreg help filters`). Repeatable.'),
        '--alias': ('side', 'Take this alias of a version along. Repeatable.'),
        '--aliases': ('', 'Take all aliases of the versions along.'),
        '--links': ('', 'Take their links in registered models along.'),
        '--tags': ('', 'With --links: tags of these models too.'),
        '--card': ('', 'With --links: cards of these models too.'),
        '--renumber': ('', 'Give versions whose numbers are taken the next free ones.'),
        '--restore': ('', 'Bring back what was deleted on the other side.'),
        '--as': ('-', 'What a collection is called on the other side. Repeatable.'),
        '--dry-run': ('', 'Change nothing; print the plan, with bytes.'),
    }, ('remote*',)),
    'mirror': ('Keep a mirror of this repository up to date.', {
    }, ('folders',)),
    'bundle': ('Carry versions in a file.', {
    }, ()),
    'bundle create': ('Write versions into a file, for `mreg pull`.', {
        '--all': ('', 'All versions, or all of the collections that are named.'),
        '--where': ('expression', 'Versions that match (`mreg help filters`). Repeatable.'),
        '--since': ('files', 'Leave out what this bundle, or repository, has.'),
    }, ('files', 'reference*')),
    'clone': ('Make a repository with all that is in another one.', {
    }, ('folders', 'folders')),
    'history': ('Show who changed what, and when.', {
        '--since': ('-', 'Only changes after this entry, or since this age or date.'),
        '--until': ('-', 'Only changes up to this entry, age or date.'),
        '--author': ('-', 'Only changes of this account.'),
        '--action': ('-', 'Only changes by this command: log, alias set, …'),
        '--limit': ('-', 'Show at most N entries (0: all): the newest.'),
    }, ('-',)),
    'undo': ('Take a change back.', {
    }, ('-',)),
    'du': ('Show where the bytes are.', {
    }, ('name',)),
    'gc': ('Delete unreachable data.', {
        '--dry-run': ('', 'Change nothing; tell what would go, and the bytes.'),
        '--grace': ('-', 'Keep what was reachable within AGE (14d, 2h, 0).'),
        '--keep-last': ('-', 'Expire versions beyond the newest N of their artifact (0: no limit).'),
        '--older-than': ('-', 'Expire only versions older than AGE (0: any).'),
        '--keep-best': ('-', 'Keep the N best of each artifact (min: for losses). Repeatable.'),
        '--keep-where': ('expression', 'Keep versions that match (`mreg help filters`). Repeatable.'),
        '--repack': ('', 'Rewrite packs that are mostly dead, or could be much smaller.'),
    }, ()),
    'fsck': ('Verify the repository.', {
        '--full': ('', 'Read every byte too.'),
        '--repair': ('', 'Repair what can be proven; name the rest.'),
        '--from': ('folders', 'With --repair: take what is damaged or missing from this repository.'),
    }, ()),
    'cache': ('Show and prune ready-to-load copies.', {
    }, ()),
    'cache ls': ('Show what is in the cache.', {
    }, ()),
    'cache prune': ('Delete ready-to-load copies.', {
        '--older-than': ('-', 'Only copies that were not used for AGE (30d, 12h).'),
        '--size': ('-', 'Delete until copies take SIZE (20GiB), longest unused first.'),
        '--force': ('', 'Also what was used within the last 24 hours.'),
        '--dry-run': ('', 'Change nothing; tell what would go, and the bytes.'),
    }, ()),
    'config': ('Read and change settings.', {
    }, ()),
    'config get': ('Print a setting.', {
        '--artifact': ('name', "Of this artifact, in place of the repository's: gc.keep-last …"),
        '--user': ('', 'A setting of your own, in all repositories: `safe.directory`.'),
    }, ('setting',)),
    'config set': ('Change a setting.', {
        '--artifact': ('name', "Of this artifact, in place of the repository's: gc.keep-last …"),
        '--user': ('', 'A setting of your own, in all repositories: `safe.directory`.'),
    }, ('setting', '-')),
    'config ls': ('List all settings.', {
        '--artifact': ('name', "Of this artifact, in place of the repository's: gc.keep-last …"),
        '--user': ('', 'A setting of your own, in all repositories: `safe.directory`.'),
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
    'core.shared': "group: all members of the folder's group may write; umask: the umask of each writer decides",
    'gc.grace': 'how long gc keeps unreachable data',
    'gc.keep-best': 'gc keeps the N best versions of each artifact: max:KEY:N or min:KEY:N, several with spaces',
    'gc.keep-last': 'gc expires versions beyond the newest N of their artifact; 0: no limit',
    'gc.keep-where': 'gc keeps the versions that match this filter; empty: none for that',
    'gc.older-than': 'gc expires only versions older than this; 0: of any age',
    'lock.timeout': 'how long a writer waits for another one',
    'log.capture': 'what `mreg log` records by itself: git, python, packages, argv, gpu, with commas; all; none',
    'log.compress': 'whether log compresses chunks',
    'log.exclude': 'patterns (as in .gitignore, separated by spaces) that log leaves out',
    'metrics.direction': 'which values of metrics are better: max:KEY or min:KEY, with spaces; KEY may be a glob',
    'use.hard-links': 'whether ready-to-load copies share files by hard links; onnx refuses such files',
}
