#!/usr/bin/env bash
# scripts/fuzz.sh [SECONDS [TARGET…]]: every fuzz target for so long (20 s), or those named. Installs cargo-fuzz if need be.
#
# On the stable toolchain: the code is all safe, so coverage is wanted and no sanitizer. What is found stays in
# fuzz/artifacts, what was learnt in fuzz/corpus; neither is kept in the repository.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds="${1:-20}"
shift || true
export RUSTC_BOOTSTRAP=1
if ! command -v c++ >/dev/null; then
    echo "scripts/fuzz.sh needs a C++ compiler (Debian: g++) for libFuzzer" >&2
    exit 1
fi
cargo fuzz --version >/dev/null 2>&1 || cargo install -q --locked cargo-fuzz

targets=("$@")
[ "${#targets[@]}" -gt 0 ] || mapfile -t targets < <(cargo fuzz list)

# Something to begin with: the forms that senders use.
seed() {
    local folder="fuzz/corpus/$1"
    mkdir -p "$folder"
    cat >"$folder/$2"
}
trace='1-5759e988-bd862e3fe1be46a994272793'
segment='{"name":"shop","id":"000000000000000a","trace_id":"'$trace'","start_time":1.5,"end_time":2,"annotations":{"a":1},"http":{"request":{"url":"http://a/"},"response":{"status":500}},"cause":{"exceptions":[{"id":"00000000000000ee","type":"T","message":"m"}]},"subsegments":[{"name":"DynamoDB","id":"000000000000000b","namespace":"aws","start_time":1.6,"end_time":1.7,"aws":{"table_name":"t"}}]}'
lone='{"name":"x","id":"000000000000000c","trace_id":"'$trace'","parent_id":"000000000000000a","type":"subsegment","start_time":1.6,"in_progress":true}'
printf '%s' "$segment" | seed datagram segment
printf 'T1SCkQK' | seed datagram spans
printf '%s\n%s\n' "$segment" "$lone" | seed documents trace
printf 'service("a") { !ok } AND (annotation[b] = "c" OR rootcause.fault.entity { last and index > 1 })' | seed filter blocks
printf 'group.name = "a" edge(id(name: "a", type: "b"), "c") rootcause.json = #[{"Services":[{"Name":"a"}]}]' | seed filter groups
printf '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5759e988bd862e3fe1be46a994272793","spanId":"53995c3f42cd8ad8","name":"x","kind":2,"startTimeUnixNano":"1","endTimeUnixNano":"2","attributes":[{"key":"a","value":{"intValue":"1"}}]}]}]}]}' | seed otlp json

printf 'service("a") { fault = true AND responsetime > 2 } OR !annotation["b.c"] = "x" edge("a", id(name: "b", type: "T"))' | seed filter expression

for target in "${targets[@]}"; do
    printf -- '-- fuzz %s\n' "$target"
    cargo fuzz run --sanitizer none "$target" -- \
        -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=1024 -timeout=10 -print_final_stats=1 2>&1 |
        { grep -E '^(SUMMARY|stat::(number_of|peak)|==|thread|error)|panicked' || true; }
done
