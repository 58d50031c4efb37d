//! Envoy's external authorization over gRPC.

mod generated;
