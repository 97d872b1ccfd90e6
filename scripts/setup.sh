#!/bin/sh
# Prepare the checkout's Python environment in the directory $1 with what the files $2... list; nothing where that is done.
# What the system lacks is installed from Debian's or Ubuntu's packages when run as root; else one sentence says what to do.
set -eu
cd "$(dirname "$0")/.."
checkout=$(pwd)
venv=$1
shift

die() { echo "make: $1" >&2; exit 1; }

patiently() { # command...: its last line every ten seconds; all that it says goes to the log
    started=$(date +%s)
    while sleep 10 >/dev/null 2>&1 9<&-; do
        echo "  $(($(date +%s) - started)) s ... $(tail -n 1 "$log" | tr -cd '[:print:]' | cut -c 1-90)"
    done &
    ticker=$!
    "$@" >"$log" 2>&1 && result=0 || result=$?
    kill "$ticker" 2>/dev/null || :
    return "$result"
}

install_package() { # package, what it is for
    command -v apt-get >/dev/null || die "$2 needs the package $1, which only Debian's and Ubuntu's apt-get is asked for; please install it."
    [ "$(id -u)" = 0 ] || die "$2 needs the package $1; please run: sudo apt-get install $1"
    echo "Installing $1, for $2 (some seconds to a minute) ..."
    export DEBIAN_FRONTEND=noninteractive
    # A server that was just rented is busy with its own first upgrade: wait for it.
    { patiently apt-get update && patiently apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$1"; } \
        || { tail -n 5 "$log" >&2; die "apt-get could not install $1 (see above)."; }
}

# The environment names the place and the Python that it was made for.
whole() {
    [ ! -e "$venv/.incomplete" ] \
        && grep -qxF "$checkout/$venv/collections" "$venv"/lib/python3.*/site-packages/ibgw.ops.pth \
        && "$venv/bin/python" -c 'import pip'
} 2>/dev/null

log=$(mktemp)
ticker=
trap 'rm -f "$log"; [ -z "$ticker" ] || kill "$ticker" 2>/dev/null || :' EXIT
trap 'exit 130' INT
trap 'exit 143' HUP TERM

# One at a time: two of pip leave an environment that lacks half of both.
exec 9<scripts/setup.sh
flock -n 9 || { echo "Another make prepares $venv; waiting for it ..."; flock 9; }

whole || rm -rf "$venv"
missing=
for list; do cmp -s "$list" "$venv/$list" || missing="$missing $list"; done
[ -n "$missing" ] || exit 0

python=
for candidate in python3 python3.13 python3.12 python3.11; do
    # A version manager's shim may be on the path without an interpreter behind it: ask, do not look.
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$candidate; break; fi
done
[ -n "$python" ] || die "the controller needs Python 3.11 or newer, and the path has $(python3 --version 2>/dev/null || echo none); please install one (Debian 12 and Ubuntu 24.04 come with it)."

"$python" -c 'import ensurepip, venv' 2>/dev/null \
    || install_package "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" "a virtual environment"
case $missing in *-dev.txt*)
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null || install_package chromium "testing reports in a browser" ;;
esac
command -v ssh >/dev/null || install_package openssh-client "Ansible's way to other machines"

mkdir -p "$venv"
touch "$venv/.incomplete"
if [ ! -x "$venv/bin/python" ]; then
    echo "Making a virtual environment in $venv (some seconds) ..."
    patiently "$python" -m venv "$venv" || { tail -n 5 "$log" >&2; die "no virtual environment could be made (see above)."; }
    # A directory of its own rather than site-packages, where type checkers do not look into links.
    mkdir -p "$venv/collections/ansible_collections/ibgw"
    ln -s "$checkout" "$venv/collections/ansible_collections/ibgw/ops"
    echo "$checkout/$venv/collections" > "$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/ibgw.ops.pth"
fi
for list in $missing; do
    case $list in *-dev.txt) size="700 MB, a minute or several" ;; *) size="60 MB, half a minute or so" ;; esac
    echo "Installing Python packages of $list into $venv ($size) ..."
    patiently "$venv/bin/python" -m pip install --disable-pip-version-check --progress-bar off -r "$list" \
        || { tail -n 5 "$log" >&2; die "pip could not install $list (see above)."; }
    cp "$list" "$venv/"
done
rm "$venv/.incomplete"
