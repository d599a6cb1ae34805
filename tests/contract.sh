#!/usr/bin/env bash
# A running tgmd's notification API against crates/ocloud/openapi.yaml, by a schema fuzzer: no 5xx, nothing answered that the
# description does not say. Installs the fuzzer, of a pinned version, into target/schemathesis. Loopback only, but for that.
# The number of examples of each operation: $1, else 50. A folder with tgmd: $2, else it is built.
set -euo pipefail
cd "$(dirname "$0")/.."
version=4.32.5
examples=${1:-50}

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
tools=$target/schemathesis
if [ "$("$tools/bin/schemathesis" --version 2>/dev/null)" != "schemathesis, version $version" ]; then
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv
    fi
    rm -rf "$tools"
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet "schemathesis==$version"
fi

command -v curl >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends curl; }
programs=${2:-}
[ -n "$programs" ] || { cargo build --quiet -p tgm-publisher; programs=$target/debug; }
folder=$(mktemp -d)
chmod 755 "$folder" # the publisher is nobody
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
metrics=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
NODE_NAME=node1 "$programs/tgmd" --simulate --listen "127.0.0.1:$port" --metrics-listen "127.0.0.1:$metrics" \
    --run-dir "$folder/run" --store "$folder/store" >"$folder/log" 2>&1 &
node=$!
trap 'kill "$node" 2>/dev/null || true; wait "$node" 2>/dev/null || true; rm -rf "$folder"' EXIT
api=http://127.0.0.1:$port/api/ocloudNotifications/v2
for _ in $(seq 100); do
    [ "$(curl -s -o /dev/null -w '%{http_code}' "$api/health")" = 200 ] && break
    sleep 0.1
done
[ "$(curl -s -o /dev/null -w '%{http_code}' "$api/health")" = 200 ] || { echo 'tgmd does not serve:' >&2; cat "$folder/log" >&2; exit 1; }

# A consumer for the subscriptions that the description gives as an example: it takes everything.
python3 - "$folder/consumer" <<'PYTHON' &
import http.server, os, sys
class Consumer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Consumer)
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(server.server_port))
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
PYTHON
consumer=$!
trap 'kill "$node" "$consumer" 2>/dev/null || true; wait "$node" 2>/dev/null || true; rm -rf "$folder"' EXIT
until [ -s "$folder/consumer" ]; do sleep 0.1; done
sed "s|http://localhost:9087/event|http://127.0.0.1:$(cat "$folder/consumer")/event|" crates/ocloud/openapi.yaml >"$folder/openapi.yaml"

cd "$folder" # it leaves files where it runs
"$tools/bin/schemathesis" run openapi.yaml --url "$api" --max-examples "$examples" --seed 1 --workers 2 \
    --generation-database none --suppress-health-check all --no-color \
    --checks all --exclude-checks positive_data_acceptance,unsupported_method,missing_required_header
kill -0 "$node" || { echo 'tgmd ended' >&2; tail "$folder/log" >&2; exit 1; }
echo 'the notification API keeps its description'
