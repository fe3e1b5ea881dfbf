#!/bin/sh
# Train on 8,000 bundled MNIST digits, evaluate on the 2,000 held-out ones, and predict a few of those.
set -eu

firetree=$1
out=$2
images=Examples/data/t10k-images-idx3-ubyte.gz
labels=Examples/data/t10k-labels-idx1-ubyte.gz

mkdir -p "$out"
run() {
  echo
  echo "\$ firetree $*"
  "$firetree" "$@"
}
run train $images --labels $labels --points 8000 --iterations 40 --out "$out/digits.safetensors"
run evaluate "$out/digits.safetensors" $images --labels $labels --skip 8000
run predict "$out/digits.safetensors" $images --skip 8000 --points 5 --out "$out/predictions.csv"
echo
head -n 6 "$out/predictions.csv"
