#!/usr/bin/env bash
# Deliveries through a million changes while consumers crash, their networks are cut and the publisher is killed two hundred times. Minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
TGM_CHANGES=${TGM_CHANGES:-1000000} TGM_KILLS=${TGM_KILLS:-200} cargo test --package tgm-tests --test e2e_delivery -- --nocapture
