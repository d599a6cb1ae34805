#!/bin/sh
# The tests on a simulated card, in a virtual machine that is made here. See ../README.md.
#   hwtest/rig/test.sh [--suite stable|sid] [--timeout S] [-- ARGUMENTS OF cargo test]
#   TGM_RIG=COMMAND hwtest/rig/test.sh [NAME...]     by another machine: COMMAND run --timeout S SCRIPT; all tests or these
#   TGM_RIG_PACKAGES: what cargo builds these tests with, if not alone
set -eu
cd "$(dirname "$0")/../.."
if [ -z "${TGM_RIG:-}" ]; then
	exec cargo run --quiet --package tgm-hwtest --bin tgm-rig -- test "$@"
fi
if ! command -v "$TGM_RIG" > /dev/null 2>&1; then
	[ "${TGM_HW_REQUIRED:-0}" != 1 ] || { echo "FAIL: $TGM_RIG is not there, and TGM_HW_REQUIRED=1" >&2; exit 1; }
	echo "SKIPPED all tests in the machine: $TGM_RIG is not there" >&2
	exit 0
fi
packages=${TGM_RIG_PACKAGES:---package tgm-hwtest}
programs=$(cargo test $packages --tests --no-run 2>&1 | sed -n 's/^ *Executable tests\/\([a-z0-9_]*\)[a-z_\/]*\.rs (\(.*\))$/\1 \2/p')
[ -n "$programs" ] || { cargo test $packages --tests --no-run; exit 1; }
# One machine for all of them. The suite's name tells tests that they are in it.
script="cd $(pwd)/hwtest; export TGM_RIG_SUITE=other TGM_HW_REQUIRED=1; failed=0"
while read -r name program; do
	wanted=${1:-$name}
	for each in "$@"; do [ "$each" != "$name" ] || wanted=$name; done
	[ "$wanted" = "$name" ] || continue
	script="$script; echo '== $name'; '$(realpath "$program")' || failed=1"
done << END
$programs
END
exec "$TGM_RIG" run --timeout 1200 "$script; exit \$failed"
