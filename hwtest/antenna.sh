#!/bin/sh
# tgmd on the simulated card of a virtual machine: builds, boots, tries, checks. See README.md.
#   hwtest/antenna.sh [antenna] [ubx] [settings] [namespace] [latency] [pins] [continuity] [holdover] [deadman] [processes]   (default: all)
# TGM_RIG: the command that boots the machine, if not our own. TGM_HW_REQUIRED=1: not having one is a failure.
set -eu
cd "$(dirname "$0")/.."
cargo build --release --quiet -p tgm-publisher -p tgm-hwtest
# The machine sees this file system at the same paths.
bin=$(cd "${CARGO_TARGET_DIR:-target}/release" && pwd)
rig=${TGM_RIG:-$bin/tgm-rig}
# The machine is made once; from then on this only looks whether it is there.
code=0
why=$("$rig" build 2>&1) || code=$?
if [ "$code" != 0 ]; then
	# 126 and 127: a command that is not there, and ours where it finds no packages. Anything else went wrong.
	if [ "${TGM_HW_REQUIRED:-0}" = 1 ] || [ "$code" -lt 126 ]; then
		echo "FAIL: no virtual machine by $rig ($code): $why"
		exit 1
	fi
	echo "SKIPPED antenna.sh: no virtual machine by $rig: $why" >&2
	exit 0
fi
[ $# -gt 0 ] || set -- antenna ubx settings namespace latency pins continuity holdover deadman processes
failed=
for check in "$@"; do
	# Each in a machine of its own, so that none finds what another left.
	outside=
	[ "$check" = namespace ] && outside='unshare --net --'
	"$rig" run --timeout 900 "$outside '$bin/rigcheck' '$check' '$bin/tgmd'" || failed="$failed $check"
done
if [ -n "$failed" ]; then
	echo "FAIL:$failed"
	exit 1
fi
echo "PASS: $*"
