#!/bin/sh
# What users get, the collection as it is packed: Galaxy's import of it, then ansible-test sanity where it is installed.
set -eu
checkout=$(cd "$(dirname "$0")/.." && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$checkout"
ansible-galaxy collection build --output-path "$place" >/dev/null
ansible-galaxy collection install "$place"/ibgw-ops-*.tar.gz --collections-path "$place" --offline --force >/dev/null

# The importer ends with 0 whatever its linters say: a word of warning counts as a failure here.
cd "$place"
echo "Importing the package as Galaxy does ..."
if ! python -m galaxy_importer.main ibgw-ops-*.tar.gz >import.log 2>&1 || grep -qE '^(WARNING|ERROR|CRITICAL)' import.log; then
    cat import.log >&2
    exit 1
fi
cd "$checkout"

# ansible-test bootstraps pip with a script from a host that is no package registry. The interpreter's own ensurepip does the
# same, also where that host can not be reached: put it into the cache that ansible-test looks into first.
version=$(python -c '
import inspect, re
from ansible_test._internal import python_requirements
print(re.search(r"pip=.([0-9.]+).", inspect.getsource(python_requirements))[1].replace(".", "_"))')
script=$HOME/.ansible/test/cache/get_pip_$version.py
[ -e "$script" ] || { mkdir -p "$(dirname "$script")"; cp scripts/get_pip_offline.py "$script"; }

cd "$place/ansible_collections/ibgw/ops"
python=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
ansible-test sanity --local --python "$python" --color no
