//! Servers that are not Okta's: endpoints from their metadata, or named one by one.

use okta_introspect::{
    Audience, CircuitConfig, Client, ClientBuilder, EndpointUrl, Endpoints, Error, Issuer,
    Metadata, metadata,
};

use crate::args::OtherServerArgs;
use crate::failure::Failure;
use crate::settings::Settings;

use super::runtime::wait_for;
use super::setup;

/// An endpoint that a command calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Needed {
    Token,
    Introspection,
    Revocation,
}

/// The client of the server that the settings and these flags name. What a command does not need, the
/// server need not have.
pub(super) fn client(
    settings: &Settings,
    server: &OtherServerArgs,
    needed: &[Needed],
) -> Result<Client, Failure> {
    Ok(builder(settings, server, needed)?.build()?)
}

/// As [`client`], to be completed.
pub(super) fn builder(
    settings: &Settings,
    server: &OtherServerArgs,
    needed: &[Needed],
) -> Result<ClientBuilder, Failure> {
    let named = Named::parse(server)?;
    let audience = server.audience.as_deref().map(audience).transpose()?;
    let (issuer, endpoints) = if server.discover {
        let issuer = settings.other_issuer()?;
        let metadata = discover(settings, &issuer)?;
        (issuer, Some(named.over(metadata, needed)?))
    } else if named.is_empty() {
        (settings.issuer()?, None)
    } else {
        let okta = settings.issuer();
        let known = okta.as_ref().ok().and_then(Issuer::endpoints);
        let issuer = okta.or_else(|_| settings.other_issuer())?;
        (issuer, Some(named.beside(known, needed)?))
    };
    let mut builder = settings.client_builder_at(issuer)?.circuit(CircuitConfig::off());
    if let Some(endpoints) = endpoints {
        builder = builder.endpoints(endpoints);
    }
    if let Some(audience) = audience {
        builder = builder.audience(audience);
    }
    Ok(builder)
}

fn discover(settings: &Settings, issuer: &Issuer) -> Result<Metadata, Failure> {
    let http = settings.http()?;
    wait_for(async {
        let found = metadata::discover(issuer, &http).await;
        found.map_err(|error| setup::explain(settings, error))
    })
}

/// `endpoint`, `token`, `issuer`, or a URL.
fn audience(which: &str) -> Result<Audience, Failure> {
    Ok(match which {
        "endpoint" => Audience::Endpoint,
        "token" => Audience::TokenEndpoint,
        "issuer" => Audience::Issuer,
        url if url.contains("://") => {
            EndpointUrl::parse(url).map_err(|error| Failure::from(error).found_in("--audience"))?;
            // As it is written: servers compare it character by character.
            Audience::Custom(url.trim().to_owned())
        }
        _ => {
            return Err(Failure::usage("--audience is neither a known word nor a URL")
                .advise("use endpoint, token, issuer or the whole URL"));
        }
    })
}

/// The endpoints that flags name.
#[derive(Default)]
struct Named {
    token: Option<EndpointUrl>,
    introspection: Option<EndpointUrl>,
    revocation: Option<EndpointUrl>,
}

impl Named {
    fn parse(args: &OtherServerArgs) -> Result<Self, Failure> {
        let url = |url: &Option<String>, flag: &str| {
            let url = url.as_deref().map(EndpointUrl::parse).transpose();
            url.map_err(|error: Error| Failure::from(error).found_in(flag))
        };
        Ok(Self {
            token: url(&args.token_endpoint, "--token-endpoint")?,
            introspection: url(&args.introspection_endpoint, "--introspection-endpoint")?,
            revocation: url(&args.revocation_endpoint, "--revocation-endpoint")?,
        })
    }

    fn all(&self) -> [(Needed, Option<&EndpointUrl>); 3] {
        [
            (Needed::Token, self.token.as_ref()),
            (Needed::Introspection, self.introspection.as_ref()),
            (Needed::Revocation, self.revocation.as_ref()),
        ]
    }

    fn is_empty(&self) -> bool {
        self.all().iter().all(|(_, url)| url.is_none())
    }

    /// These, and those of the metadata for the others. On other hosts than the issuer's only those are
    /// called that flags name.
    fn over(self, mut metadata: Metadata, needed: &[Needed]) -> Result<Endpoints, Failure> {
        let named = self.all().map(|(_, url)| url.map(|url| url.as_str().to_owned()));
        let hosts: Vec<&str> = named.iter().flatten().map(|url| authority(url)).collect();
        let origin = origin(&metadata.issuer).to_owned();
        let mut theirs = [
            metadata.token_endpoint.take(),
            metadata.introspection_endpoint.take(),
            metadata.revocation_endpoint.take(),
        ];
        for ((theirs, own), (which, _)) in theirs.iter_mut().zip(&named).zip(self.all()) {
            let is_own = |url: &String| self::origin(url) == origin;
            *theirs = match needed.contains(&which) {
                true => own.clone().or_else(|| theirs.take()),
                // What is elsewhere, and is not called, is no reason to refuse.
                false => own.clone().or_else(|| theirs.take().filter(is_own)),
            };
        }
        let [token, introspection, revocation] = &theirs;
        let known = [
            (Needed::Token, token.is_some()),
            (Needed::Introspection, introspection.is_some()),
            (Needed::Revocation, revocation.is_some()),
        ];
        check(known, needed, "the server's metadata")?;
        let any = theirs.iter().flatten().next().cloned().unwrap_or_else(|| origin.clone());
        let [token, introspection, revocation] = theirs;
        metadata.token_endpoint = token.or_else(|| Some(uncalled(&any, "token")));
        metadata.introspection_endpoint =
            introspection.or_else(|| Some(uncalled(&any, "introspect")));
        metadata.revocation_endpoint = revocation.or_else(|| Some(uncalled(&any, "revoke")));
        let keys = metadata.jwks_uri.take().filter(|url| self::origin(url) == origin);
        metadata.jwks_uri = keys.or_else(|| Some(uncalled(&any, "keys")));
        Ok(metadata.endpoints_allowing(&hosts)?)
    }

    /// These, and for the others those that are known.
    fn beside(self, known: Option<Endpoints>, needed: &[Needed]) -> Result<Endpoints, Failure> {
        if known.is_none() {
            check(self.all().map(|(which, url)| (which, url.is_some())), needed, THE_COMMAND)?;
        }
        let any =
            self.all().into_iter().find_map(|(_, url)| url.map(|url| url.as_str().to_owned()));
        let any = any.unwrap_or_default();
        let pick = |own: Option<EndpointUrl>, known: Option<&EndpointUrl>, name: &str| {
            let known = own.or_else(|| known.cloned());
            known.map_or_else(|| EndpointUrl::parse(&uncalled(&any, name)), Ok)
        };
        let known = known.as_ref();
        Ok(Endpoints::new(
            pick(self.token, known.map(|it| &it.token), "token")?,
            pick(self.introspection, known.map(|it| &it.introspection), "introspect")?,
            pick(self.revocation, known.map(|it| &it.revocation), "revoke")?,
            pick(None, known.map(|it| &it.jwks), "keys")?,
        )?)
    }
}

/// Stands for an endpoint that the server does not name and the command does not call, below one that
/// it does name: should it be called all the same, nothing leaves that server.
fn uncalled(any: &str, name: &str) -> String {
    format!("{}/unnamed/{name}", any.trim_end_matches('/'))
}

/// Scheme, host and port.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + "://".len());
    url[host..].find('/').map_or(url, |len| &url[..host + len])
}

/// Host and port.
fn authority(url: &str) -> &str {
    origin(url).split_once("://").map_or("", |(_, authority)| authority)
}

/// Who names endpoints by flags.
const THE_COMMAND: &str = "the command line";

fn check(named: [(Needed, bool); 3], needed: &[Needed], who: &str) -> Result<(), Failure> {
    match named.iter().find(|(which, is_named)| !is_named && needed.contains(which)) {
        Some((which, _)) => Err(missing(who, *which)),
        None => Ok(()),
    }
}

fn missing(who: &str, which: Needed) -> Failure {
    let (what, flag) = match which {
        Needed::Token => ("token endpoint", "--token-endpoint"),
        Needed::Introspection => ("introspection endpoint", "--introspection-endpoint"),
        Needed::Revocation => ("revocation endpoint", "--revocation-endpoint"),
    };
    Failure::usage(format!("{who} does not name the {what}")).advise(match who {
        THE_COMMAND => {
            format!("name it with {flag}, or take all of them from the server with --discover")
        }
        _ => format!("name it with {flag}, if the server has one"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(token: Option<&str>, introspection: Option<&str>) -> Named {
        let args = OtherServerArgs {
            token_endpoint: token.map(str::to_owned),
            introspection_endpoint: introspection.map(str::to_owned),
            ..OtherServerArgs::default()
        };
        Named::parse(&args).unwrap()
    }

    fn metadata(members: &str) -> Metadata {
        let text = format!(r#"{{"issuer":"https://id.example/a"{members}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    const BOTH: &str = r#","token_endpoint":"https://id.example/t","introspection_endpoint":"https://id.example/i""#;

    #[test]
    fn what_is_needed_is_taken_from_the_metadata_and_what_is_not_may_be_missing() {
        let token = named(None, None)
            .over(metadata(r#","token_endpoint":"https://id.example/t""#), &[Needed::Token])
            .unwrap();
        assert_eq!(token.token.as_str(), "https://id.example/t");
        let both = named(None, None).over(metadata(BOTH), &[Needed::Introspection]).unwrap();
        assert_eq!(both.introspection.as_str(), "https://id.example/i");
        for needed in [Needed::Token, Needed::Introspection, Needed::Revocation] {
            let error = named(None, None).over(metadata(""), &[needed]).unwrap_err();
            assert!(error.to_string().contains("metadata does not name"), "{error}");
        }
    }

    #[test]
    fn a_host_of_its_own_is_called_only_where_a_flag_names_it() {
        let elsewhere = r#","token_endpoint":"https://tokens.example/t""#;
        assert!(named(None, None).over(metadata(elsewhere), &[Needed::Token]).is_err());
        let same = named(Some("https://tokens.example/t"), None);
        let same = same.over(metadata(elsewhere), &[Needed::Token]).unwrap();
        assert_eq!(same.token.as_str(), "https://tokens.example/t");
        let plain = named(Some("http://127.0.0.1:9/t"), None);
        assert!(plain.over(metadata(""), &[Needed::Token]).is_err(), "plain http");
    }

    #[test]
    fn endpoints_may_be_named_one_by_one() {
        let one = || named(Some("https://id.example/t"), None);
        assert!(one().beside(None, &[Needed::Token]).is_ok());
        let error = one().beside(None, &[Needed::Introspection]).unwrap_err();
        assert!(error.advice().contains("--introspection-endpoint"), "{error}");
        let okta = Issuer::parse("https://acme.okta.com").unwrap().endpoints();
        let beside = one().beside(okta.clone(), &[Needed::Introspection]).unwrap();
        assert_eq!(beside.token.as_str(), "https://id.example/t");
        assert_eq!(beside.introspection, okta.unwrap().introspection);
    }

    #[test]
    fn an_audience_is_a_word_or_a_url() {
        for (which, expected) in [
            ("endpoint", Some(Audience::Endpoint)),
            ("token", Some(Audience::TokenEndpoint)),
            ("issuer", Some(Audience::Issuer)),
            ("https://id.example", Some(Audience::Custom("https://id.example".to_owned()))),
            ("https://id.example/a", Some(Audience::Custom("https://id.example/a".to_owned()))),
            ("Issuer", None),
            ("", None),
            ("https://", None),
        ] {
            assert_eq!(audience(which).ok(), expected, "{which}");
        }
    }
}
