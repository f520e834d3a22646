"""The help of every command. Made from the code by `make docs`; do not edit.

Each command, by its words: usage, paragraphs, commands below it, arguments, options, examples.
"""
# fmt: off

from __future__ import annotations

TYPE_CHECKING = False  # as `typing` has it, without loading that

if TYPE_CHECKING:
    Rows = tuple[tuple[str, str], ...]
    Page = tuple[str, tuple[str, ...], Rows, Rows, Rows, tuple[str, ...]]

COMMON: Rows = (
    ('    --json', 'Print one JSON document.'),
    ('-q, --quiet', 'Print no notes and no progress.'),
    ('-v, --verbose', 'Print more.'),
    ('    --no-color', 'Print without colour.'),
    ('-C DIR', 'Act as if started in DIR.'),
    ('    --repo LOCATION', 'The repository. Default: MREG_REPO, or the nearest .mreg in this folder or above.'),
    ('-h, --help', 'Show this message and exit.'),
    ('    --version', 'Print the version.'),
)

PAGES: dict[str, Page] = {
    'init': (
        'mreg init [DIR] [OPTIONS]',
        (
            'Create the repository DIR/.mreg. If it already exists, say so and change nothing.',
        ),
        (),
        (
            ('DIR', 'Folder to create `.mreg` in. Default: --repo, MREG_REPO, or the working folder.'),
        ),
        (
            ('    --shared', "Let all members of the folder's group write to it, regardless of the umask."),
            ('    --format N', 'Repository format, for older releases. Default: the newest.'),
        ),
        (
            'mreg init',
            'mreg init /tmp/shared --shared',
        ),
    ),
    'upgrade': (
        'mreg upgrade',
        (
            'Upgrade the repository to the newest format, and print its number. No data is converted.',
            'Older releases of mreg can no longer use the repository afterwards. The only way back is a copy made before.',
        ),
        (),
        (),
        (),
        (
            'mreg upgrade',
        ),
    ),
    'log': (
        'mreg log PATH... --artifact NAME [OPTIONS]',
        (
            "Snapshot files as an artifact's next version, and print `NAME:vN`.",
            'A single folder stands for its contents; several paths keep their names. If the content equals that of the latest version, no new version is made: aliases, links, inputs, message and metadata then apply to the latest one, and another run is recorded as having used it.',
            'Patterns are those of .gitignore; a `.mregignore` file in the folder adds more.',
            'With --onto, PATH... may be omitted.',
        ),
        (),
        (
            ('PATH...', 'A folder, or files and folders.'),
        ),
        (
            ('-a, --artifact NAME', 'Artifact to add the version to. Required.'),
            ('    --alias ALIAS', 'Move this alias to the version. Repeatable.'),
            ('    --link MODEL[:ALIAS]', "Link the version to this model and move the model's alias. Repeatable."),
            ('    --expect [[MODEL:]ALIAS=]vN', 'Move the alias only from vN (none: if it is new). For several: ALIAS=vN. Repeatable.'),
            ('-m, --message TEXT', 'Message of this version.'),
            ('    --meta KEY=VALUE', 'Metadata; dots nest; numbers and booleans keep their type. Repeatable.'),
            ('    --meta-file FILE', 'Metadata from a JSON or TOML file.'),
            ('    --run ID', 'Name of the training or serving run.'),
            ('    --input REFERENCE', 'Version that it was made from. Repeatable.'),
            ('    --input-file PATH', 'File or folder that the version was made from (digest and size). Repeatable.'),
            ('    --input-uri URI', 'Address of data that the version was made from. Repeatable.'),
            ('    --type TYPE', 'Type of the artifact, if it is new.'),
            ('    --onto REFERENCE', 'Start from the files of this version; PATH... adds or replaces files.'),
            ('    --remove PATH', 'With --onto: leave out this file or folder. Repeatable.'),
            ('    --base REFERENCE', "Store tensors as differences from this version. Default: the artifact's latest."),
            ('    --include GLOB', 'Log only matching files. Repeatable.'),
            ('    --exclude GLOB', 'Leave out matching files. Repeatable.'),
            ('    --once', 'Make no new version if any version of the artifact has this content.'),
            ('    --always', 'Make a new version even if the content is the same.'),
            ('    --capture WHAT', 'Record git, python, packages, argv, gpu (comma-separated), all or none.'),
            ('    --python PATH', "Interpreter used for training. Default: the active environment's."),
            ('    --ttl AGE', 'Let `mreg gc` delete it after AGE (30d) unless something holds it.'),
            ('    --dry-run', 'Change nothing; show what would happen.'),
        ),
        (
            'mreg log ./ckpt --artifact mnist --alias best',
            'mreg log ./ckpt -a mnist --meta metrics.acc=0.97 --run train-7',
            "mreg log ./ckpt -a mnist --link digits:production -m 'epoch 12'",
        ),
    ),
    'import': (
        'mreg import SOURCE [OPTIONS]',
        (
            "Import versions from another tool's files, and print the new ones.",
            'What was imported before is not imported again. Names that are not valid here are changed. Each artifact is one change, which `mreg undo` takes back.',
        ),
        (),
        (
            ('SOURCE', 'Folder or file of another tool (read only).'),
        ),
        (
            ('    --from KIND', 'checkpoints, dvc, gto, huggingface, mlflow, oci or wandb. Default: detected.'),
            ('    --oci', 'Same as --from oci.'),
            ('-a, --artifact NAME', 'Name of the artifact. Default: from the source.'),
            ('    --only NAME', 'Import only this one (its name in the source). Repeatable.'),
            ('    --data DIR', 'Also look for files in this folder. Repeatable.'),
            ('    --partial', 'Leave out missing files, instead of failing.'),
            ('    --dry-run', 'Change nothing; print the plan.'),
        ),
        (
            'mreg import ./runs --artifact resnet --dry-run',
        ),
    ),
    'use': (
        'mreg use REFERENCE [OPTIONS]',
        (
            'Print the path of a read-only, verified, ready-to-load copy, made once and shared.',
            'With --run, record that this run used the version.',
        ),
        (),
        (
            ('REFERENCE', 'NAME, NAME:vN, NAME:ALIAS, NAME:latest or NAME:@DIGEST.'),
        ),
        (
            ('    --run ID', 'Name of the training or serving run.'),
            ('    --where EXPR', 'For NAME: select the first match. For a version: require a match, else exit 7.'),
            ('    --sort KEY[,KEY]', 'With --where: order of matches. Default: the latest first.'),
        ),
        (
            'mreg use digits:production',
            'mreg use digits:production --run serve-eu',
        ),
    ),
    'get': (
        'mreg get REFERENCE [OPTIONS]',
        (
            "Write a version's files into a folder, verified; print the folder.",
            'A new folder appears complete or not at all. In an existing folder, files with the right content are not written again, files that differ are replaced atomically, one after the other, and other files are kept, and listed. Afterwards, all files and folders of the version have the same modification time.',
            'With --exact, files that are not part of the version are removed, and so are folders left empty. It is refused, with nothing changed, if the content of one of these files is in no version (--force removes it anyway), or if DIR contains a repository or another file system. Files of the version that --include or --exclude leave out are kept.',
            'With --partial, damaged files are left out and named; exit code 5 if there are any.',
        ),
        (),
        (
            ('REFERENCE', 'NAME, NAME:vN, NAME:ALIAS, NAME:latest or NAME:@DIGEST.'),
        ),
        (
            ('-o, --output DIR', 'Where to write. Default: ./NAME-vN.'),
            ('    --include GLOB', 'Only matching files. Repeatable.'),
            ('    --exclude GLOB', 'Leave out matching files. Repeatable.'),
            ('    --exact', 'Remove files in DIR that are not part of the version.'),
            ('    --force', 'With --exact: also remove files that the repository cannot restore.'),
            ('    --reflink', 'Clone files from the cache if the file system supports it.'),
            ('    --partial', 'Leave out damaged files instead of failing.'),
            ('    --where EXPR', 'For NAME: select the first match. For a version: require a match, else exit 7.'),
            ('    --sort KEY[,KEY]', 'With --where: order of matches. Default: the latest first.'),
        ),
        (
            'mreg get mnist:best',
            "mreg get mnist:v1 -o ./out --include '*.bin'",
        ),
    ),
    'export': (
        'mreg export REFERENCE [OPTIONS]',
        (
            'Write a version into a new or empty folder, in the layout that another tool expects; print its path.',
            'Every byte is verified, and the folder appears complete or not at all. The same version gives the same bytes. `mreg import` reads an OCI layout back.',
        ),
        (),
        (
            ('REFERENCE', 'NAME, NAME:vN, NAME:ALIAS, NAME:latest or NAME:@DIGEST.'),
        ),
        (
            ('    --folder DIR', 'Write the files with SHA256SUMS.'),
            ('    --hf DIR', 'Write the files with a card, for the Hugging Face Hub.'),
            ('    --oci DIR', 'Write an OCI image layout (ModelPack), for registries.'),
            ('    --dry-run', 'Write nothing; check that the export is possible.'),
        ),
        (
            'mreg export mnist:best --oci ./layout',
            'mreg export digits:production --hf ./upload',
        ),
    ),
    'resolve': (
        'mreg resolve REFERENCE [OPTIONS]',
        (
            'Print the version that a reference selects, as `NAME:vN` of its artifact.',
            'The name always refers to the same version, wherever aliases move later. With --at, print what the reference selected then, according to the journal, under its current name; the entry that set it is printed too.',
        ),
        (),
        (
            ('REFERENCE', 'NAME, NAME:vN, NAME:ALIAS or NAME:@DIGEST.'),
        ),
        (
            ('    --where EXPR', 'For NAME: select the first match. For a version: require a match, else exit 7.'),
            ('    --sort KEY[,KEY]', 'With --where: order of matches. Default: the latest first.'),
            ('    --at TIME|SEQ', 'Show the state at this entry, time, date or age (2h).'),
        ),
        (
            'mreg resolve digits:production',
            "mreg resolve mnist --where 'metrics.acc > 0.9'",
        ),
    ),
    'ls': (
        'mreg ls [NAME...] [OPTIONS]',
        (
            'List collections, or the versions of one.',
            'For each collection: its latest version, the number of versions, the size of the latest, and the time of the last change. For an artifact: number, aliases, size, files, age, the metadata selected by --columns, message. For a registered model: its links. With --at: the state at that time, and the entry behind each row.',
        ),
        (),
        (
            ('NAME...', 'An artifact or a registered model; or references to compare.'),
        ),
        (
            ('    --where EXPR', 'Only versions that match (`mreg help filters`). Repeatable.'),
            ('    --tag TAG', 'Only versions that have this tag. Repeatable.'),
            ('    --only-changed', 'Show metadata that is not the same in all of them.'),
            ('    --count', 'Print only the number of matches.'),
            ('    --keys', 'List the metadata keys, with types and ranges.'),
            ('    --exit-code', 'Exit with 7 if nothing is found.'),
            ('    --columns KEY[,KEY]', 'Metadata keys to show. Repeatable.'),
            ('    --sort KEY[,KEY]', 'number, size, files, created, metadata key; -KEY reverses.'),
            ('    --limit N', 'Show at most N (0: all): the newest, or the first by --sort.'),
            ('    --at TIME|SEQ', 'Show the state at this entry, time, date or age (2h).'),
        ),
        (
            'mreg ls',
            'mreg ls mnist --columns metrics.acc --sort -metrics.acc --limit 3',
            "mreg ls mnist --where 'metrics.acc >= 0.9 and age < 30d'",
            'mreg ls mnist:best digits:production',
        ),
    ),
    'show': (
        'mreg show REFERENCE',
        (
            'Show everything about a version, an artifact or a registered model.',
        ),
        (),
        (
            ('REFERENCE', 'A version, or the bare name of an artifact or a model.'),
        ),
        (),
        (
            'mreg show digits:production',
            'mreg show digits',
        ),
    ),
    'files': (
        'mreg files REFERENCE [OPTIONS]',
        (
            "List a version's files with size and digest. The digest is that of `b3sum FILE`.",
            'On a terminal the digests are shortened.',
            'Empty folders end with a slash. With --digest, print lines for `sha256sum -c` (md5sum, b3sum): files are read once, and their checksums remembered.',
        ),
        (),
        (
            ('REFERENCE', 'NAME, NAME:vN, NAME:ALIAS, NAME:latest or NAME:@DIGEST.'),
        ),
        (
            ('    --digest ALGORITHM', 'List checksums only: blake3, sha256, md5.'),
            ('    --full', 'Show whole digests and sizes in bytes on a terminal, too.'),
        ),
        (
            'mreg files mnist:best',
            'mreg files mnist:best --digest sha256',
        ),
    ),
    'cat': (
        'mreg cat REFERENCE FILE',
        (
            'Write one file to standard output, verified chunk by chunk; with --json, as base64.',
        ),
        (),
        (
            ('REFERENCE', 'NAME, NAME:vN, NAME:ALIAS, NAME:latest or NAME:@DIGEST.'),
            ('FILE', "The file's path in the version."),
        ),
        (),
        (
            'mreg cat mnist:best config.json',
        ),
    ),
    'diff': (
        'mreg diff A B [GLOB]... [OPTIONS]',
        (
            'Compare two versions, or a version with files outside the repository.',
            'Without options: files added (+), removed (-) and changed (~), how many of their tensors differ, and metadata that differs. Options choose what is shown of these.',
            'With --tensors, list tensors: with new NaN or infinite values (!), changed (~), of another dtype (c) or shape (s), renamed (r), added, removed, and those that could not be compared (x).',
        ),
        (),
        (
            ('A', 'A version, or a path that begins with /, ./, ../ or ~.'),
            ('B', 'The version or path to compare it with.'),
            ('GLOB...', 'With --tensors or --stat: only tensors whose names match.'),
        ),
        (
            ('    --tensors', 'List tensors and how much their values differ.'),
            ('    --stat', 'Summarize tensors by layer.'),
            ('    --files', 'Show files.'),
            ('    --metadata', 'Show metadata.'),
            ('    --sort KEY', 'Order of changed tensors: relative, name, size, max. Default: `relative`.'),
            ('    --limit N', 'List at most N tensors.'),
            ('    --all', 'List equal tensors too.'),
            ('    --strip-prefix PREFIX', 'Ignore this prefix of tensor names.'),
            ('    --strip-prefix-a PREFIX', 'The same, only for names in A.'),
            ('    --strip-prefix-b PREFIX', 'The same, only for names in B.'),
            ('    --exit-code', 'Exit with 7 if there are differences.'),
        ),
        (
            'mreg diff mnist:baseline mnist:best',
            'mreg diff digits:production ./ckpt --files',
            "mreg diff mnist:baseline mnist:best --tensors 'layers.*'",
        ),
    ),
    'metrics': (
        'mreg metrics NAME [METRIC...] [OPTIONS]',
        (
            'Show numeric metadata over versions: a table, or a chart of one to four metrics.',
            'The best value is shown for metrics whose direction the setting metrics.direction gives. In a pipe, there is one line per version with the values of the metrics that are named or, if none is, one line per metric.',
        ),
        (),
        (
            ('NAME', 'An artifact or a registered model.'),
            ('METRIC...', 'Numeric metadata keys; `acc` means `metrics.acc`.'),
        ),
        (
            ('    --where EXPR', 'Only versions that match (`mreg help filters`). Repeatable.'),
            ('    --last N', 'Only the newest N versions.'),
            ('    --log', 'Draw on a logarithmic axis.'),
            ('    --x KEY', 'The x axis: `number`, `created`, or a numeric metadata key. Default: `number`.'),
            ('    --svg FILE', 'Write the chart to this SVG file.'),
            ('    --html FILE', 'Write a page with the chart and its values.'),
            ('    --ascii', 'Draw with ASCII characters.'),
        ),
        (
            'mreg metrics mnist',
            'mreg metrics mnist acc --svg acc.svg',
        ),
    ),
    'lineage': (
        'mreg lineage REFERENCE [OPTIONS]',
        (
            'Show what a version was made from, what was made from it, and which runs used it.',
            "Formats: a tree (in a pipe, a row for each step), Mermaid for Markdown pages, and a CycloneDX ML-BOM, whose hashes are those of the version's files.",
        ),
        (),
        (
            ('REFERENCE', 'NAME, NAME:vN, NAME:ALIAS, NAME:latest or NAME:@DIGEST.'),
        ),
        (
            ('    --up', 'Show only what it was made from.'),
            ('    --down', 'Show only what was made from it and which runs used it.'),
            ('    --depth N', 'Show at most N steps.'),
            ('    --format FORMAT', 'tree, mermaid, cyclonedx. Default: `tree`.'),
        ),
        (
            'mreg lineage digits:production',
            'mreg lineage mnist --up --format mermaid',
        ),
    ),
    'html': (
        'mreg html OUT [OPTIONS]',
        (
            'Write a report of the repository as self-contained HTML, which needs no server.',
            'If OUT ends in .html, it is a single page; otherwise a folder of pages, which suits thousands of versions. Pages that mreg wrote there before are replaced; anything else is refused. Print the path to open.',
            'The pages show registered models with their cards, aliases with their history, versions with metadata, sizes, files and tensors, metrics as charts, lineage, and the journal. The same repository gives the same bytes.',
        ),
        (),
        (
            ('OUT', 'A file FILE.html, or a folder.'),
        ),
        (
            ('    --title TEXT', 'Title of the pages.'),
        ),
        (
            'mreg html report.html',
        ),
    ),
    'annotate': (
        'mreg annotate REFERENCE [OPTIONS]',
        (
            'Change the message, metadata, inputs and expiry of a version; its files never change.',
        ),
        (),
        (
            ('REFERENCE', 'NAME, NAME:vN, NAME:ALIAS, NAME:latest or NAME:@DIGEST.'),
        ),
        (
            ('-m, --message TEXT', 'Message of this version.'),
            ('    --meta KEY=VALUE', 'Metadata; dots nest; numbers and booleans keep their type. Repeatable.'),
            ('    --meta-file FILE', 'Metadata from a JSON or TOML file.'),
            ('    --unset KEY', 'Metadata key to remove. Repeatable.'),
            ('    --input REFERENCE', 'Version that it was made from. Repeatable.'),
            ('    --replace', 'Allow a single value to replace a whole mapping.'),
            ('    --ttl AGE', 'Let `mreg gc` delete it after AGE from now (30d; none: keep it).'),
        ),
        (
            "mreg annotate mnist:v1 -m 'clean run' --meta metrics.f1=0.9",
            'mreg annotate mnist:v1 --unset metrics.acc',
        ),
    ),
    'rm': (
        'mreg rm REFERENCE... [OPTIONS]',
        (
            'Delete versions, all or none. If an alias or a link holds one, this requires --force.',
            'Their numbers are never reused. `mreg gc` frees the space; until then, `mreg undo` restores the versions, with the aliases and links that --force removed.',
        ),
        (),
        (
            ('REFERENCE...', 'NAME:vN, or NAME:ALIAS.'),
        ),
        (
            ('    --force', 'Delete it even if aliases or links hold it, and remove those too.'),
            ('-m, --message TEXT', 'Reason, recorded in the history.'),
        ),
        (
            'mreg rm mnist:v2',
            'mreg rm mnist:v0 --force',
        ),
    ),
    'link': (
        'mreg link REFERENCE MODEL [OPTIONS]',
        (
            'Link a version into a registered model, and print the link as `MODEL:vN`.',
            'The model is created if it does not exist. A model links a version only once; repeating the command prints the existing link.',
        ),
        (),
        (
            ('REFERENCE', 'NAME, NAME:vN, NAME:ALIAS, NAME:latest or NAME:@DIGEST.'),
            ('MODEL', "The registered model's name."),
        ),
        (
            ('    --alias ALIAS', 'Move this alias of MODEL to the link. Repeatable.'),
            ('    --expect [[MODEL:]ALIAS=]vN', 'Move the alias only from vN (none: if it is new). For several: ALIAS=vN. Repeatable.'),
            ('-m, --message TEXT', 'Reason, recorded in the history.'),
            ('    --force', 'Link it even if MODEL is for versions of another type.'),
        ),
        (
            'mreg link mnist:best digits --alias production',
            'mreg link mnist:v2 digits --alias staging --expect v1',
        ),
    ),
    'unlink': (
        'mreg unlink MODEL:vN [OPTIONS]',
        (
            'Remove a link from a registered model; the version stays.',
        ),
        (),
        (
            ('MODEL:vN', 'The link.'),
        ),
        (
            ('    --force', 'Remove it even if aliases point at it, and remove those too.'),
            ('-m, --message TEXT', 'Reason, recorded in the history.'),
        ),
        (
            'mreg unlink digits:v1 --force',
        ),
    ),
    'alias': (
        'mreg alias COMMAND',
        (
            'Set, remove, list and roll back aliases.',
        ),
        (
            ('set', 'Move an alias to a version.'),
            ('rm', 'Remove an alias.'),
            ('rollback', 'Move an alias back to where it was.'),
            ('ls', 'List aliases.'),
        ),
        (),
        (),
        (),
    ),
    'alias set': (
        'mreg alias set ALIAS REFERENCE [OPTIONS]',
        (
            'Point an alias of a collection at one of its versions, atomically.',
            'With --expect, a compare-and-swap: exit code 7, and no change, if the alias is elsewhere.',
        ),
        (),
        (
            ('ALIAS', 'The alias, such as best or production.'),
            ('REFERENCE', 'NAME, NAME:vN, NAME:ALIAS, NAME:latest or NAME:@DIGEST.'),
        ),
        (
            ('    --expect vN|none', 'Move the alias only from vN (none: only if it is new).'),
            ('-m, --message TEXT', 'Reason, recorded in the history.'),
        ),
        (
            'mreg alias set best mnist:v2',
            "mreg alias set production digits:v1 --expect v0 -m 'canary was clean'",
        ),
    ),
    'alias rm': (
        'mreg alias rm ALIAS NAME [OPTIONS]',
        (
            'Remove an alias from a collection; the version stays.',
        ),
        (),
        (
            ('ALIAS', 'The alias, such as best or production.'),
            ('NAME', 'An artifact or a registered model.'),
        ),
        (
            ('    --expect vN', 'Change the alias only if it points at vN.'),
            ('-m, --message TEXT', 'Reason, recorded in the history.'),
        ),
        (
            'mreg alias rm staging digits',
        ),
    ),
    'alias rollback': (
        'mreg alias rollback ALIAS NAME [OPTIONS]',
        (
            'Move an alias back to the version it pointed at before.',
            'Versions that a rollback or an undo moved away from do not count: a second rollback goes further back. An alias that was removed is restored. With --expect: exit code 7, and no change, if the alias is elsewhere.',
        ),
        (),
        (
            ('ALIAS', 'The alias, such as best or production.'),
            ('NAME', 'An artifact or a registered model.'),
        ),
        (
            ('    --steps N', 'Number of moves to go back. Default: `1`.'),
            ('    --expect vN', 'Change the alias only if it points at vN.'),
            ('-m, --message TEXT', 'Reason, recorded in the history.'),
        ),
        (
            'mreg alias rollback production digits',
        ),
    ),
    'alias ls': (
        'mreg alias ls [NAME] [OPTIONS]',
        (
            'List aliases: collection, alias, number, and version.',
            'With --at: where they were, and the entry that moved them there.',
        ),
        (),
        (
            ('NAME', 'Only aliases of this collection.'),
        ),
        (
            ('    --at TIME|SEQ', 'Show the state at this entry, time, date or age (2h).'),
        ),
        (
            'mreg alias ls',
            'mreg alias ls digits',
        ),
    ),
    'tag': (
        'mreg tag COMMAND',
        (
            'Tag models and versions.',
        ),
        (
            ('add', 'Add tags to a model or a version.'),
            ('rm', 'Remove tags from a model or a version.'),
            ('ls', 'List tags, and what has them.'),
        ),
        (),
        (),
        (),
    ),
    'tag add': (
        'mreg tag add REFERENCE TAG... [OPTIONS]',
        (
            'Add tags to a registered model, or to a version; print all its tags.',
        ),
        (),
        (
            ('REFERENCE', 'A registered model, or a version as NAME:vN.'),
            ('TAG...', 'Words of letters, digits, _, - and spaces.'),
        ),
        (
            ('-m, --message TEXT', 'Reason, recorded in the history.'),
        ),
        (
            "mreg tag add digits vision 'on device'",
        ),
    ),
    'tag rm': (
        'mreg tag rm REFERENCE TAG... [OPTIONS]',
        (
            'Remove tags from a registered model, or from a version; print the remaining ones.',
        ),
        (),
        (
            ('REFERENCE', 'A registered model, or a version as NAME:vN.'),
            ('TAG...', 'Words of letters, digits, _, - and spaces.'),
        ),
        (
            ('-m, --message TEXT', 'Reason, recorded in the history.'),
        ),
        (
            'mreg tag rm digits vision',
        ),
    ),
    'tag ls': (
        'mreg tag ls [REFERENCE]',
        (
            'List the tags in use, with the models and versions that have them.',
        ),
        (),
        (
            ('REFERENCE', 'Only the tags of this model or version.'),
        ),
        (),
        (
            'mreg tag ls',
            'mreg tag ls digits',
        ),
    ),
    'card': (
        'mreg card NAME [OPTIONS]',
        (
            "Show a registered model's card, or set it with --file or --edit.",
            'A card may start with YAML front matter, as on the Hugging Face Hub: it is shown as fields, its tags become tags of the model, and `license` and `base_model` can be searched. In a pipe, the card is printed unchanged. The card of an artifact or a version is the README.md among its files.',
        ),
        (),
        (
            ('NAME', 'A registered model; to show: also an artifact or version.'),
        ),
        (
            ('    --file FILE', 'Set the card to this file (-: standard input).'),
            ('    --edit', 'Edit the card with $VISUAL or $EDITOR.'),
        ),
        (
            'mreg card digits',
            'mreg card digits --file README.md',
        ),
    ),
    'artifact': (
        'mreg artifact COMMAND',
        (
            'Manage artifacts.',
        ),
        (
            ('create', 'Create an empty artifact.'),
            ('ls', 'List artifacts.'),
            ('show', 'Show an artifact.'),
            ('describe', "Set an artifact's description."),
            ('rename', 'Rename an artifact.'),
            ('rm', 'Delete an artifact.'),
        ),
        (),
        (),
        (),
    ),
    'artifact create': (
        'mreg artifact create ARTIFACT [OPTIONS]',
        (
            'Create an empty artifact.',
        ),
        (),
        (
            ('ARTIFACT', "The artifact's name."),
        ),
        (
            ('    --type TYPE', 'Type of its versions. Default: `model`.'),
            ('-d, --description TEXT', 'Description.'),
            ('    --first N', 'Number of the first version or link: 0, or 1 as in MLflow. Default: `0`.'),
        ),
        (
            "mreg artifact create bert --description 'the large one'",
        ),
    ),
    'artifact ls': (
        'mreg artifact ls',
        (
            'List artifacts: name, type, number of versions, latest, description.',
        ),
        (),
        (),
        (),
        (
            'mreg artifact ls',
        ),
    ),
    'artifact show': (
        'mreg artifact show ARTIFACT',
        (
            'Show an artifact.',
        ),
        (),
        (
            ('ARTIFACT', "The artifact's name."),
        ),
        (),
        (
            'mreg artifact show mnist',
        ),
    ),
    'artifact describe': (
        'mreg artifact describe ARTIFACT TEXT',
        (
            "Set an artifact's description.",
        ),
        (),
        (
            ('ARTIFACT', "The artifact's name."),
            ('TEXT', 'The description.'),
        ),
        (),
        (
            "mreg artifact describe mnist 'handwritten digits'",
        ),
    ),
    'artifact rename': (
        'mreg artifact rename ARTIFACT NEW',
        (
            'Rename an artifact; versions keep their numbers, and aliases and links follow.',
        ),
        (),
        (
            ('ARTIFACT', "The artifact's name."),
            ('NEW', 'The new name.'),
        ),
        (),
        (
            'mreg artifact rename mnist mnist-cnn',
        ),
    ),
    'artifact rm': (
        'mreg artifact rm ARTIFACT [OPTIONS]',
        (
            'Delete an artifact. If it has versions, this requires --force.',
        ),
        (),
        (
            ('ARTIFACT', "The artifact's name."),
        ),
        (
            ('    --force', 'Also delete its versions, its aliases, and links to its versions.'),
        ),
        (
            'mreg artifact rm mnist --force',
        ),
    ),
    'model': (
        'mreg model COMMAND',
        (
            'Manage registered models.',
        ),
        (
            ('create', 'Create an empty registered model.'),
            ('ls', 'List registered models.'),
            ('show', 'Show a registered model.'),
            ('describe', "Set a model's description."),
            ('rename', 'Rename a registered model.'),
            ('rm', 'Delete a registered model.'),
        ),
        (),
        (),
        (),
    ),
    'model create': (
        'mreg model create MODEL [OPTIONS]',
        (
            'Create an empty registered model.',
        ),
        (),
        (
            ('MODEL', "The registered model's name."),
        ),
        (
            ('-d, --description TEXT', 'Description.'),
            ('    --tag TAG', 'A tag. Repeatable.'),
            ('    --first N', 'Number of the first version or link: 0, or 1 as in MLflow. Default: `0`.'),
            ('    --type TYPE', 'Type of its versions. Default: `model`.'),
        ),
        (
            'mreg model create fraud --tag tabular',
        ),
    ),
    'model ls': (
        'mreg model ls',
        (
            'List registered models: name, type, number of links, aliases, tags, description.',
        ),
        (),
        (),
        (),
        (
            'mreg model ls',
        ),
    ),
    'model show': (
        'mreg model show MODEL',
        (
            'Show a registered model: its card, tags, aliases and links.',
        ),
        (),
        (
            ('MODEL', "The registered model's name."),
        ),
        (),
        (
            'mreg model show digits',
        ),
    ),
    'model describe': (
        'mreg model describe MODEL TEXT',
        (
            "Set a registered model's description.",
        ),
        (),
        (
            ('MODEL', "The registered model's name."),
            ('TEXT', 'The description.'),
        ),
        (),
        (
            "mreg model describe digits 'reads digits'",
        ),
    ),
    'model rename': (
        'mreg model rename MODEL NEW',
        (
            'Rename a registered model; links keep their numbers, and aliases follow.',
        ),
        (),
        (
            ('MODEL', "The registered model's name."),
            ('NEW', 'The new name.'),
        ),
        (),
        (
            'mreg model rename digits zip-codes',
        ),
    ),
    'model rm': (
        'mreg model rm MODEL [OPTIONS]',
        (
            'Delete a registered model. If it has links, this requires --force. Versions are not affected.',
        ),
        (),
        (
            ('MODEL', "The registered model's name."),
        ),
        (
            ('    --force', 'Also delete its links and aliases.'),
        ),
        (
            'mreg model rm digits --force',
        ),
    ),
    'remote': (
        'mreg remote COMMAND',
        (
            'Name other repositories.',
        ),
        (
            ('add', 'Define a name for another repository.'),
            ('set', 'Change the location of a remote.'),
            ('rm', 'Remove a remote.'),
            ('ls', 'List remotes.'),
        ),
        (),
        (),
        (),
    ),
    'remote add': (
        'mreg remote add NAME LOCATION [OPTIONS]',
        (
            'Define a name for another repository.',
            "NAME/artifact:alias then refers to that repository, in most commands that only read. The name stands for the location only: credentials stay where ssh or the store's own tools look for them. The location is not contacted yet.",
        ),
        (),
        (
            ('NAME', "The remote's name."),
            ('LOCATION', 'A folder, or a URL: s3://, gs://, az://, ssh://, https://.'),
        ),
        (
            ('    --user', 'Store it in your own settings, for all repositories.'),
        ),
        (
            'mreg remote add team s3://models/vision',
            'mreg remote add backup /srv/models --user',
        ),
    ),
    'remote set': (
        'mreg remote set NAME LOCATION [OPTIONS]',
        (
            'Change the location of a remote.',
        ),
        (),
        (
            ('NAME', "The remote's name."),
            ('LOCATION', 'A folder, or a URL: s3://, gs://, az://, ssh://, https://.'),
        ),
        (
            ('    --user', 'Store it in your own settings, for all repositories.'),
        ),
        (
            'mreg remote set shared s3://models/speech',
        ),
    ),
    'remote rm': (
        'mreg remote rm NAME [OPTIONS]',
        (
            'Remove a remote. The repository that it refers to does not change.',
        ),
        (),
        (
            ('NAME', "The remote's name."),
        ),
        (
            ('    --user', 'Remove it from your own settings.'),
        ),
        (
            'mreg remote rm shared',
        ),
    ),
    'remote ls': (
        'mreg remote ls',
        (
            'List remotes: name, location, and the settings that define them.',
            'Remotes that a repository of somebody else defines are ignored, and listed as such.',
        ),
        (),
        (),
        (),
        (
            'mreg remote ls',
        ),
    ),
    'search': (
        'mreg search [TEXT] [OPTIONS]',
        (
            'Find registered models, artifacts and versions by name, text, tag, alias and metadata.',
            'With --where, --in, --path, --sort, --columns, --only-changed, --count or --keys, only versions are found; with -q, only their names are printed, one per line. --tag finds versions by their own tags and by those of the models that link them.',
        ),
        (),
        (
            ('TEXT', 'Text to find (case-insensitive).'),
        ),
        (
            ('    --where EXPR', 'Only versions that match (`mreg help filters`). Repeatable.'),
            ('    --tag TAG', 'Only models and versions with this tag. Repeatable.'),
            ('    --kind KIND', 'version, artifact or model.'),
            ('    --in NAME', 'Only versions of this collection. Repeatable.'),
            ('    --path PATH', 'Only versions that contain this file or folder.'),
            ('    --sort KEY[,KEY]', 'number, size, created, metadata key, …; -KEY reverses.'),
            ('    --columns KEY[,KEY]', 'Metadata keys to show. Repeatable.'),
            ('    --only-changed', 'Show metadata that is not the same in all of them.'),
            ('    --limit N', 'Show at most N (0: all): the newest, or the first by --sort.'),
            ('    --count', 'Print only the number of matches.'),
            ('    --keys', 'List the metadata keys, with types and ranges.'),
            ('    --exit-code', 'Exit with 7 if nothing is found.'),
        ),
        (
            'mreg search cosine',
            'mreg search --tag vision',
            'mreg search --where "params.arch = \'cnn\'" --columns metrics.acc',
            'mreg search --path ./ckpt',
        ),
    ),
    'push': (
        'mreg push REMOTE [REFERENCE]... [OPTIONS]',
        (
            'Send versions to another repository, and print those that are new there.',
            'Only data that the other side lacks is sent, and verified on the way. Versions keep their numbers; if a number belongs to another version there, nothing changes. An alias moves there only if nobody has moved it there since you last saw it. An interrupted push resumes where it stopped.',
        ),
        (),
        (
            ('REMOTE', 'Location or remote of the other repository.'),
            ('REFERENCE...', 'Versions of this repository.'),
        ),
        (
            ('    --all', 'Select all versions (of the named collections).'),
            ('    --where EXPR', 'Select versions that match (`mreg help filters`). Repeatable.'),
            ('    --alias A', 'Also transfer this alias. Repeatable.'),
            ('    --aliases', 'Also transfer all aliases of the versions.'),
            ('    --links', 'Also transfer their links in registered models.'),
            ('    --tags', "With --links: also transfer the models' tags."),
            ('    --card', "With --links: also transfer the models' cards."),
            ('    --renumber', 'Give versions the next free number if theirs is taken.'),
            ('    --restore', 'Also transfer versions that the receiving side has deleted.'),
            ('    --as NAME=OTHER', 'Transfer the collection NAME under the name OTHER. Repeatable.'),
            ('    --dry-run', 'Change nothing; print the plan and its size.'),
        ),
        (
            'mreg push ./other mnist:best --alias best',
            'mreg push ./other --all --dry-run',
        ),
    ),
    'pull': (
        'mreg pull REMOTE[/REFERENCE]... [OPTIONS]',
        (
            'Fetch versions from another repository, and print those that are new here.',
            'Like `mreg push` in the other direction: data already here is not fetched, versions keep their numbers, and an alias moves here only if nobody has moved it here since the last transfer.',
        ),
        (),
        (
            ('REMOTE[/REFERENCE]...', 'The other repository, and versions of it (also as REMOTE REFERENCE).'),
        ),
        (
            ('    --all', 'Select all versions (of the named collections).'),
            ('    --where EXPR', 'Select versions that match (`mreg help filters`). Repeatable.'),
            ('    --alias A', 'Also transfer this alias. Repeatable.'),
            ('    --aliases', 'Also transfer all aliases of the versions.'),
            ('    --links', 'Also transfer their links in registered models.'),
            ('    --tags', "With --links: also transfer the models' tags."),
            ('    --card', "With --links: also transfer the models' cards."),
            ('    --renumber', 'Give versions the next free number if theirs is taken.'),
            ('    --restore', 'Also transfer versions that the receiving side has deleted.'),
            ('    --as NAME=OTHER', 'Transfer the collection NAME under the name OTHER. Repeatable.'),
            ('    --dry-run', 'Change nothing; print the plan and its size.'),
        ),
        (
            'mreg pull ./other mnist:v1',
            "mreg pull ./other --where 'metrics.acc > 0.9'",
        ),
    ),
    'mirror': (
        'mreg mirror REMOTE',
        (
            'Create or update a mirror of this repository, and print its location.',
            'A mirror is the same repository in another place, with the same id, journal and data. Write only to the original: a mirror that was written to is refused. An interrupted run resumes where it stopped.',
        ),
        (),
        (
            ('REMOTE', 'Location or remote of the mirror.'),
        ),
        (),
        (
            'mreg mirror ./backup',
        ),
    ),
    'bundle': (
        'mreg bundle COMMAND',
        (
            'Transfer versions in a file.',
        ),
        (
            ('create', 'Write versions to a file for `mreg pull`.'),
        ),
        (),
        (),
        (),
    ),
    'bundle create': (
        'mreg bundle create FILE [REFERENCE]... [OPTIONS]',
        (
            'Write versions to a file for `mreg pull`, and print its name.',
            'The bundle contains everything that can be transferred with the versions; `mreg pull FILE` selects from it. While it is being written, it is called FILE.part, and an interrupted run resumes from that file. `-` is standard output; `mreg pull -` reads it.',
        ),
        (),
        (
            ('FILE', 'File to create (-: standard output).'),
            ('REFERENCE...', 'Versions of this repository.'),
        ),
        (
            ('    --all', 'Select all versions (of the named collections).'),
            ('    --where EXPR', 'Select versions that match (`mreg help filters`). Repeatable.'),
            ('    --since FILE', 'Leave out data that this bundle or repository has.'),
        ),
        (
            'mreg bundle create mnist.bundle mnist:best',
            'mreg bundle create rest.bundle --all --since ./other',
        ),
    ),
    'clone': (
        'mreg clone LOCATION [DIR]',
        (
            'Create a repository with all versions, aliases, links, tags and cards of another; print its path.',
            'The clone is an independent repository; its remote `origin` is the other one, so that changes can be pushed back. An interrupted clone resumes where it stopped.',
        ),
        (),
        (
            ('LOCATION', 'Location of the other repository.'),
            ('DIR', 'Create DIR/.mreg. Default: the name of the other repository.'),
        ),
        (),
        (
            'mreg clone ./other copy',
        ),
    ),
    'history': (
        'mreg history [NAME[:ALIAS]] [OPTIONS]',
        (
            'Show changes, oldest first: author, time, old and new values, reason.',
            'For NAME:ALIAS, show where the alias has been, and when. WHEN is the number of an entry (27), an age with its unit (2h, 14d), a date (2026-01-31) or a time (2026-01-31T14:00). Times are local on a terminal, and in UTC elsewhere.',
        ),
        (),
        (
            ('NAME[:ALIAS]', 'Only changes of this collection, or of one alias.'),
        ),
        (
            ('    --since WHEN', 'Only changes after this entry, or since this age or date.'),
            ('    --until WHEN', 'Only changes up to this entry, age or date.'),
            ('    --author WHO', 'Only changes of this account.'),
            ('    --action COMMAND', 'Only changes by this command: log, alias set, …'),
            ('    --limit N', 'Show at most N entries (0: all): the newest.'),
        ),
        (
            'mreg history --limit 10',
            'mreg history digits:production',
            'mreg history mnist --since 7d --action log',
        ),
    ),
    'undo': (
        'mreg undo N',
        (
            "Revert a whole change by a new change; print the new change's number.",
            'What the change created is deleted; what it deleted is restored. Undoing the undo makes the change again. Nothing is changed if a ref has been moved again since (exit code 4), or if later changes depend on this one or `mreg gc` has deleted the files of a version (exit code 6).',
        ),
        (),
        (
            ('N', 'Number of the change, as shown by `mreg history`.'),
        ),
        (),
        (
            'mreg undo 7',
        ),
    ),
    'du': (
        'mreg du [NAME]',
        (
            'Show sizes: of all files, after deduplication, and as stored on disk.',
            'For a collection, also for each version: what `mreg gc` frees once the version is deleted and the grace period is over, and the size of the chunks that nothing else needs.',
        ),
        (),
        (
            ('NAME', 'An artifact or a registered model.'),
        ),
        (),
        (
            'mreg du',
            'mreg du mnist',
        ),
    ),
    'gc': (
        'mreg gc [OPTIONS]',
        (
            'Expire versions by the retention rules, then delete unreachable data.',
            'Deleted versions stay on disk until the grace period (setting gc.grace) is over. With `--grace 0`, a concurrent `log` may have to read its files again.',
            'Versions expire by --keep-last, by --older-than, or, if both are given, if they meet both. The defaults are the settings gc.keep-last and gc.older-than. A version that an alias or a link holds never expires, and by these rules the latest version of an artifact does not either. --keep-best and --keep-where keep more versions, including those that they cannot judge because the number is missing or NaN. A key that no version has is an error.',
            "An artifact's own settings (`mreg config set --artifact`) take precedence over the options. A version with an expiry time (`mreg log --ttl`) expires at that time, even if it is the latest.",
            'Expired versions are deleted as by `mreg rm`, and `mreg undo` restores them within the grace period.',
        ),
        (),
        (),
        (
            ('    --dry-run', 'Change nothing; show what would be deleted, with sizes.'),
            ('    --grace AGE', 'Keep data that was reachable within AGE (14d, 2h, 0).'),
            ('    --keep-last N', 'Expire versions beyond the newest N of their artifact (0: no limit).'),
            ('    --older-than AGE', 'Expire versions older than AGE (0: no limit).'),
            ('    --keep-best max:KEY:N', 'Keep the N best of each artifact (min: for losses). Repeatable.'),
            ('    --keep-where EXPR', 'Keep versions that match (`mreg help filters`). Repeatable.'),
            ('    --repack', 'Rewrite packs that are mostly unneeded or could be much smaller.'),
        ),
        (
            'mreg gc --dry-run',
            'mreg gc --keep-last 10 --older-than 30d',
        ),
    ),
    'fsck': (
        'mreg fsck [OPTIONS]',
        (
            'Verify the repository; list damage and the affected versions.',
            'Exit code 5 if anything is damaged; with --repair, if any damage is left.',
            '--repair restores refs, settings and the applied mark from the journal, and moves foreign files to `lost-found/`. --from LOCATION restores records, packs and chunks with the same digests; LOCATION may be any repository or remote, and is only read. Journal entries are restored only from a copy of the same repository. Damage to the bytes of files is only found and repaired with --full.',
        ),
        (),
        (),
        (
            ('    --full', 'Read and verify every byte.'),
            ('    --repair', 'Repair damage where digests prove the result; list the rest.'),
            ('    --from LOCATION', 'With --repair: take damaged or missing data from this repository.'),
        ),
        (
            'mreg fsck',
            'mreg fsck --full',
        ),
    ),
    'cache': (
        'mreg cache COMMAND',
        (
            'Show and prune ready-to-load copies.',
        ),
        (
            ('ls', 'Show what is in the cache.'),
            ('prune', 'Delete ready-to-load copies.'),
        ),
        (),
        (),
        (),
    ),
    'cache ls': (
        'mreg cache ls',
        (
            'Show the contents of the cache: the size of each part, and all ready-to-load copies.',
            "The cache is MREG_CACHE, or the platform's cache folder. All repositories share it; this command needs none.",
        ),
        (),
        (),
        (),
        (
            'mreg cache ls',
        ),
    ),
    'cache prune': (
        'mreg cache prune [OPTIONS]',
        (
            'Delete ready-to-load copies, which `mreg use` can recreate. Print the number of bytes freed.',
            'Without options, delete all copies that were not used within the last 24 hours; with --older-than and --size, those that exceed either limit. Copies used within the last 24 hours are kept, as a program may still be reading them; --force deletes them too. Repositories and lookup tables are not touched. Other commands may run meanwhile.',
        ),
        (),
        (),
        (
            ('    --older-than AGE', 'Delete copies not used for AGE (30d, 12h).'),
            ('    --size SIZE', 'Delete the least recently used until copies take at most SIZE (20GiB).'),
            ('    --force', 'Also delete copies used within the last 24 hours.'),
            ('    --dry-run', 'Change nothing; show what would be deleted, with sizes.'),
        ),
        (
            'mreg cache prune --older-than 30d --dry-run',
        ),
    ),
    'config': (
        'mreg config COMMAND',
        (
            'Read and change settings.',
        ),
        (
            ('get', 'Print a setting.'),
            ('set', 'Change a setting.'),
            ('ls', 'List all settings.'),
        ),
        (),
        (),
        (),
    ),
    'config get': (
        'mreg config get NAME [OPTIONS]',
        (
            'Print the value of a setting, for the repository or for one artifact.',
        ),
        (),
        (
            ('NAME', 'Name of the setting, such as gc.grace.'),
        ),
        (
            ('    --artifact NAME', "Setting of this artifact, instead of the repository's: gc.keep-last …"),
            ('    --user', 'Your own setting, for all repositories: `safe.directory`.'),
        ),
        (
            'mreg config get gc.grace',
        ),
    ),
    'config set': (
        'mreg config set NAME VALUE [OPTIONS]',
        (
            'Change a setting of the repository, or of one artifact.',
            'An artifact may have its own gc.keep-last, gc.older-than, gc.keep-best and gc.keep-where, which override those of the repository and the options of `mreg gc`; the value `inherit` removes one.',
            '`core.shared group` also gives the group access to existing files. `--user safe.directory PATH` adds a repository to those of other users that you may write to; `*` stands for all, and an empty PATH clears the list.',
        ),
        (),
        (
            ('NAME', 'Name of the setting, such as gc.grace.'),
            ('VALUE', 'The new value.'),
        ),
        (
            ('    --artifact NAME', "Setting of this artifact, instead of the repository's: gc.keep-last …"),
            ('    --user', 'Your own setting, for all repositories: `safe.directory`.'),
        ),
        (
            'mreg config set gc.grace 30d',
        ),
    ),
    'config ls': (
        'mreg config ls [OPTIONS]',
        (
            'List all settings: name, value, meaning. With --artifact, only those set for it.',
        ),
        (),
        (),
        (
            ('    --artifact NAME', "Setting of this artifact, instead of the repository's: gc.keep-last …"),
            ('    --user', 'Your own setting, for all repositories: `safe.directory`.'),
        ),
        (
            'mreg config ls',
        ),
    ),
    'completion': (
        'mreg completion bash|zsh|fish [OPTIONS]',
        (
            'Print the script for shell completion.',
            "With --install, write it to a file of its own; the shell's startup files are never edited. To try it, run `source <(mreg completion bash)` (or zsh), or `mreg completion fish | source`.",
        ),
        (),
        (
            ('bash|zsh|fish', 'The shell.'),
        ),
        (
            ('    --install', 'Write the script where the shell looks for it; print the path.'),
        ),
        (
            'mreg completion bash --install',
        ),
    ),
    'help': (
        'mreg help [COMMAND|TOPIC]',
        (
            'Explain a command, as its --help does, or a topic.',
            'Topics: references, filters, exit-codes, json, formats, options (of every command), commands (all of them).',
        ),
        (),
        (
            ('COMMAND|TOPIC', 'A command, or a topic: see `mreg help`.'),
        ),
        (),
        (
            'mreg help log',
            'mreg help references',
        ),
    ),
    'version': (
        'mreg version',
        (
            'Print the versions of mreg and of its formats.',
        ),
        (),
        (),
        (),
        (
            'mreg version',
        ),
    ),
}
