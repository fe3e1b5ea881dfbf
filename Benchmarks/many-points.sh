#!/bin/sh
# Where the tree engines do not pay: many points, and thresholds at which much fires. One benchmark a case, and a
# Markdown table of step time and memory.
#
#     Benchmarks/many-points.sh [FIRETREE]
#
# FIRETREE is the command to run (default .build/release/firetree). The environment chooses the rest:
#     ENGINES  separated by commas  (dense,data-tree,weight-tree,gram,weights)
#     STEPS    steps timed          (5)
# Times are medians over the steps. Nothing else should run on the machine meanwhile.
set -eu
cd "$(dirname "$0")/.."

firetree=${1:-.build/release/firetree}
engines=${ENGINES:-dense,data-tree,weight-tree,gram,weights}
steps=${STEPS:-5}
images=Examples/data/t10k-images-idx3-ubyte.gz
labels=Examples/data/t10k-labels-idx1-ubyte.gz

lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
measure() {
  echo "$*" >&2
  "$firetree" benchmark $images --labels $labels --initial gaussian --start independent --engines "$engines" --steps "$steps" --json "$@" 2>/dev/null >>"$lines" || {
    echo "many-points.sh: the benchmark failed; run it without --json to see why" >&2
    exit 1
  }
}
measure --points 1000 --neurons 20000
measure --points 1000 --neurons 20000 --firing-share 0.1
measure --points 1000 --neurons 20000 --firing-share 0.2
measure --points 1000 --neurons 20000 --firing-share 0.5
measure --points 8000 --neurons 5000

processor=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
echo "$(date +%Y-%m-%d), commit $(git rev-parse --short HEAD), $(nproc) cores of ${processor:-an unknown processor}," \
  "d = 784, median of $steps steps; step time and peak memory of the process."
echo
python3 - "$lines" <<'PYTHON'
import json
import sys

rows = [json.loads(line) for line in open(sys.argv[1])]
engines = list(dict.fromkeys(row["engine"] for row in rows))
cases = {}
for row in rows:
    # Engines of one case follow each other; a case starts with the first engine.
    if row["engine"] == engines[0]:
        current = []
        cases[len(cases)] = current
    current.append(row)

print("| n | m | pairs that fire | neurons moved | " + " | ".join(engines) + " |")
print("|" + "---:|" * (4 + len(engines)))
for case in cases.values():
    first = case[0]
    cells = [f"{first['points']:,}", f"{first['neurons']:,}", f"{100 * first['firing_share']:.1f}%"]
    cells.append(f"{100 * first['neurons_moved'] / first['neurons']:.1f}%")
    cells += [f"{row['step_seconds_median'] * 1000:,.0f} ms, {row['peak_bytes'] / 1e6:,.0f} MB" for row in case]
    print("| " + " | ".join(cells) + " |")
PYTHON
