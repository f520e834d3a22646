#!/usr/bin/env bash
# The steps of `make demo`: train, log, promote, serve; train more, promote again.
# Everything happens in a temporary folder with a separate cache, and is deleted afterwards.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder" && rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM
cd "$folder"
unset MREG_REPO
export MREG_CACHE="$folder/cache"

say() {
    printf '\n# %s\n' "$*"
}

run() {
    printf '$ %s\n' "${*//"$here/"/}"
    "$@"
}

say "A repository is a folder."
run mreg --quiet init

say "Train a digit reader. Each epoch's checkpoint becomes a version of the artifact 'digits'."
run python3 "$here/train.py" --epochs 6

say "The CI script picks the best by its accuracy, links it to a registered model, and moves 'production'."
run bash "$here/promote.sh"

say "A server asks for production, and gets a folder that is ready to load."
run mreg resolve digits-classifier:production
run python3 "$here/evaluate.py" "$(mreg use digits-classifier:production)"

say "Train again, for longer, and promote what is best now."
run python3 "$here/train.py" --epochs 15 --seed 1
run bash "$here/promote.sh"

say "What the registered model holds, and who changed its references."
run mreg show digits-classifier
run mreg history digits-classifier

say "The same as a page for a browser, which needs no server."
run mreg --quiet html "${REPORT:-report.html}"

say "Every byte and every reference is checked; equal content is stored once."
run mreg fsck --full
run mreg du
