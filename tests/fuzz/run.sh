#!/usr/bin/env bash
# Fuzzes every target, or the named ones, for so many seconds each, with a stable compiler: only our own
# crates and the readers of foreign files are instrumented, everything else is built as ever.
#
#   tests/fuzz/run.sh SECONDS [TARGET...]
set -euo pipefail
cd "$(dirname "$0")"
seconds=$1
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(safetensors pickle config json images params)
target_dir=${CARGO_TARGET_DIR:-$PWD/target}

wrapper=$target_dir/instrument.sh
mkdir -p "$target_dir"
cat >"$wrapper" <<'WRAPPER'
#!/usr/bin/env bash
case " $* " in
*" --crate-name fpga_core "* | *" --crate-name fpga "* | *" --crate-name burn_store "* | \
    *" --crate-name burn_pack "* | *" --crate-name safetensors "* | *" --crate-name serde_json "* | \
    *fuzz_targets*)
    exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing
    ;;
*) exec "$@" ;;
esac
WRAPPER
chmod +x "$wrapper"
RUSTC_WRAPPER=$wrapper CARGO_TARGET_DIR=$target_dir cargo build --release --bins

for target in "${targets[@]}"; do
    grown=$target_dir/corpus/$target
    mkdir -p "$grown" "corpus/$target"
    echo "== $target"
    "$target_dir/release/$target" "$grown" "corpus/$target" -max_total_time="$seconds" -timeout=20 \
        -rss_limit_mb=3000 -malloc_limit_mb=2000 -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="$target_dir/$target-" 2>&1 | grep -E 'stat::|DONE|ERROR|SUMMARY|panicked|BINGO'
done
