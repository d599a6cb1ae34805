#!/usr/bin/env bash
# A thousand nodes' sinks ($1: another number), each with a connection of its own, at one nats-server on loopback, which is killed once.
# Shows figures.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v nats-server >/dev/null || { echo 'no nats-server (Debian: apt-get install nats-server)' >&2; exit 1; }
nodes=${1:-1000}
files=$((nodes + 1024)) # for the server, and for the sinks in one process
[ "$(ulimit -n)" = unlimited ] || [ "$(ulimit -n)" -ge "$files" ] || ulimit -n "$files"
TGM_NODES=$nodes timeout 600 cargo test --package tgm-tests --test load_nats -- --nocapture
