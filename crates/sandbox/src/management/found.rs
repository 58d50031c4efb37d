//! What paths of the management API name.

use std::sync::Arc;

use crate::message::call::Call;
use crate::message::refusal::Refusal;
use crate::model::app::App;

/// The app with the `id` of the path.
pub(crate) fn app(call: &Call<'_>) -> Result<Arc<App>, Refusal> {
    let id = call.parameter("id");
    call.world.state().app(id).ok_or_else(|| missing(id, "AppInstance"))
}

/// 404: there is none with this id.
pub(crate) fn missing(id: &str, what: &str) -> Refusal {
    Refusal::not_found(&format!("Resource not found: {id} ({what})"))
}
