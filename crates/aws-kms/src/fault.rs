//! What an error of KMS means for a call.

use std::error::Error as StdError;

use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use okta_introspect::{Error, ErrorKind};

/// The kind of error, and what to do, by the code that KMS gives.
fn by_code(code: &str) -> (ErrorKind, &'static str) {
    match code {
        "ThrottlingException" | "LimitExceededException" => (
            ErrorKind::RateLimited,
            "let an assertion serve many calls, give this process its share of the account's quota, or have that raised",
        ),
        "KMSInternalException" | "DependencyTimeoutException" | "KeyUnavailableException" => {
            (ErrorKind::ServerFailed, "try again")
        }
        "NotFoundException" | "InvalidArnException" => {
            (ErrorKind::Configuration, "see the key's id, alias or ARN, and the region and account")
        }
        "DisabledException" | "KMSInvalidStateException" => {
            (ErrorKind::Key, "enable the key, or cancel its deletion")
        }
        "InvalidKeyUsageException" | "UnsupportedOperationException" | "ValidationException" => (
            ErrorKind::Key,
            "take an asymmetric key with the usage SIGN_VERIFY that signs with this algorithm",
        ),
        "AccessDeniedException" => {
            (ErrorKind::ClientRefused, "allow kms:Sign and kms:GetPublicKey for this key")
        }
        "UnrecognizedClientException" | "ExpiredTokenException" | "InvalidSignatureException" => {
            (ErrorKind::ClientRefused, "see the AWS credentials, and this computer's clock")
        }
        _ => (ErrorKind::ServerFailed, "see the code in KMS's documentation"),
    }
}

/// The error of a call to KMS. What KMS says in words is left out: it may name what was sent.
pub(crate) fn of<E, R>(what: &str, error: &SdkError<E, R>) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
    R: std::fmt::Debug,
{
    let remote = |kind, text: String, advice| Error::from_remote_signer(kind, text, advice, None);
    match error {
        SdkError::ServiceError(answer) => {
            let code = answer.err().code().unwrap_or("no code");
            let (kind, advice) = by_code(code);
            let code: String = code.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
            remote(kind, format!("AWS KMS {what}: {code}"), advice)
        }
        SdkError::TimeoutError(_) => {
            remote(ErrorKind::TimedOut, format!("AWS KMS {what}: no answer in time"), "try again")
        }
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            remote(ErrorKind::TimedOut, format!("AWS KMS {what}: no answer in time"), "try again")
        }
        SdkError::DispatchFailure(failure) if failure.is_io() => remote(
            ErrorKind::Unreachable,
            format!("AWS KMS {what}: there is no connection"),
            "see the network, the region and the endpoint",
        ),
        SdkError::ResponseError(_) => remote(
            ErrorKind::Malformed,
            format!("AWS KMS {what}: the answer cannot be read"),
            "see whether the endpoint is that of KMS",
        ),
        _ => remote(
            ErrorKind::Configuration,
            format!("AWS KMS {what}: the request could not be made"),
            "see the AWS configuration: credentials, region, HTTP client",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_is_temporary_and_what_does_not_is_not() {
        for code in ["ThrottlingException", "KMSInternalException", "KeyUnavailableException"] {
            assert!(by_code(code).0.is_temporary(), "{code}");
        }
        for code in ["NotFoundException", "DisabledException", "AccessDeniedException"] {
            assert!(!by_code(code).0.is_temporary(), "{code}");
        }
    }
}
