#!/bin/sh
# Recorded receivers through a pty to a built tgmd at the pace at which they spoke: a minute and a half, nearly all of it waiting.
# The same tests run twenty times as fast in `cargo test`.
#   tests/pace.sh          TGM_PACE_PACKAGES: what cargo builds them with, if not alone
set -eu
cd "$(dirname "$0")/.."
exec env TGM_REAL_PACE=1 cargo test --quiet ${TGM_PACE_PACKAGES:--p tgm-tests} --test e2e_receiver -- --nocapture recorded
