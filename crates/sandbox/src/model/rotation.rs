//! Whether an app's refresh tokens are replaced when they are used.

use chrono::TimeDelta;
use serde::Deserialize;

use crate::error::Error;

/// Okta's `refresh_token` object of an app
/// ([refresh token rotation](https://developer.okta.com/docs/guides/refresh-tokens/main/)).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RefreshTokenSettings {
    /// `STATIC` or `ROTATE`. Default: `STATIC`, as for Okta's web apps.
    pub rotation_type: RotationType,
    /// How long a token that was replaced is taken all the same, in seconds: 0 to 60. Default: 30.
    pub leeway: u8,
}

impl RefreshTokenSettings {
    const MAX_LEEWAY: u8 = 60;

    pub(crate) fn check(self, client_id: &str) -> Result<(), Error> {
        match self.leeway > Self::MAX_LEEWAY {
            true => {
                let what =
                    format!("the leeway of the refresh tokens of app {client_id} is out of bounds");
                Err(Error::new(what, "use 0 to 60 seconds"))
            }
            false => Ok(()),
        }
    }

    pub(crate) fn leeway(self) -> TimeDelta {
        TimeDelta::seconds(self.leeway.min(Self::MAX_LEEWAY).into())
    }
}

impl Default for RefreshTokenSettings {
    fn default() -> Self {
        Self { rotation_type: RotationType::Static, leeway: 30 }
    }
}

/// Whether a refresh token is replaced when it is used.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum RotationType {
    /// It stays as it is.
    #[default]
    Static,
    /// Each use gives another one. The one before is taken until the leeway is over; whoever uses it
    /// later ends everything that was issued since the user signed in.
    Rotate,
}

impl RotationType {
    /// Its name in Okta's API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Static => "STATIC",
            Self::Rotate => "ROTATE",
        }
    }
}
