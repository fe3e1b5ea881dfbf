#!/bin/sh
# Kinetic training, step by step: neurons of which something is computed and pairs that change state, step time beside another engine, loss.
#
#     Benchmarks/kinetic-figure.sh [IMAGES LABELS [FIRETREE]]
#
# IMAGES and LABELS are IDX files (default the bundled digits), FIRETREE is the command (default
# .build/release/firetree). The environment chooses the rest:
#     NEURONS    width                                 (100000)
#     POINTS     data points                           (1000)
#     STEPS      steps of plain gradient descent       (200)
#     BESIDE     the engine to compare with            (dense)
#     BESIDE_STEPS  steps of that engine               (10)
#     OUT        the figure, and the CSV beside it     (Documentation/kinetic.svg)
# Without gnuplot (Debian: gnuplot-nox) only the CSV is written. Nothing else should run on the machine meanwhile.
set -eu
cd "$(dirname "$0")/.."

images=${1:-Examples/data/t10k-images-idx3-ubyte.gz}
labels=${2:-Examples/data/t10k-labels-idx1-ubyte.gz}
firetree=${3:-.build/release/firetree}
neurons=${NEURONS:-100000}
points=${POINTS:-1000}
steps=${STEPS:-200}
beside=${BESIDE:-dense}
out=${OUT:-Documentation/kinetic.svg}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
run() {
  echo "$1, $2 steps" >&2
  "$firetree" train "$images" --labels "$labels" --initial gaussian --start independent --task regression --points "$points" --neurons "$neurons" \
    --momentum 0 --engine "$1" --iterations "$2" --log "$work/$1.jsonl" --out "$work/model.safetensors" >&2
}
run "$beside" "${BESIDE_STEPS:-10}"
run kinetic "$steps"

python3 - "$work/kinetic.jsonl" "$work/$beside.jsonl" >"${out%.svg}.csv" <<'PYTHON'
import json
import sys

kinetic, beside = ([json.loads(line) for line in open(path)] for path in sys.argv[1:])


def counter(row, name):
    return row["counters"][name]


print("step,computed,changed_pairs,seconds,beside_seconds,loss,beside_loss")
for k, row in enumerate(kinetic[1:], 1):
    other = beside[k] if k < len(beside) else {}
    print(",".join(str(value) for value in [
        k, counter(row, "neurons_looked_at"), counter(row, "pairs_changed"), row["seconds"], other.get("seconds", ""),
        row["loss"], other.get("loss", "")]))
PYTHON
command -v gnuplot >/dev/null || {
  echo "kinetic-figure.sh: no gnuplot, so only ${out%.svg}.csv" >&2
  exit 0
}
gnuplot -e "table='${out%.svg}.csv'; figure='$out'; beside='$beside'" Benchmarks/kinetic-figure.gnuplot
