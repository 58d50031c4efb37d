//! A token with a PKCS#11 module.
