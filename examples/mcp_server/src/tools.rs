//! The tools. They are called for requests that were let in, and can see whose they are.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use http::request::Parts;
use okta_introspect::Authorized;
use rmcp::handler::server::common::Extension;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{ServerCapabilities, ServerConfig};
use rmcp::{ServerHandler, schemars, tool, tool_handler, tool_router};
use serde::Deserialize;

/// Some orders, by their numbers. Clones are the same orders.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    open: Arc<Mutex<BTreeSet<u64>>>,
    tool_router: ToolRouter<Self>,
}

/// Which order.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct Order {
    /// Its number.
    id: u64,
}

#[tool_router]
impl Orders {
    /// Two orders, with their tools.
    pub(crate) fn new() -> Self {
        Self { open: Arc::new(Mutex::new([7, 8].into())), tool_router: Self::tool_router() }
    }

    #[tool(description = "Lists the orders")]
    fn list_orders(&self, Extension(request): Extension<Parts>) -> String {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        format!("orders {open:?}, for {}", caller(&request))
    }

    #[tool(description = "Deletes an order")]
    fn delete_order(
        &self,
        Parameters(Order { id }): Parameters<Order>,
        Extension(request): Extension<Parts>,
    ) -> String {
        let was_open = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        let done = if was_open { "deleted" } else { "not there" };
        format!("order {id} {done}, for {}", caller(&request))
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Orders {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}

/// The user, or the service, whose token was checked. The token itself goes no further: a server must
/// not pass it on to the APIs that it calls.
fn caller(request: &Parts) -> &str {
    let caller = request.extensions.get::<Authorized>();
    caller.and_then(Authorized::sub).unwrap_or("nobody")
}
