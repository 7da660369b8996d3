#!/usr/bin/env bash
# DynamoDB, SQS, SNS and S3 through the real SDK clients against moto, an AWS emulator in Python.
#
# Installs moto[server] from PyPI into target/moto (once; about 330 MB), starts it on a free port of this machine, runs
# xray-sqs's moto tests and the aws example against it, and stops it. Wants python3 with venv.
set -euo pipefail
cd "$(dirname "$0")/../.."

home="${CARGO_TARGET_DIR:-target}/moto"
version=5.2.5

if ! "$home/bin/python" -c "import moto, sys; sys.exit(moto.__version__ != '$version')" 2>/dev/null; then
    echo "moto.sh: installing moto $version into $home"
    python3 -m venv "$home"
    "$home/bin/python" -m pip install --quiet --disable-pip-version-check "moto[server]==$version"
fi

# Another program may take the port between the two steps: then the server ends, and another port is tried.
for _ in 1 2 3; do
    port="$("$home/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
    "$home/bin/python" -m moto.server -H 127.0.0.1 -p "$port" >"$home/server.log" 2>&1 &
    server=$!
    trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT
    endpoint="http://127.0.0.1:$port"
    for _ in $(seq 300); do
        if "$home/bin/python" -c "import urllib.request as r; r.urlopen('$endpoint/moto-api/', timeout=1)" 2>/dev/null; then
            up=yes
            break 2
        fi
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
done
if [ "${up:-no}" != yes ]; then
    echo "moto.sh: moto did not start:" >&2
    cat "$home/server.log" >&2
    exit 1
fi

echo "moto.sh: moto $version at $endpoint"
XRAY_MOTO_ENDPOINT="$endpoint" cargo test --quiet -p xray-sqs --features aws-sdk --test moto
AWS_ENDPOINT_URL="$endpoint" cargo run --quiet -p aws-example
