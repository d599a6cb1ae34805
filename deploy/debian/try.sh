#!/usr/bin/env bash
# Builds the package, installs it on a throw-away copy of this machine (an overlay; nothing of the machine changes), runs what it brings,
# boots systemd in that copy, where the unit is started, killed, reloaded and stopped, and removes it again.
# usage: try.sh [FOLDER OF tgmd AND tgmctl]     default: target/debug
# A part that this machine cannot do says SKIPPED with the reason. Needs root.
set -euo pipefail
cd "$(dirname "$0")/../.."
from=$(realpath "${1:-target/debug}")
skip() { echo "SKIPPED: $*"; exit 0; }
command -v dpkg-deb >/dev/null || skip 'no dpkg-deb'

work=$(mktemp -d)
mounted=
leave() {
    [ -z "$mounted" ] || umount "$work/over/root"
    [ ! -d "$work/over" ] || umount "$work/over" || true
    rm -rf --one-file-system "$work"
}
trap leave EXIT
deploy/debian/build.sh "$from" "$work"
deb=$(echo "$work"/tgm_*.deb)
cp "$deb" "$work/first.deb"
deploy/debian/build.sh "$from" "$work" >/dev/null
cmp "$deb" "$work/first.deb" # the same programs, the same package
dpkg-deb --info "$deb" | sed -n '/Depends/p;/Installed-Size/p'

[ "$(id -u)" = 0 ] || skip 'not root: the package is not installed'
mkdir "$work/over"
mount -t tmpfs tmpfs "$work/over" || skip 'no mounts here'
mkdir "$work/over/up" "$work/over/work" "$work/over/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/over/up,workdir=$work/over/work" "$work/over/root" || skip 'no overlay here'
mounted=yes
root=$work/over/root
mkdir -p "$root/opt/try"
cp "$deb" "$root/opt/try/tgm.deb"
inside() { chroot "$root" "$@"; }
say() { echo "ok: $*"; }

# Not mounted in the copy, so that maintainer scripts see no systemd.
rm -rf "$root/run/systemd/system"
inside dpkg --install /opt/try/tgm.deb >/dev/null
inside tgmd check /etc/tgm/tgmd.toml
grep -qx "uid = $(inside id -u tgm) .*" "$root/etc/tgm/tgmd.toml"
[ "$(stat -c %a "$root/etc/tgm/tgmd.toml")" = 640 ]
inside tgmctl --version
[ -z "$(inside dpkg --verify tgm)" ]
say 'installed and checked'

echo '# of the administrator' >>"$root/etc/tgm/tgmd.toml"
inside dpkg --install /opt/try/tgm.deb >/dev/null
tail -1 "$root/etc/tgm/tgmd.toml" | grep -q 'of the administrator'
say 'installed again, the configuration kept'

booted=no
if command -v systemd-nspawn >/dev/null; then
    # Simulated, as there is no card; and what is tried, once systemd runs.
    mkdir -p "$root/etc/systemd/system/tgmd.service.d"
    cat >"$root/etc/systemd/system/tgmd.service.d/try.conf" <<'TEXT'
[Service]
ExecStart=
ExecStart=/usr/bin/tgmd --config /etc/tgm/tgmd.toml --run-dir /run/tgm --store /var/lib/tgm/subscriptions --simulate
TEXT
    install -m 755 deploy/debian/in-systemd.sh "$root/opt/try/in-systemd.sh"
    cat >"$root/etc/systemd/system/try.service" <<'TEXT'
[Unit]
After=dbus.socket
[Service]
Type=oneshot
StandardOutput=append:/opt/try/said
StandardError=inherit
ExecStart=/opt/try/in-systemd.sh
ExecStopPost=/bin/systemctl poweroff --force --force
TimeoutStartSec=900
TEXT
    cat >"$root/etc/systemd/system/try.target" <<'TEXT'
[Unit]
Requires=basic.target
Wants=try.service
TEXT
    timeout --kill-after=10 1000 systemd-nspawn --quiet --register=no --keep-unit --private-network --machine="tgm-try-$$" \
        --directory="$root" --boot -- --unit=try.target >"$work/console" 2>&1 </dev/null || true
    if [ -s "$root/opt/try/said" ]; then
        cat "$root/opt/try/said"
        grep -qx 'ok: all of it' "$root/opt/try/said"
        booted=yes
    else
        tail -5 "$work/console"
        echo 'SKIPPED: systemd does not boot in a container here; the unit was not started'
    fi
    rm -rf "$root/etc/systemd/system/tgmd.service.d" "$root/run/systemd/system"
else
    echo 'SKIPPED: no systemd-nspawn (Debian: systemd-container); the unit was not started'
fi

inside dpkg --remove tgm >/dev/null
[ -f "$root/etc/tgm/tgmd.toml" ] && [ ! -e "$root/usr/bin/tgmd" ]
inside dpkg --purge tgm >/dev/null
[ ! -e "$root/etc/tgm" ] && [ ! -e "$root/var/lib/tgm" ]
say "removed and purged (systemd: $booted)"
