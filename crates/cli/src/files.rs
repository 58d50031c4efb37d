//! Files, as the settings read and write them.

pub(crate) use okta_introspect_settings::files::{
    Exclusive, Readers, owner, private, read, read_all, rename, replace, stdin,
};
