//! Where in a module a traversal stands.

/// Field names from the root to here. Enum variants add nothing: checkpoints do not know them.
#[derive(Default)]
pub(crate) struct ModulePath(Vec<String>);

impl ModulePath {
    /// Goes into a field.
    pub(crate) fn enter(&mut self, name: &str, container: &str) {
        if !container.starts_with("Enum:") {
            self.0.push(name.to_owned());
        }
    }

    /// Leaves the field.
    pub(crate) fn exit(&mut self, container: &str) {
        if !container.starts_with("Enum:") {
            self.0.pop();
        }
    }

    /// With dots.
    pub(crate) fn joined(&self) -> String {
        self.0.join(".")
    }
}
