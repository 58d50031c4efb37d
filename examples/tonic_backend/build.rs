//! Makes the service and its client. With a `.proto` file this is `tonic_prost_build::compile_protos`.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let method = |name: &str, route: &str| {
        Method::builder()
            .name(name)
            .route_name(route)
            .input_type("crate::Order")
            .output_type("crate::Answer")
            .codec_path("tonic_prost::ProstCodec")
            .build()
    };
    let orders = Service::builder()
        .name("Orders")
        .package("acme")
        .method(method("read", "Read"))
        .method(method("cancel", "Cancel"))
        .build();
    Builder::new().compile(&[orders]);
    println!("cargo:rerun-if-changed=build.rs");
}
