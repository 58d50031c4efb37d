//! Keys behind a program: it gets what is to be signed, and gives the signature.
//!
//! The program is run as it is named, without a shell, and finds nothing of this client in its
//! environment: variables whose names begin with `OKTA_` are taken out. It gets the signing input of
//! the JWS and nothing else, as ASCII: `BASE64URL(header).BASE64URL(payload)`.
//!
//! # Kept running
//!
//! [`CommandSignerBuilder::start`]. When it starts, the program writes one line of JSON:
//!
//! ```json
//! {"alg": "ES256", "kid": "k1", "jwk": {"kty": "EC", "crv": "P-256", "x": "…", "y": "…"}}
//! ```
//!
//! `kid` and `jwk` may be left out; with the public key at hand every signature is verified before
//! it is used. Then it reads a line for each signature and answers with a line, in any order:
//!
//! ```text
//! 7 eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiIwb2ExIn0     what it reads: ID INPUT
//! 7 signature 3q2-7w…                            what it writes: ID signature BASE64URL
//! 8 error the token is not in the slot           or: ID error TEXT
//! ```
//!
//! It ends when its standard input ends. Requests are not held back until the one before is answered;
//! a program that does one after another just reads on. One that ends, writes something else, or
//! takes longer than the time limit is ended with all that it started, and the next signature starts
//! it again; what a good process left unanswered is asked once more of the next.
//!
//! # A process for each signature
//!
//! [`CommandSignerBuilder::once`]. The signing input is all of its standard input, and the signature
//! all of its standard output, as it is or in Base64 or base64url. An exit status other than 0 is a
//! failure.
//!
//! # Errors
//!
//! Each says what the program wrote last on its standard error, bounded and with what may be secret
//! masked.
//!
//! | what | kind |
//! |---|---|
//! | it cannot be started | `Configuration` |
//! | it takes too long | `TimedOut` |
//! | it ended while it was kept running | `Unreachable` |
//! | it writes something else, or too much | `Malformed` |
//! | it says that it cannot sign, ends with a failure, signs with another key, or gives DER | `Key` |

mod builder;
mod job;
pub(crate) mod notation;
mod once;
mod process;
mod protocol;
mod running;

use std::fmt;
use std::time::Duration;

use okta_introspect::{
    Algorithm, BoxError, BoxFuture, Error, ErrorKind, PublicJwk, Signer, SignerLimits,
};
use tokio::sync::mpsc;

use crate::check::Expected;

pub use builder::CommandSignerBuilder;

use job::Job;
use process::Ending;

/// Signs by a program. Dropping it ends the program.
///
/// # Example: OpenSSL, run for each signature
///
/// ```no_run
/// use okta_introspect::{Algorithm, Error};
/// use okta_introspect_signers::command::CommandSigner;
///
/// # fn example() -> Result<(), Error> {
/// let signer = CommandSigner::builder(["openssl", "dgst", "-sha256", "-sign", "/secure/key.pem"])
///     .once(Algorithm::Rs256, Some("k1"))?;
/// # Ok(())
/// # }
/// ```
pub struct CommandSigner {
    /// The program's name alone: arguments may be anything.
    program: String,
    key_id: Option<String>,
    expected: Expected,
    limits: SignerLimits,
    jobs: mpsc::Sender<Job>,
}

impl CommandSigner {
    /// Ten seconds.
    pub const DEFAULT_TIME_LIMIT: Duration = Duration::from_secs(10);

    /// Four.
    pub const DEFAULT_MAX_PROCESSES: usize = 4;

    /// Begins with the program and its arguments.
    pub fn builder<A: Into<std::ffi::OsString>>(
        argv: impl IntoIterator<Item = A>,
    ) -> CommandSignerBuilder {
        CommandSignerBuilder::new(argv.into_iter().map(Into::into).collect())
    }

    async fn ask(&self, input: &[u8]) -> Result<Vec<u8>, BoxError> {
        let text = protocol::text_of(input)?.to_owned();
        let given = job::sign(&self.jobs, text).await?;
        Ok(self.expected.signature(input, given)?)
    }
}

impl Signer for CommandSigner {
    fn algorithm(&self) -> Algorithm {
        self.expected.algorithm
    }

    fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    fn public_jwk(&self) -> Option<&PublicJwk> {
        self.expected.public.as_ref()
    }

    fn sign<'a>(&'a self, signing_input: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
        Box::pin(self.ask(signing_input))
    }

    fn limits(&self) -> SignerLimits {
        self.limits
    }
}

impl fmt::Debug for CommandSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandSigner")
            .field("program", &self.program)
            .field("algorithm", &self.expected.algorithm)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

fn slow(time_limit: Duration, ending: &Ending) -> Error {
    Error::from_remote_signer(
        ErrorKind::TimedOut,
        format!("the command did not answer within {time_limit:?}{}", ending.and_says()),
        "see why it takes so long, or allow more time",
        None,
    )
}
