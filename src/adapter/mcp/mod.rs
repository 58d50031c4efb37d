//! Guards servers of the [Model Context Protocol](https://modelcontextprotocol.io): a requirement for
//! each tool, which the body of a request names.

mod body;
mod encoding;
pub(super) mod fault;
mod layer;
mod message;
mod rules;

pub use body::McpBody;
pub use fault::BodyFault;
pub use layer::{McpGuarded, McpLayer};
pub use rules::McpRules;
