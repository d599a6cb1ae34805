#!/usr/bin/env bash
# Runs targets under libFuzzer, guided by coverage, with stable Rust: the compiler's own coverage pass is switched on by flags.
#   fuzz/guided.sh [-runs=N] [TARGET…]       (default: 100 million executions of each target)
# MAX_LEN: longest input in bytes (512). Needs a C++ compiler for libFuzzer itself. New inputs go to fuzz/found/TARGET, which is not kept; what is worth keeping is
# copied to fuzz/corpus by hand. A crash is written to fuzz/artifacts and ends the script with an error.
set -euo pipefail
cd "$(dirname "$0")"
runs=-runs=100000000
case ${1:-} in -runs=*) runs=$1; shift ;; esac
[ $# -gt 0 ] || set -- dpll nmea ubx gnss receiver_setup fanout management wire synce4l source address scenario checkpoint
export RUSTFLAGS="${RUSTFLAGS:-} -Cpasses=sancov-module -Ccodegen-units=1
 -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
 -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares
 -Cdebug-assertions -Coverflow-checks --cfg fuzzing"
RUSTFLAGS=${RUSTFLAGS//$'\n'/}
target=$(rustc -vV | sed -n 's/^host: //p')
# With --target the flags stay off build scripts.
cargo build --release --quiet --features libfuzzer --bins --target "$target"
built=${CARGO_TARGET_DIR:-target}/$target/release
mkdir -p artifacts
for name in "$@"; do
	mkdir -p "found/$name"
	# Growing memory is an error: of the process beyond 256 MiB, of one allocation beyond 16 MiB; so is an input that takes 5 s.
	"$built/$name" "found/$name" "corpus/$name" "$runs" "-max_len=${MAX_LEN:-512}" -timeout=5 -rss_limit_mb=256 -malloc_limit_mb=16 \
		-artifact_prefix="artifacts/$name-" -print_final_stats=1 -verbosity=0 2>&1 | sed "s/^/$name: /"
done
