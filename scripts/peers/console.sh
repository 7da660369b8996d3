#!/usr/bin/env bash
# The console against real X-Ray clients: boto3 calls every operation of its own model, and every answer is held to that
# model; the AWS CLI lists traces; programs on the official SDKs of Python and Node send to it, are told what to sample,
# and what is read back equals scripts/peers/console/golden, ids and times aside. `--update` writes these files anew.
#
# Installs boto3, awscli and aws-xray-sdk from PyPI, aws-xray-sdk and express from npm into target/console-peers (once;
# about 200 MB). Without python3's venv or npm it says that nothing was checked; where CI=true that fails as well.
set -euo pipefail
cd "$(dirname "$0")/../.."

home="$(realpath -m "${CARGO_TARGET_DIR:-target}/console-peers")"
here="$PWD/scripts/peers/console"

skip() {
    printf '\n!!! console.sh: THE CONSOLE WAS NOT CHECKED AGAINST REAL CLIENTS: %s\n\n' "$1" >&2
    if [ "${CI:-}" = true ]; then exit 1; fi
    exit 0
}

python=(boto3==1.44.8 awscli==1.46.3 aws-xray-sdk==2.15.0)
if [ "$(cat "$home/python-packages" 2>/dev/null)" != "${python[*]}" ]; then
    echo "console.sh: installing ${python[*]}"
    python3 -m venv "$home/python" || skip "python3 has no venv"
    "$home/python/bin/python" -m pip install --quiet --disable-pip-version-check "${python[@]}" ||
        skip "the Python packages cannot be installed"
    echo "${python[*]}" >"$home/python-packages"
fi
node=(aws-xray-sdk@3.12.0 express@5.3.0)
command -v npm >/dev/null || skip "npm is not here"
if [ "$(cat "$home/node-packages" 2>/dev/null)" != "${node[*]}" ]; then
    echo "console.sh: installing ${node[*]}"
    mkdir -p "$home/node"
    npm install --prefix "$home/node" --silent --no-audit --no-fund "${node[@]}" ||
        skip "the Node packages cannot be installed"
    echo "${node[*]}" >"$home/node-packages"
fi

cargo build --quiet -p xray-console --no-default-features --example serve
serve="$(realpath "${CARGO_TARGET_DIR:-target}/debug/examples/serve")"

# It ends with its input, that is with this script.
coproc console { exec "$serve" 2>"$home/refused.log"; }
read -r address <&"${console[0]}"
echo "console.sh: console at $address"

# No client is to look for an account, nor to read this user's settings.
export AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none AWS_DEFAULT_REGION=local AWS_EC2_METADATA_DISABLED=true
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
export AWS_XRAY_DAEMON_ADDRESS="$address" CONSOLE="http://$address"
bin="$home/python/bin"

"$bin/python" "$here/operations.py"
"$bin/aws" xray get-trace-summaries --endpoint-url "$CONSOLE" --start-time "$(($(date +%s) - 600))" \
    --end-time "$(($(date +%s) + 60))" --output json | "$bin/python" -c \
    'import json, sys; found = json.load(sys.stdin)["TraceSummaries"]; assert found, "the AWS CLI sees no trace"'
"$bin/python" "$here/program.py"
NODE_PATH="$home/node/node_modules" node "$here/program.js"
"$bin/python" "$here/golden.py" "$here/golden" "$@"
echo "console.sh: all well"
