#!/usr/bin/env bash
# Runs the tests of the CPU kernels under valgrind: a read or write outside a buffer, or a decision on a value
# that nobody wrote, ends it with status 9. Ten minutes on two cores; `tests/memcheck.sh kernels::conv` runs a part.
# Valgrind knows AVX2 and no AVX-512, which it hides from the program.
set -euo pipefail
cd "$(dirname "$0")/.."

built=$(cargo test --workspace --release --no-run --locked 2>&1 | tee /dev/stderr)
binary=$(sed -n 's/.*unittests src\/lib.rs (\(.*fpga_core-[0-9a-f]*\))/\1/p' <<<"$built")
[ -x "$binary" ] || { echo "no test program of fpga-core among what cargo built" >&2; exit 2; }

# As many threads as tests would confuse its report with the pool's buffers of others.
valgrind --quiet --error-exitcode=9 "$binary" "${@:-kernels::}" --test-threads 1
echo "no errors"
