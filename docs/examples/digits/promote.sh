#!/usr/bin/env bash
# Promote the best checkpoint of `digits` to production: a step for a CI pipeline.
#
# It uses the repository that mreg finds by itself ($MREG_REPO, or the nearest .mreg upwards from here).
# Needs on the PATH: mreg, and a python3 with numpy, safetensors and scikit-learn.
#
# Exit status: 0 production serves the best checkpoint, with the accuracy that was recorded for it
#              1 it does not: the best checkpoint is not as good as its metadata says, and was not promoted; or
#                somebody moved production again before the final check
#              7 somebody else promoted meanwhile: nothing was moved; run it again to decide again
#              anything else is that of the mreg command that failed
#
# Running it again changes nothing if there is no better checkpoint.
set -euo pipefail

artifact=digits
model=digits-classifier
alias=production
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Where production points now. This is read before the candidates: if somebody promotes between here and `alias set`,
# `--expect` fails, so that an older choice never replaces a newer one.
mreg --quiet model create "$model" >/dev/null
aliases=$(mreg alias ls "$model" --json)
current=$(python3 -c '
import json, sys
found = [a["number"] for a in json.load(sys.stdin)["aliases"] if a["alias"] == sys.argv[1]]
print(f"v{found[0]}" if found else "none")
' "$alias" <<<"$aliases")

# The best version: highest accuracy, then lowest loss, then the newest.
versions=$(mreg ls "$artifact" --json)
best=$(python3 -c '
import json, sys
measured = [
    (metrics["accuracy"], -metrics.get("loss", 0), version["number"], version["name"])
    for version in json.load(sys.stdin)["versions"]
    if "accuracy" in (metrics := version["metadata"].get("metrics", {}))
]
if not measured:
    sys.exit("error: no version has a metrics.accuracy")
accuracy, _, _, name = max(measured)
print(name, accuracy)
' <<<"$versions")
read -r version accuracy <<<"$best"
echo "best      $version, recorded accuracy $accuracy"

# Evaluate it before anything points at it.
folder=$(mreg use "$version")
python3 "$here/evaluate.py" "$folder" --expect "$accuracy" >/dev/null || {
    echo "error: $version is not promoted; $model:$alias stays where it is ($current)" >&2
    echo "hint: correct its record with \`mreg annotate $version\`, or delete it with \`mreg rm $version\`" >&2
    exit 1
}

# The link. Linking a version that is already linked returns the existing link.
link=$(mreg --quiet link "$version" "$model")
echo "linked    $link is $version"

# This is the only moment at which production changes.
mreg --quiet alias set "$alias" "$link" --expect "$current" >/dev/null
if [ "$current" = "${link#*:}" ]; then
    echo "alias     $model:$alias is $current already"
else
    echo "alias     $model:$alias moved from $current to ${link#*:}"
fi

# Evaluate the served model, under the name that a server uses.
folder=$(mreg use "$model:$alias")
served=$(python3 "$here/evaluate.py" "$folder" --expect "$accuracy") || {
    echo "error: $model:$alias does not serve what was promoted" >&2
    exit 1
}
echo "served    $model:$alias has accuracy $served, as recorded"
