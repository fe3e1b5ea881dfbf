#!/bin/sh
# Install the Debian or Ubuntu packages that FireTree builds with, those that are missing.
#
# As root (or with sudo that asks nothing) it installs them; otherwise it says which ones to install and fails.
set -eu

packages="libopenblas-dev zlib1g-dev libcsv-dev pkg-config python3"

command -v swift >/dev/null || {
  echo "firetree: no swift in PATH; install a Swift toolchain, 6.2 or newer (swift.org/install)" >&2
  exit 1
}

if ! command -v dpkg-query >/dev/null; then
  echo "firetree: not a Debian system; make sure that OpenBLAS, zlib and libcsv with their headers are installed" >&2
  exit 0
fi

missing=""
for package in $packages; do
  # pkgconf provides pkg-config on newer systems; any python3 will do.
  case "$package" in pkg-config | python3) command -v "$package" >/dev/null && continue ;; esac
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
  run=""
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  run="sudo"
else
  echo "firetree: system packages are missing and this user is not root; install them with" >&2
  echo "    sudo apt-get install$missing" >&2
  exit 1
fi

echo "firetree: installing$missing"
$run env DEBIAN_FRONTEND=noninteractive apt-get update -qq
# shellcheck disable=SC2086 # the list is split on purpose
$run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
