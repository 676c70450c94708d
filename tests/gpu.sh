#!/usr/bin/env bash
# Every stored parity case on a graphics card: tests/gpu.sh [DEVICE]; without one wgpu:0. Where there is no card,
# Mesa's software Vulkan driver stands in (Debian: apt-get install mesa-vulkan-drivers). A tensor may differ from its
# reference by a relative L2 of 1e-3, or of what its case says where that is more. Slow: software draws every number.
set -euo pipefail
cd "$(dirname "$0")/.."
device=${1:-wgpu:0}
allowed=1e-3

case $device in cuda*) feature=cuda ;; *) feature=wgpu ;; esac
cargo build --release --locked -p fpga-tests --no-default-features --features "$feature" --bin parity
parity=${CARGO_TARGET_DIR:-target}/release/parity

passed=0 failed=0 lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
while read -r file; do
    folder=$(dirname "$file")
    found=$("$parity" "$folder" --device "$device" 2>&1) && status=0 || status=$?
    # Status 1: some tensor is beyond the case's own tolerance, which is meant for the CPU.
    worst=$(sed -n 's/.*relative L2 \([0-9.e+-]*\).*/\1/p' <<<"$found" | sort -g | tail -n 1)
    odd=$(grep FAILED <<<"$found" | grep -v "relative L2" || true)
    if [ "$status" -le 1 ] && [ -z "$odd" ] && awk "BEGIN { exit !(${worst:-0} <= $allowed || $status == 0) }"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf '%s\n%s\n' "$folder: status $status" "$found"
    fi
    echo "${worst:-0} $folder" >>"$lines"
done < <(find tests/fixtures -name case.json | sort)

echo "$device: $passed cases passed, $failed failed; worst relative L2 $(sort -g "$lines" | tail -n 1)"
[ "$failed" -eq 0 ]
