#!/bin/bash
# What try.sh does once systemd runs: the unit as it is installed, with its rights and none else. Each step is waited for, a minute long.
set -euo pipefail
trap 'echo "WRONG: line $LINENO: $BASH_COMMAND"; journalctl --no-pager --unit tgmd --lines 30 || true' ERR
until_true() {
    for _ in $(seq 600); do # a minute and more
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    echo "WRONG: never: $*"
    return 1
}
answers() { tgmctl status; }
main() { systemctl show tgmd --property MainPID --value; }
another() { local now; now=$(main); [ "$now" != 0 ] && [ "$now" != "$1" ]; }
publisher() { pgrep -u tgm -f 'tgmd publish'; }

until_true ip link set lo up
[ "$(systemctl is-enabled tgmd || true)" = disabled ]
systemctl start tgmd
until_true answers
until_true publisher
echo "ok: started, answers, the publisher is user tgm"
[ "$(stat -c '%U:%a' /run/tgm)" = root:750 ]
[ -z "$(find /run/tgm -type s -perm /o=w)" ]
rights=$(sed -n 's/^CapEff:\t//p' "/proc/$(publisher | head -1)/status")
[ "$rights" = 0000000000000000 ]
echo "ok: sockets are nobody else's, the publisher has no capability"
first=$(main)
systemctl reload tgmd
until_true answers
[ "$(main)" = "$first" ]
echo "ok: reloaded in place"
kill -9 "$first"
until_true another "$first"
until_true answers
echo "ok: killed, and back by itself"
systemd-analyze security --no-pager tgmd | tail -1
systemctl stop tgmd
[ "$(systemctl is-active tgmd || true)" = inactive ]
echo "ok: stopped"
echo "ok: all of it"
