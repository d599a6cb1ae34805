#!/usr/bin/env bash
# Checks what is deployed: rules with their tests, names of metrics in rules and dashboard, systemd's unit, manifests that build.
# A part whose program is not here says SKIPPED.
set -euo pipefail
cd "$(dirname "$0")"
failed=0
wrong() { echo "WRONG: $*" >&2; failed=1; }

if command -v promtool >/dev/null; then
    promtool check rules prometheus/tgm-rules.yaml || wrong 'promtool check rules'
    (cd prometheus && promtool test rules tgm-rules.test.yaml) || wrong 'promtool test rules'
else
    echo 'SKIPPED: no promtool (Debian: prometheus)'
fi
# Each rule has a test that it fires and one that it is silent.
for alert in $(sed -n 's/^ *- alert: //p' prometheus/tgm-rules.yaml); do
    grep -qx "  name: $alert fires" prometheus/tgm-rules.test.yaml || wrong "no test that $alert fires"
    grep -qx "  name: $alert is silent" prometheus/tgm-rules.test.yaml || wrong "no test that $alert is silent"
done

# A name is on our page if the code that writes the page has it.
names=$(grep -ohE '\b(tgm|openshift_ptp|cne)_[a-z0-9_]+' prometheus/tgm-rules.yaml grafana/tgm.json | sort -u)
count=0
for name in $names; do
    base=$(sed -E 's/_(bucket|sum|count)$//' <<<"$name")
    count=$((count + 1))
    grep -rqF -e "\"$base\"" -e "\"$name\"" ../crates/metrics/src ../crates/publisher/src/http ../crates/publisher/src/tls && continue
    grep -qE "\"${name#openshift_ptp_}\" \[" ../crates/metrics/src/incumbent.rs && continue
    wrong "$name is not on our page"
done
[ "$count" -ge 20 ] || wrong "only $count names found"

if command -v python3 >/dev/null; then
    python3 -m json.tool grafana/tgm.json >/dev/null || wrong 'the dashboard is no JSON'
else
    echo 'SKIPPED: no python3 for the dashboard'
fi

if command -v systemd-analyze >/dev/null; then
    unit=$(mktemp -d)
    trap 'rm -rf "$unit"' EXIT
    # Stands in for the installed program.
    sed "s#/usr/bin/tgmd#$(command -v true)#" systemd/tgmd.service >"$unit/tgmd.service"
    said=$(systemd-analyze verify "$unit/tgmd.service" 2>&1) || wrong 'systemd-analyze verify'
    [ -z "$said" ] || wrong "systemd-analyze verify: $said"
    # 10 is open to everything; unprotected services have 9.6. In tenths.
    systemd-analyze security --offline=yes --threshold=40 "$unit/tgmd.service" | tail -1 || wrong 'exposed more than 4.0'
else
    echo 'SKIPPED: no systemd-analyze (Debian: systemd)'
fi

# Every file that a kustomization names is there, and every one that is there is named; nothing runs privileged.
for part in node consumer token-review; do
    for resource in $(sed -n 's/^- //p' "kubernetes/$part/kustomization.yaml"); do
        [ -f "kubernetes/$part/$resource" ] || wrong "kustomization of $part: there is no $resource"
    done
    for file in "kubernetes/$part"/*.yaml; do
        name=$(basename "$file")
        [ "$name" = kustomization.yaml ] || grep -qx -- "- $name" "kubernetes/$part/kustomization.yaml" || wrong "kustomization of $part: $name is not named"
    done
done
# A flag that a manifest gives the sidecar is one that it has.
for flag in $(sed -n 's/^ *- --\([a-z-]*\)=.*/\1/p' kubernetes/consumer/deployment.yaml); do
    grep -q "pub ${flag//-/_}:" ../crates/publisher/src/sidecar/args.rs || wrong "the sidecar has no --$flag"
done
if python3 -c 'import yaml' 2>/dev/null; then
    for file in kubernetes/*/*.yaml; do
        python3 -c 'import sys, yaml; list(yaml.safe_load_all(open(sys.argv[1])))' "$file" || wrong "$file is no YAML"
    done
else
    echo 'SKIPPED: no YAML for python3 (Debian: python3-yaml)'
fi
! grep -rn 'privileged: true' kubernetes || wrong 'a privileged container'
if command -v kustomize >/dev/null; then
    for part in node consumer; do
        kustomize build "kubernetes/$part" >/dev/null || wrong "kustomize build of $part"
    done
else
    echo 'SKIPPED: no kustomize'
fi
exit "$failed"
