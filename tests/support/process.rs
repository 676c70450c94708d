//! What the kernel says of this process.

use std::fs;

/// Bytes under this name in `/proc/self/status`: `VmRSS` is what is in memory now, `VmHWM` the most there was.
pub fn memory(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let value = |line: &str| {
        let value = line.strip_prefix(name)?.strip_prefix(':')?;
        value.split_whitespace().next()?.parse::<usize>().ok()
    };
    1024 * status.lines().find_map(value).expect("a line in kB")
}
