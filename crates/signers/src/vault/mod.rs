//! The transit engine of Vault or OpenBao.
