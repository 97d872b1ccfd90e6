#!/bin/sh
# Prepare the checkout's Python environment in the directory $1: controller, libraries of the probes, tools.
# What the system lacks is installed from Debian's or Ubuntu's packages when run as root; else one sentence says what to do.
set -eu
venv=$1
checkout=$(cd "$(dirname "$0")/.." && pwd)

die() { echo "make env: $1" >&2; exit 1; }

install_package() { # package, what it is for
    command -v apt-get >/dev/null || die "$2 needs the package $1, which only Debian's and Ubuntu's apt-get is asked for; please install it."
    [ "$(id -u)" = 0 ] || die "$2 needs the package $1; please run: sudo apt-get install $1"
    echo "Installing $1 ($2) ..."
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$1"; } >"$log" 2>&1 \
        || { tail -n 5 "$log" >&2; die "apt-get could not install $1 (see above)."; }
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

python=
for candidate in python3 python3.13 python3.12 python3.11; do
    # A version manager's shim may be on the path without an interpreter behind it: ask, do not look.
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$candidate; break; fi
done
[ -n "$python" ] || die "the controller needs Python 3.11 or newer, and there is none on the path."

"$python" -c 'import ensurepip, venv' 2>/dev/null \
    || install_package "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" "a virtual environment"
command -v ssh >/dev/null || install_package openssh-client "Ansible's way to other machines"

# One whose making was cut off has a Python and no pip.
"$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv "$venv"
echo "Installing Python packages into $venv (about a minute the first time) ..."
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$checkout/requirements-dev.txt" >"$log" 2>&1 \
    || { tail -n 5 "$log" >&2; die "pip could not install requirements-dev.txt (see above)."; }

# A directory of its own rather than site-packages, where type checkers do not look into links.
mkdir -p "$venv/collections/ansible_collections/ibgw"
ln -sfn "$checkout" "$venv/collections/ansible_collections/ibgw/ops"
echo "$checkout/$venv/collections" > "$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/ibgw.ops.pth"
