//! gRPC's own health check, which Envoy can be told to make of the sidecar.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::authorize::Authorize;
use super::generated::authorization::authorization_server::SERVICE_NAME;
use super::generated::health::health_check_response::ServingStatus;
use super::generated::health::health_server::Health;
use super::generated::health::{HealthCheckRequest, HealthCheckResponse};

pub(super) struct Answers<A>(pub(super) Arc<A>);

#[tonic::async_trait]
impl<A: Authorize> Health for Answers<A> {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        // No name is the server as a whole.
        if !["", SERVICE_NAME].contains(&request.get_ref().service.as_str()) {
            return Err(Status::not_found("there is no such service"));
        }
        let status = match self.0.is_ready() {
            true => ServingStatus::Serving,
            false => ServingStatus::NotServing,
        };
        Ok(Response::new(HealthCheckResponse { status: status.into() }))
    }
}
