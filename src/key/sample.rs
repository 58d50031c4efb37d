//! The sample keys in `keys/`, known by their thumbprints.

use super::PublicJwk;

/// Whether the key is one of the published samples, whose private halves are public.
pub(crate) fn is_sample(key: &PublicJwk) -> bool {
    SAMPLE_THUMBPRINTS.contains(&key.thumbprint().as_str())
}

/// RFC 7638 thumbprints of the keys in `keys/`.
const SAMPLE_THUMBPRINTS: [&str; 6] = [
    "3LTRkrUOimWPuZo-FpzDdJmR2ySOUg_OyRQjOmRIZqo", // sample-rsa-2048.pem
    "tHQt9GAt2_cmyE50wMg1LUvTu8ZFTJKwsvt3K5dzymg", // sample-p256.pem
    "7J6yBRfTBNWyqmnpoXPsvKhKzG4fyULAgVG3zSCqmfM", // sample-p384.pem
    "QKxWLPFHF6U9S9tzTZSPQoMwFcTL-z2UEkjskwryPv8", // sample-p256-encrypted.pem
    "dnhGDVxntoK_bXgBpw0eV2aHyQ3lEVJ-Df_vPDN9ZTQ", // sample-set.jwks.json, sample-set-es256
    "cBfCyX6E5DK7AG-DcG40wMFy-78ViV5sk9yvnXv3oug", // sample-set.jwks.json, sample-set-rs256
];
