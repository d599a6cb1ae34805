#!/usr/bin/env bash
# Builds the Debian package from programs that are built already:
#   cargo build --release --locked -p tgm-publisher -p tgm-ctl && deploy/debian/build.sh
# usage: build.sh [FOLDER OF tgmd AND tgmctl] [WHERE TO]     default: target/release target/debian
# Needs dpkg-deb, no network, no root. The same programs give the same package.
set -euo pipefail
cd "$(dirname "$0")/../.."
from=${1:-target/release}
to=${2:-target/debian}
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
architecture=$(dpkg --print-architecture)
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Cargo.toml)}
umask 022

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
docs=$root/usr/share/doc/tgm
install -D -m 755 -t "$root/usr/bin" "$from/tgmd" "$from/tgmctl"
! command -v strip >/dev/null || strip "$root"/usr/bin/*
install -D -m 644 -t "$root/lib/systemd/system" deploy/systemd/tgmd.service
install -D -m 644 -t "$root/usr/share/tgm" deploy/debian/tgmd.toml deploy/prometheus/tgm-rules.yaml deploy/grafana/tgm.json
install -D -m 644 -t "$docs" README.md docs/*.md docs/tgmd.toml
cat - LICENSE-MIT >"$docs/copyright" <<'TEXT'
tgm is licensed under the Apache License, Version 2.0 (/usr/share/common-licenses/Apache-2.0), or, at your option, under the following terms.

TEXT
gzip -9nc CHANGELOG.md >"$docs/changelog.gz"
install -d "$root/etc/tgm"

# What the programs are linked to, in the versions that have it; without dpkg-dev the C library of this machine.
libraries='libc6'
if command -v dpkg-shlibdeps >/dev/null; then
    mkdir "$work/debian"
    printf 'Source: tgm\n\nPackage: tgm\nArchitecture: any\n' >"$work/debian/control"
    libraries=$(cd "$work" && dpkg-shlibdeps -O -e root/usr/bin/tgmd -e root/usr/bin/tgmctl 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
fi

mkdir "$root/DEBIAN"
cat >"$root/DEBIAN/control" <<TEXT
Package: tgm
Version: $version
Architecture: $architecture
Maintainer: tgm developers <tgm@localhost>
Depends: ${libraries:-libc6}, adduser
Recommends: linuxptp
Section: net
Priority: optional
Installed-Size: $(du -sk --exclude DEBIAN "$root" | cut -f 1)
Description: PTP telecom grandmaster node (T-GM)
 tgmd watches GNSS receiver, DPLL and PTP hardware clock, judges whether their
 time can be trusted, and tells O-RAN subscribers, ptp4l and Prometheus. tgmctl
 shows and checks. Nothing is written to hardware unless it is configured, and
 the service is not enabled before somebody names a card.
TEXT
install -m 755 -t "$root/DEBIAN" deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
mkdir -p "$to"
dpkg-deb --root-owner-group -Zxz --build "$root" "$to/tgm_${version}_$architecture.deb"
