#!/usr/bin/env bash
# Every stored parity case on a graphics card: tests/gpu.sh [DEVICE] [f32|f16|bf16]; without a device wgpu:0. Where
# there is no card, Mesa's software Vulkan driver stands in (Debian: apt-get install mesa-vulkan-drivers), with
# FPGA_FEATURES=flex,wgsl: it crashes on the SPIR-V of the feature `wgpu`.
#   FPGA_SKIP    cases whose folder matches this pattern of grep -E are left out, and counted
#   FPGA_JOBS    as many cases at once (1)
#   FPGA_PARITY  a parity runner that is already built
# A tensor may differ from its reference by a relative L2 of 1e-3 in f32 (4e-2 in f16, 2e-1 in bf16), or of what its
# case says where that is more. Slow in software, minutes a network: most of it is the driver compiling kernels.
set -euo pipefail
cd "$(dirname "$0")/.."
device=${1:-wgpu:0}
precision=${2:-f32}
case $precision in
    f32) allowed=1e-3 ;;
    f16) allowed=4e-2 ;;
    bf16) allowed=2e-1 ;;
    *) echo "precision $precision: needs f32, f16 or bf16" >&2; exit 2 ;;
esac

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Mesa's driver complains with every case where nobody is logged in.
export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-$scratch}

case $device in cuda*) feature=cuda ;; cpu) feature=flex ;; *) feature=wgpu ;; esac
parity=${FPGA_PARITY:-${CARGO_TARGET_DIR:-target}/release/parity}
if [ -z "${FPGA_PARITY:-}" ]; then
    cargo build --release --locked -p fpga-tests --no-default-features --features "${FPGA_FEATURES:-$feature}" --bin parity
fi

# One line, `STATUS WORST FOLDER`, after what went wrong.
check_case() {
    local folder found status worst odd
    folder=$(dirname "$1")
    found=$("$parity" "$folder" --device "$device" --precision "$precision" 2>&1) && status=0 || status=$?
    # Status 1: some tensor is beyond the case's own tolerance, which is meant for the CPU.
    worst=$(sed -n 's/.*relative L2 \([0-9.e+-]*\).*/\1/p' <<<"$found" | sort -g | tail -n 1)
    odd=$(grep FAILED <<<"$found" | grep -v "relative L2" || true)
    if [ "$status" -le 1 ] && [ -z "$odd" ] && awk "BEGIN { exit !(${worst:-0} <= $allowed || $status == 0) }"; then
        echo "passed ${worst:-0} $folder"
    else
        printf '%s\n%s\n' "$folder: status $status" "$found"
        echo "failed ${worst:-0} $folder"
    fi
}
export -f check_case
export parity device precision allowed

lines=$scratch/lines
find tests/fixtures -name case.json | sort | grep -Ev "${FPGA_SKIP:-^$}" |
    xargs -P "${FPGA_JOBS:-1}" -I FILE bash -c 'check_case FILE' | tee "$lines" || true

count() { grep -c "^$1" "$lines" || true; }
skipped=$(find tests/fixtures -name case.json | grep -Ec "${FPGA_SKIP:-^$}" || true)
worst=$(grep -E '^(passed|failed) ' "$lines" | sort -g -k 2 | tail -n 1 | cut -d ' ' -f 2-)
echo "$device, $precision: $(count 'passed ') cases passed, $(count 'failed ') failed, $skipped skipped; worst relative L2 $worst"
[ "$(count 'failed ')" -eq 0 ]
