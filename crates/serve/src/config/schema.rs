//! The JSON Schema of the file, for editors.

use std::sync::LazyLock;

use serde_json::Value;

use super::document::Document;

/// Made once: a reload holds the file against it again.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(Document).to_value());

/// The schema.
pub(super) fn schema() -> &'static Value {
    &SCHEMA
}

/// The JSON Schema (2020-12) of the configuration, as `docs/serve.schema.json` has it. Editors check
/// and complete a file whose first line is `# yaml-language-server: $schema=…`.
///
/// # Example
///
/// ```
/// let schema = okta_introspect_serve::config::json_schema();
/// assert!(schema.contains("\"title\": \"okta-introspect serve\""));
/// ```
pub fn json_schema() -> String {
    // Alternate `Display` of a `Value` is indented JSON.
    format!("{:#}\n", schema())
}
