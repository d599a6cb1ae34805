#!/bin/sh
# tgmd on the simulated card of the virtual machine: builds, boots, tries, checks. See README.md.
#   hwtest/antenna.sh [antenna] [ubx] [settings] [namespace] [latency]      (default: all)
# TGM_RIG: the command that boots the machine. TGM_HW_REQUIRED=1: not having one is a failure.
set -eu
cd "$(dirname "$0")/.."
rig=${TGM_RIG:-../shared/rig/rig}
if ! command -v "$rig" > /dev/null 2>&1; then
	why="no virtual machine with a card ($rig is not there; set TGM_RIG)"
	if [ "${TGM_HW_REQUIRED:-0}" = 1 ]; then
		echo "FAIL: $why, and TGM_HW_REQUIRED=1"
		exit 1
	fi
	echo "skipped: $why"
	exit 0
fi
# The machine is made once; from then on this only looks whether it is there.
"$rig" build
cargo build --release --quiet -p tgm-publisher -p tgm-hwtest
# The machine sees this file system at the same paths.
bin=$(cd "${CARGO_TARGET_DIR:-target}/release" && pwd)
[ $# -gt 0 ] || set -- antenna ubx settings namespace latency
failed=
for check in "$@"; do
	# Each in a machine of its own, so that none finds what another left. /rig/bin: linuxptp, strace, dpll of the machine.
	outside=
	[ "$check" = namespace ] && outside='unshare --net --'
	"$rig" run --timeout 240 "export PATH=/rig/bin:\$PATH; $outside '$bin/rigcheck' '$check' '$bin/tgmd'" || failed="$failed $check"
done
if [ -n "$failed" ]; then
	echo "FAIL:$failed"
	exit 1
fi
echo "PASS: $*"
