//! Tampered tokens, one per way of tampering: the table that every verifier is put to.
//!
//! Each is made from the claims of a good token, a good header, and whatever signs as the issuer
//! does; so the same table serves for keys made here and for those of a running server.

use serde_json::{Value, json};

use super::minter::{Minter, encode, split, with};

/// What a mutation starts from.
pub struct Original<'a> {
    /// The header that the issuer writes, with `kid` and `alg`.
    pub header: Value,
    /// The claims of a good token.
    pub claims: Value,
    /// Signs a signing input with the issuer's key, and gives the whole token.
    pub sign: &'a dyn Fn(&str) -> String,
    /// Another key of the same algorithm, which the issuer does not have.
    pub stranger: &'a Minter,
}

impl Original<'_> {
    fn token(&self, header: &Value, claims: &Value) -> String {
        self.raw(&header.to_string(), &claims.to_string())
    }

    fn raw(&self, header: &str, payload: &str) -> String {
        (self.sign)(&format!("{}.{}", encode(header), encode(payload)))
    }

    fn good(&self) -> String {
        self.token(&self.header, &self.claims)
    }

    fn with_claims(&self, changes: Value) -> String {
        self.token(&self.header, &with(self.claims.clone(), changes))
    }

    fn with_header(&self, changes: Value) -> String {
        self.token(&with(self.header.clone(), changes), &self.claims)
    }

    fn second(&self, claim: &str) -> i64 {
        self.claims[claim].as_i64().unwrap()
    }
}

/// One way of tampering.
pub struct Mutation {
    pub name: &'static str,
    /// The tampered token.
    pub make: fn(&Original<'_>) -> String,
    /// The reason for which we refuse it.
    pub reason: &'static str,
    /// What npm `@okta/jwt-verifier` 4 does with it.
    pub okta_jwt_verifier: Theirs,
}

/// What another verifier does with a tampered token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Theirs {
    /// It refuses it too.
    Refuses,
    /// It takes it: it is the more lenient one.
    Takes,
    /// It throws where nothing can catch it, which ends the process. (Seen with 4.0.2, whose
    /// parser finds no signature to decode.)
    Throws,
}

const fn both(
    name: &'static str,
    reason: &'static str,
    make: fn(&Original<'_>) -> String,
) -> Mutation {
    Mutation { name, make, reason, okta_jwt_verifier: Theirs::Refuses }
}

const fn ours(
    name: &'static str,
    reason: &'static str,
    make: fn(&Original<'_>) -> String,
) -> Mutation {
    Mutation { name, make, reason, okta_jwt_verifier: Theirs::Takes }
}

const fn throws(
    name: &'static str,
    reason: &'static str,
    make: fn(&Original<'_>) -> String,
) -> Mutation {
    Mutation { name, make, reason, okta_jwt_verifier: Theirs::Throws }
}

/// Mutations of any token, access or ID token.
pub const OF_EVERY_TOKEN: [Mutation; 44] = [
    both("payload changed, signature kept", "bad_signature", |o| {
        let (good, claims) = (o.good(), with(o.claims.clone(), json!({"sub": "eve"})));
        let (header, _, signature) = split(&good);
        format!("{header}.{}.{signature}", encode(claims.to_string()))
    }),
    both("header changed, signature kept", "bad_signature", |o| {
        let (good, header) = (o.good(), with(o.header.clone(), json!({"x": 1})));
        let (_, payload, signature) = split(&good);
        format!("{}.{payload}.{signature}", encode(header.to_string()))
    }),
    both("first bit of the signature flipped", "bad_signature", |o| flip(&o.good(), 0, 0x80)),
    both("bit in the middle of the signature flipped", "bad_signature", |o| {
        flip(&o.good(), 31, 0x04)
    }),
    both("signature cut short", "bad_signature", |o| {
        let good = o.good();
        let (header, payload, signature) = split(&good);
        format!("{header}.{payload}.{}", &signature[..signature.len() / 2 / 4 * 4])
    }),
    throws("signature empty", "bad_signature", |o| {
        let good = o.good();
        format!("{}.", good.rsplit_once('.').unwrap().0)
    }),
    both("signature of another token", "bad_signature", |o| {
        let other = o.with_claims(json!({"sub": "eve"}));
        let good = o.good();
        format!("{}.{}", good.rsplit_once('.').unwrap().0, split(&other).2)
    }),
    both("signed by a stranger under the issuer's key id", "bad_signature", |o| {
        o.stranger.sign(&o.header.to_string(), o.claims.to_string())
    }),
    both("signed by a stranger under an unknown key id", "unknown_key", |o| {
        let header = with(o.header.clone(), json!({"kid": "stranger"}));
        o.stranger.sign(&header.to_string(), o.claims.to_string())
    }),
    both("unknown key id, good signature", "unknown_key", |o| {
        o.with_header(json!({"kid": "0ldK3y"}))
    }),
    both("the stranger's key in the header", "key_from_sender", |o| {
        let changes = json!({"jwk": o.stranger.jwk(), "kid": "stranger"});
        let header = with(o.header.clone(), changes);
        o.stranger.sign(&header.to_string(), o.claims.to_string())
    }),
    both("the address of the stranger's keys in the header", "key_from_sender", |o| {
        let changes = json!({"jku": "https://evil.example/keys", "kid": "stranger"});
        let header = with(o.header.clone(), changes);
        o.stranger.sign(&header.to_string(), o.claims.to_string())
    }),
    both("`alg` none without a signature", "unsigned", |o| {
        let header = with(o.header.clone(), json!({"alg": "none"}));
        format!("{}.{}.", encode(header.to_string()), encode(o.claims.to_string()))
    }),
    both("`alg` none with a signature", "unsigned", |o| o.with_header(json!({"alg": "none"}))),
    both("`alg` HS256", "symmetric_algorithm", |o| o.with_header(json!({"alg": "HS256"}))),
    both("`alg` of another hash", "algorithm_not_allowed", |o| {
        o.with_header(json!({"alg": "RS512"}))
    }),
    both("`alg` of another padding", "algorithm_not_allowed", |o| {
        o.with_header(json!({"alg": "PS256"}))
    }),
    both("`alg` of another key type", "algorithm_not_allowed", |o| {
        o.with_header(json!({"alg": "ES384"}))
    }),
    both("`alg` missing", "malformed_header", |o| o.with_header(json!({"alg": null}))),
    both("issuer of somebody else", "wrong_issuer", |o| {
        o.with_claims(json!({"iss": "https://evil.example/oauth2/default"}))
    }),
    both("issuer with a slash behind", "wrong_issuer", |o| {
        let issuer = format!("{}/", o.claims["iss"].as_str().unwrap());
        o.with_claims(json!({ "iss": issuer }))
    }),
    both("issuer with more behind", "wrong_issuer", |o| {
        let issuer = format!("{}-evil", o.claims["iss"].as_str().unwrap());
        o.with_claims(json!({ "iss": issuer }))
    }),
    both("issuer missing", "missing_claim", |o| o.with_claims(json!({"iss": null}))),
    both("audience of somebody else", "wrong_audience", |o| {
        o.with_claims(json!({"aud": "api://other"}))
    }),
    both("audience with more behind", "wrong_audience", |o| {
        let audience = format!("{}s", o.claims["aud"].as_str().unwrap());
        o.with_claims(json!({ "aud": audience }))
    }),
    both("audience missing", "missing_claim", |o| o.with_claims(json!({"aud": null}))),
    both("empty list of audiences", "wrong_audience", |o| o.with_claims(json!({"aud": []}))),
    both("expired for an hour", "expired", |o| {
        let iat = o.second("iat");
        o.with_claims(json!({"iat": iat - 7200, "exp": iat - 3600}))
    }),
    both("expired for a year", "expired", |o| {
        let iat = o.second("iat") - 366 * 86_400;
        o.with_claims(json!({"iat": iat, "exp": iat + 3600}))
    }),
    both("not valid before an hour from now", "not_yet_valid", |o| {
        o.with_claims(json!({"nbf": o.second("iat") + 3600}))
    }),
    ours("end as a text", "malformed_claim", |o| {
        o.with_claims(json!({"exp": o.second("exp").to_string()}))
    }),
    both("payload is a list", "json", |o| o.raw(&o.header.to_string(), "[]")),
    both("payload is no JSON", "json", |o| o.raw(&o.header.to_string(), "sub=ada")),
    both("payload empty", "json", |o| o.raw(&o.header.to_string(), "")),
    throws("two segments", "not_compact", |o| o.good().rsplit_once('.').unwrap().0.to_owned()),
    both("four segments", "not_compact", |o| format!("{}.e30", o.good())),
    both("five segments", "encrypted", |o| format!("{}.e30.e30", o.good())),
    both("a word", "not_compact", |_| "opaque".to_owned()),
    ours("end missing", "missing_claim", |o| o.with_claims(json!({"exp": null}))),
    ours("issued an hour from now", "issued_in_future", |o| {
        let iat = o.second("iat") + 3600;
        o.with_claims(json!({"iat": iat, "exp": iat + 3600}))
    }),
    ours("critical extension", "critical_extension", |o| {
        o.with_header(json!({"crit": ["urn:x"], "urn:x": true}))
    }),
    ours("type of a logout token", "wrong_type", |o| o.with_header(json!({"typ": "logout+jwt"}))),
    ours("padded signature", "encoding", |o| format!("{}==", o.good())),
    ours("claim twice", "json", |o| {
        let claims = o.claims.to_string().replacen('{', r#"{"sub":"eve","#, 1);
        o.raw(&o.header.to_string(), &claims)
    }),
];

/// Mutations of ID tokens, when the nonce that was sent is that of the good token.
pub const OF_ID_TOKENS: [Mutation; 4] = [
    both("nonce of another sign-in", "wrong_nonce", |o| o.with_claims(json!({"nonce": "other"}))),
    both("nonce missing", "missing_nonce", |o| o.with_claims(json!({"nonce": null}))),
    both("several audiences and no party", "wrong_authorized_party", |o| {
        o.with_claims(json!({"aud": [o.claims["aud"], "0oa1other"]}))
    }),
    ours("issued to another client", "wrong_authorized_party", |o| {
        o.with_claims(json!({"azp": "0oa1other"}))
    }),
];

fn flip(token: &str, byte: usize, mask: u8) -> String {
    let (header, payload, signature) = split(token);
    let mut bytes = super::minter::decode(signature);
    bytes[byte] ^= mask;
    format!("{header}.{payload}.{}", encode(bytes))
}
