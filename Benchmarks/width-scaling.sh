#!/bin/sh
# Step time of the engines against the width: one benchmark a width, and a Markdown table with the fitted exponents.
#
#     Benchmarks/width-scaling.sh [FIRETREE]
#
# FIRETREE is the command to run (default .build/release/firetree). The environment chooses the rest:
#     WIDTHS   numbers of neurons                    (10000 31623 100000 316228 1000000)
#     POINTS   data points                           (16)
#     ENGINES  separated by commas                   (dense,data-tree,weight-tree,gram,weights)
#     STEPS    steps timed at each width             (30)
#     RAW      keep the benchmark's JSON lines here  (nowhere)
# Times are medians over the steps; the exponent e is the least-squares slope of log(time) over log(width), so that
# time grows as width^e. Nothing else should run on the machine meanwhile.
set -eu
cd "$(dirname "$0")/.."

firetree=${1:-.build/release/firetree}
widths=${WIDTHS:-"10000 31623 100000 316228 1000000"}
points=${POINTS:-16}
engines=${ENGINES:-dense,data-tree,weight-tree,gram,weights}
steps=${STEPS:-30}
images=Examples/data/t10k-images-idx3-ubyte.gz
labels=Examples/data/t10k-labels-idx1-ubyte.gz

lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
for width in $widths; do
  echo "width $width" >&2
  "$firetree" benchmark $images --labels $labels --initial gaussian --start independent --points "$points" --neurons "$width" --engines "$engines" \
    --steps "$steps" --json 2>/dev/null >>"$lines" || {
    echo "width-scaling.sh: the benchmark of width $width failed; run it without --json to see why" >&2
    exit 1
  }
done
[ -z "${RAW:-}" ] || cp "$lines" "$RAW"

processor=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
echo "$(date +%Y-%m-%d), commit $(git rev-parse --short HEAD), $(nproc) cores of ${processor:-an unknown processor}," \
  "n = $points, d = 784, median of $steps steps."
echo
python3 - "$lines" <<'PYTHON'
import json
import math
import sys

rows = [json.loads(line) for line in open(sys.argv[1])]
engines = list(dict.fromkeys(row["engine"] for row in rows))
widths = sorted({row["neurons"] for row in rows})
found = {(row["engine"], row["neurons"]): row for row in rows}


def milliseconds(seconds):
    ms = seconds * 1000
    return f"{ms:.1f} ms" if ms < 100 else f"{ms:,.0f} ms"


def exponent(engine):
    """The least-squares slope of log(step time) over log(width)."""
    points = [(math.log(m), math.log(found[engine, m]["step_seconds_median"])) for m in widths]
    x, y = (sum(column) / len(points) for column in zip(*points))
    spread = sum((a - x) ** 2 for a, _ in points)
    return f"{sum((a - x) * (b - y) for a, b in points) / spread:.2f}" if spread else "-"


def table(header, body):
    print("| " + " | ".join(header) + " |")
    print("|" + "---:|" * len(header))
    for row in body:
        print("| " + " | ".join(row) + " |")


body = []
for m in widths:
    some = found[engines[0], m]
    body.append(
        [f"{m:,}", f"{100 * some['firing_share']:.2f}%", f"{100 * some['neurons_moved'] / m:.1f}%"]
        + [milliseconds(found[e, m]["step_seconds_median"]) for e in engines])
body.append(["**exponent**", "", ""] + [f"**{exponent(e)}**" for e in engines])
table(["m", "pairs that fire", "neurons moved"] + engines, body)

print("\nPreprocessing time and peak memory of the process:\n")
table(["m"] + engines, [
    [f"{m:,}"] + [
        f"{found[e, m]['preprocess_seconds']:.2f} s, {found[e, m]['peak_bytes'] / 1e9:.2f} GB" for e in engines]
    for m in widths])

print()
differences = [
    abs(a - b) / b
    for m in widths for e in engines if (engines[0], m) in found
    for a, b in zip(found[e, m]["losses"], found[engines[0], m]["losses"]) if b]
print(f"Largest relative loss difference from {engines[0]}, all widths and steps: {max(differences, default=0):.1e}.")
PYTHON
