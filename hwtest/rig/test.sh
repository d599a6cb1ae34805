#!/bin/sh
# The tests on a simulated card, in a virtual machine that is made here. See ../README.md.
#   hwtest/rig/test.sh [--suite stable|sid] [--timeout S] [-- ARGUMENTS OF cargo test]
set -eu
cd "$(dirname "$0")/../.."
exec cargo run --quiet --package tgm-hwtest --bin tgm-rig -- test "$@"
