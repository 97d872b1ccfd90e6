#!/bin/sh
# Put promtool, which tests the alerts, at .cache/promtool. It is taken out of the distribution's package of Prometheus, which is
# unpacked and not installed, so that no server starts and nobody needs to be root.
set -eu
cd "$(dirname "$0")/.."
promtool=.cache/promtool

[ -x "$promtool" ] && exit 0
mkdir -p .cache
place=$(mktemp -d .cache/promtool.XXXXXX)
trap 'rm -rf "$place"' EXIT
: >"$place/log"

die() { tail -n 5 "$place/log" >&2; echo "make: $1" >&2; exit 1; }
fetch() { (cd "$place" && apt-get download prometheus) >"$place/log" 2>&1; }

if command -v promtool >/dev/null; then
    ln -s "$(command -v promtool)" "$place/promtool"
else
    command -v apt-get >/dev/null || die "the tests of the alerts need promtool, of Prometheus; please install it."
    echo "Fetching promtool, for the tests of the alerts (20 MB, some seconds) ..."
    # A machine that was just set up has no lists of packages, which only root can fetch.
    fetch || { [ "$(id -u)" = 0 ] && apt-get update >"$place/log" 2>&1 && fetch; } \
        || die "apt-get could not download the package prometheus, for the tests of the alerts; please run: sudo apt-get update"
    dpkg-deb --fsys-tarfile "$place"/prometheus_*.deb | tar -x -C "$place" --strip-components 3 ./usr/bin/promtool \
        || die "the package prometheus could not be unpacked."
fi
"$place/promtool" --version >"$place/log" 2>&1 || die "promtool does not run here (see above)."
mv "$place/promtool" "$promtool"
