#!/bin/sh
# Says which commit the sources in a folder are of, by default those of this repository: its short name, with
# "-modified" when they differ from it, or "unknown".
cd "${1:-$(dirname "$0")/..}" || exit
commit=$(git rev-parse --short HEAD 2>/dev/null) || { echo unknown; exit; }
[ -z "$(git status --porcelain -- Sources Package.swift)" ] || commit=$commit-modified
echo "$commit"
