#!/bin/sh
# What a container needs before systemd can be its init; nothing of it shows to who logs in.
set -eu

# The engine mounts control groups read-only. They are this container's own, and systemd and an engine in here write to them.
awk '$3 ~ /^cgroup2?$/ { print $2 }' /proc/mounts | while read -r hierarchy; do
    mount -o remount,bind,rw "$hierarchy"
done

# On a machine with the first version of control groups, newer releases of systemd start only when told to.
if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
    export SYSTEMD_PROC_CMDLINE="systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"
fi
exec /sbin/init
