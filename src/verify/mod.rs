//! Verifies tokens locally, without asking the server.
//!
//! # Local or remote?
//!
//! A signature proves which issuer signed a token and that the token is unchanged. It says nothing
//! of what happened since: a token that was **revoked**, or whose user was suspended, verifies
//! until it expires. Only [introspection](crate::Client::introspect) sees that. On the other hand
//! verification costs some ten microseconds and no request, and goes on when the server is down.
//!
//! | the token | locally | by introspection |
//! |---|---|---|
//! | access token of a custom authorization server (`…/oauth2/{id}`) | yes: [`Verifier::access_token`] | yes, for revocation |
//! | access token of the org server (`https://acme.okta.com`) | **no**: Okta calls it opaque and does not publish its key for this; invalid as [`OrgAccessToken`](InvalidToken::OrgAccessToken) | the only way |
//! | encrypted access token (five segments) | **no**: invalid as [`Encrypted`](InvalidToken::Encrypted) | the only way |
//! | ID token, of either server | yes, by the client that it was issued to: [`Verifier::id_token`] | rarely needed |
//! | refresh token, device secret | **no**: they are not JWTs | the only way |
//!
//! And by what is at stake, for access tokens of a custom server:
//!
//! | if a revoked token may be taken | then |
//! |---|---|
//! | until it expires, and it expires soon (Okta: from five minutes on) | verify locally |
//! | for some seconds or minutes | verify locally first, then introspect at that interval |
//! | not at all: payments, administration, deletion | verify locally first, then introspect each time |
//!
//! So local verification is the free first line in every case: it keeps forgeries, expired
//! tokens and those of other issuers away from the rate limit that introspection shares with the
//! whole org.
//!
//! # What is checked
//!
//! In this order, each failure with its own variant of [`InvalidToken`]:
//!
//! 1. **Form**: at most 16 KiB, three segments of unpadded base64url, JSON objects without
//!    duplicate members and not nested deeper than 32 levels.
//! 2. **Header**: an allowed signature algorithm (RS256 unless set otherwise; never `none`, never
//!    an HMAC), no `crit`, no key of the sender's own (`jwk`, `jku`, `x5u`, `x5c`), no `typ` of
//!    another kind of JWT.
//! 3. **Claims**: that it is the wanted kind of token; `iss`, to the letter; `aud`; `exp`, `nbf`
//!    and `iat` with some leeway; for access tokens `cid` and `scp` as set; for ID tokens `azp`
//!    and `nonce`, both ways. `iss`, `sub`, `aud`, `exp` and `iat` must be there.
//! 4. **Key**: one of the issuer's, by `kid`, for signatures, for this algorithm, and not weak.
//! 5. **Signature**.
//!
//! This follows [RFC 7519 §7.2](https://www.rfc-editor.org/rfc/rfc7519#section-7.2),
//! [RFC 9068 §4](https://www.rfc-editor.org/rfc/rfc9068#section-4),
//! [OpenID Connect Core §3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation)
//! and the advice of [RFC 8725](https://www.rfc-editor.org/rfc/rfc8725).

mod builder;
mod claims;
mod fact;
mod header;
mod invalid;
mod policy;
mod signature_only;
#[cfg(feature = "tower")]
mod statement;
mod verification;
mod verifier;

pub use builder::VerifierBuilder;
pub use claims::{AccessTokenClaims, IdTokenClaims};
pub use invalid::{InvalidToken, TokenKind};
pub use signature_only::{UncheckedPayload, signature_only};
pub use verification::{Verification, Verified};
pub use verifier::Verifier;

#[cfg(feature = "tower")]
pub(crate) use statement::{Claims, Expected, statement, wrong_audience};

pub use crate::jws::Part;
pub use crate::key::{KeyFault, MemberFault};
pub use crate::support::json::JsonFault;
