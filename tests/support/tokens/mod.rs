//! What the tests of verification share: keys, tokens made with them, and tables of cases.

#![allow(dead_code, unreachable_pub)] // each test file uses a part

pub mod key_server;
pub mod minter;
pub mod mutations;
pub mod scene;
pub mod vectors;

use okta_introspect::InvalidToken;

/// The name under which a reason is serialised.
pub fn reason(rejection: &InvalidToken) -> String {
    let facts = serde_json::to_value(rejection).unwrap();
    facts["reason"].as_str().unwrap().to_owned()
}
