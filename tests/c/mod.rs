//! What the tests of the C interface share: the compiler, and where the built library is.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Root of the workspace.
pub(crate) fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .expect("tests/ lies in the workspace")
        .to_owned()
}

/// A C or C++ compiler with the flags that its family needs.
pub(crate) fn compiler(cpp: bool) -> Command {
    let triple = host();
    cc::Build::new()
        .cpp(cpp)
        .target(&triple)
        .host(&triple)
        .opt_level(1)
        .debug(true)
        .cargo_metadata(false)
        .get_compiler()
        .to_command()
}

/// Runs `command` and panics with all that it said unless it succeeds.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{stdout}\n{stderr}",
        output.status
    );
    stdout
}

fn host() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = succeed(Command::new(rustc).arg("-vV"));
    let line = version.lines().find_map(|line| line.strip_prefix("host: "));
    line.expect("rustc -vV names the host").to_owned()
}
