//! What a protected resource says of itself
//! ([RFC 9728](https://www.rfc-editor.org/rfc/rfc9728)).

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::error::Error;
use crate::error::bounds::within;
use crate::issuer::{EndpointUrl, Issuer, parse_url};
use crate::scope::is_scope;

/// The metadata of a protected resource: its identifier, and where its clients get tokens. Cheap to
/// clone.
///
/// A [`Gate`](super::Gate) that [guards](super::Gate::resource) the resource names the metadata in
/// its challenges and lets in no token that was issued for another audience. The document itself is
/// served by `ResourceMetadata::router` (feature `axum`) or [`service`](Self::service). Servers of
/// the [Model Context Protocol](https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization)
/// must have both.
///
/// # Example
///
/// ```
/// use okta_introspect::adapter::{Gate, ResourceMetadata};
/// use okta_introspect::{Checker, Error, Issuer};
///
/// fn guard(checker: Checker, issuer: &Issuer) -> Result<(Gate, ResourceMetadata), Error> {
///     let resource = ResourceMetadata::builder("https://api.acme.example/mcp")
///         .authorization_server(issuer)
///         .scope("orders.read")
///         .name("Orders of Acme")
///         .build()?;
///     assert_eq!(
///         resource.url(),
///         "https://api.acme.example/.well-known/oauth-protected-resource/mcp"
///     );
///     Ok((Gate::new(checker).resource(resource.clone()), resource))
/// }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResourceMetadata(Arc<Inner>);

#[derive(Debug, Eq, PartialEq)]
struct Inner {
    resource: String,
    /// Scheme, host and port.
    origin: String,
    url: String,
    json: String,
    dpop: Proofs,
}

/// Whether tokens that are bound to a key are taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Proofs {
    Unsaid,
    Taken,
    Demanded,
}

impl ResourceMetadata {
    /// Begins the metadata of the resource with this identifier: the `https` URL under which clients
    /// call it (`http` on loopback), as the authorization server writes it into the `aud` of tokens.
    ///
    /// The two are compared character by character, and so it is taken in its normal form alone,
    /// without a query or a fragment. A slash at the end is a part of it; leave it out on both sides.
    pub fn builder(resource: impl Into<String>) -> ResourceMetadataBuilder {
        ResourceMetadataBuilder {
            resource: resource.into(),
            authorization_servers: Vec::new(),
            scopes: Vec::new(),
            name: None,
            documentation: None,
            dpop: Proofs::Unsaid,
        }
    }

    /// The resource's identifier, which is the audience of its tokens.
    pub fn resource(&self) -> &str {
        &self.0.resource
    }

    /// Where clients look for the metadata: what challenges name as `resource_metadata`.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The path of [`url`](Self::url): the well-known part, then the path of the resource
    /// ([RFC 9728 §3](https://www.rfc-editor.org/rfc/rfc9728#section-3)).
    pub fn path(&self) -> &str {
        &self.0.url[self.0.origin.len()..]
    }

    /// The document.
    pub fn to_json(&self) -> &str {
        &self.0.json
    }

    pub(super) fn origin(&self) -> &str {
        &self.0.origin
    }

    pub(super) fn takes_proofs(&self) -> bool {
        self.0.dpop != Proofs::Unsaid
    }

    pub(super) fn demands_proofs(&self) -> bool {
        self.0.dpop == Proofs::Demanded
    }
}

/// Collects what a resource says of itself. `build` tells of the first thing that is wrong.
///
/// # Example: a resource that takes bound tokens alone
///
/// ```
/// use okta_introspect::adapter::ResourceMetadata;
/// use okta_introspect::{Error, Issuer};
///
/// fn orders(issuer: &Issuer) -> Result<ResourceMetadata, Error> {
///     let resource = ResourceMetadata::builder("https://api.acme.example/orders");
///     resource.authorization_server(issuer).dpop_required().build()
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ResourceMetadataBuilder {
    resource: String,
    authorization_servers: Vec<String>,
    scopes: Vec<String>,
    name: Option<String>,
    documentation: Option<String>,
    dpop: Proofs,
}

impl ResourceMetadataBuilder {
    /// A server that issues tokens for the resource; at least one is needed, and 16 are the most.
    pub fn authorization_server(mut self, issuer: &Issuer) -> Self {
        self.authorization_servers.push(issuer.as_str().to_owned());
        self
    }

    /// A scope that clients may ask for (`scopes_supported`); 256 are the most. Default: none is
    /// named. What a request needs stands in the challenge.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// A name to show to people (`resource_name`), of at most 1,024 bytes. Default: none.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// A page for developers (`resource_documentation`), an `https` URL. Default: none.
    pub fn documentation(mut self, url: impl Into<String>) -> Self {
        self.documentation = Some(url.into());
        self
    }

    /// Tokens that are bound to a key are taken
    /// ([RFC 9449](https://www.rfc-editor.org/rfc/rfc9449)). The gate compares proofs with scheme,
    /// host and port of the resource, unless it was told another [origin](super::Gate::origin).
    /// Default: nothing is said of them.
    pub fn dpop(mut self) -> Self {
        self.dpop = Proofs::Taken;
        self
    }

    /// As [`dpop`](Self::dpop), and the gate takes no other tokens.
    pub fn dpop_required(mut self) -> Self {
        self.dpop = Proofs::Demanded;
        self
    }

    /// The metadata.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) if the resource is no `https` URL in its
    /// normal form, no authorization server is named, or something is not within its bounds.
    pub fn build(self) -> Result<ResourceMetadata, Error> {
        within("the number of authorization servers", self.authorization_servers.len(), 1..=16)?;
        within("the number of scopes", self.scopes.len(), 0..=256)?;
        self.scopes.iter().try_for_each(|scope| one_scope(scope))?;
        let name = self.name.as_deref().map_or(1, str::len);
        within("the length of the resource's name", name, 1..=1024)?;
        let documentation = self.documentation.as_deref().map(EndpointUrl::parse).transpose()?;
        let (origin, path) = split(&self.resource)?;
        let url = format!("{origin}{WELL_KNOWN}{path}");
        let document = Document {
            resource: &self.resource,
            authorization_servers: &self.authorization_servers,
            scopes_supported: &self.scopes,
            bearer_methods_supported: ["header"],
            dpop_signing_alg_values_supported: match self.dpop {
                Proofs::Unsaid => Vec::new(),
                Proofs::Taken | Proofs::Demanded => PROOF_ALGORITHMS.split(' ').collect(),
            },
            dpop_bound_access_tokens_required: self.dpop == Proofs::Demanded,
            resource_name: self.name.as_deref(),
            resource_documentation: documentation.as_ref().map(EndpointUrl::as_str),
        };
        // Texts, lists and a truth value always can be written.
        let json = serde_json::to_string(&document).unwrap_or_default();
        let origin = origin.to_owned();
        let inner = Inner { resource: self.resource, origin, url, json, dpop: self.dpop };
        Ok(ResourceMetadata(Arc::new(inner)))
    }
}

/// The members of [RFC 9728 §2](https://www.rfc-editor.org/rfc/rfc9728#section-2) that are served.
#[derive(Serialize)]
struct Document<'a> {
    resource: &'a str,
    authorization_servers: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    scopes_supported: &'a [String],
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dpop_signing_alg_values_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dpop_bound_access_tokens_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_documentation: Option<&'a str>,
}

/// Splits an identifier into its origin and what stands behind the well-known part: its path, but
/// nothing for that of a host alone.
fn split(resource: &str) -> Result<(&str, &str), Error> {
    within("the length of the resource's URL", resource.len(), 1..=2048)?;
    let url = parse_url(resource, "the resource")?;
    let normal = url.as_str();
    // A URL without a path is written with a slash and without one; both are identifiers.
    if resource != normal && Some(resource) != normal.strip_suffix('/') {
        return Err(Error::configuration("the resource's URL is not in its normal form")
            .advise(format!("write {normal}, here and at the authorization server")));
    }
    let (origin, path) = resource.split_at(url.origin().ascii_serialization().len());
    Ok((origin, if path == "/" { "" } else { path }))
}

/// Refuses what no scope can be, and what is too long.
fn one_scope(scope: &str) -> Result<(), Error> {
    if scope.len() <= 256 && is_scope(scope) {
        return Ok(());
    }
    Err(Error::configuration("a supported scope is not one scope")
        .advise("give one scope of at most 256 characters each time"))
}

/// What proofs may be signed with.
pub(super) const PROOF_ALGORITHMS: &str = "RS256 RS384 RS512 ES256 ES384 ES512";

/// [RFC 9728 §3](https://www.rfc-editor.org/rfc/rfc9728#section-3).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

impl fmt::Display for ResourceMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.resource())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn builder(resource: &str) -> ResourceMetadataBuilder {
        let issuer = Issuer::parse("https://acme.okta.com/oauth2/default").unwrap();
        ResourceMetadata::builder(resource).authorization_server(&issuer)
    }

    #[test]
    fn the_path_of_the_resource_stands_behind_the_well_known_part() {
        for (resource, url) in [
            ("https://h.example", "https://h.example/.well-known/oauth-protected-resource"),
            ("https://h.example/", "https://h.example/.well-known/oauth-protected-resource"),
            ("https://h.example/mcp", "https://h.example/.well-known/oauth-protected-resource/mcp"),
            (
                "https://h.example/a/b/",
                "https://h.example/.well-known/oauth-protected-resource/a/b/",
            ),
            (
                "https://h.example:8443/%2F",
                "https://h.example:8443/.well-known/oauth-protected-resource/%2F",
            ),
            (
                "http://127.0.0.1:8080/mcp",
                "http://127.0.0.1:8080/.well-known/oauth-protected-resource/mcp",
            ),
            ("http://[::1]:1/x", "http://[::1]:1/.well-known/oauth-protected-resource/x"),
        ] {
            let built = builder(resource).build().unwrap();
            assert_eq!((built.resource(), built.url()), (resource, url));
            assert!(url.ends_with(built.path()) && built.path().starts_with(WELL_KNOWN), "{url}");
            let document: Value = serde_json::from_str(built.to_json()).unwrap();
            assert_eq!(document["resource"], resource);
        }
    }

    #[test]
    fn an_identifier_that_is_not_exact_is_refused_and_the_exact_one_told() {
        for (resource, write) in [
            ("https://H.example/mcp", "https://h.example/mcp"),
            ("HTTPS://h.example/mcp", "https://h.example/mcp"),
            ("https://h.example:443/mcp", "https://h.example/mcp"),
            ("https://h.example/a/../mcp", "https://h.example/mcp"),
            ("https://h.example\\mcp", "https://h.example/mcp"),
            ("https://h.example/m\tcp", "https://h.example/mcp"),
            (" https://h.example/mcp", "https://h.example/mcp"),
            ("https://h.example/\"x\"", "https://h.example/%22x%22"),
            ("https://bücher.example/mcp", "https://xn--bcher-kva.example/mcp"),
        ] {
            let error = builder(resource).build().unwrap_err();
            assert!(error.advice().contains(&format!("write {write},")), "{resource}: {error:?}");
        }
    }

    #[test]
    fn what_no_client_could_use_is_refused() {
        let long = |count| "x".repeat(count);
        let many = |count| (0..count).fold(builder(OK), |built, n| built.scope(n.to_string()));
        let issuer = Issuer::parse("https://acme.okta.com").unwrap();
        let servers = |count| (1..count).fold(builder(OK), |b, _| b.authorization_server(&issuer));
        const OK: &str = "https://h.example/mcp";
        for (name, refused) in [
            ("empty", builder("")),
            ("no URL", builder("mcp")),
            ("http", builder("http://h.example/mcp")),
            ("another scheme", builder("urn:mcp")),
            ("fragment", builder("https://h.example/mcp#top")),
            ("query", builder("https://h.example/mcp?x=1")),
            ("credentials", builder("https://ada:secret@h.example/mcp")),
            ("too long", builder(&format!("https://h.example/{}", long(2048)))),
            ("no server", ResourceMetadata::builder(OK)),
            ("too many servers", servers(17)),
            ("two scopes in one", builder(OK).scope("a b")),
            ("a quoted scope", builder(OK).scope("a\"")),
            ("an empty scope", builder(OK).scope("")),
            ("a long scope", builder(OK).scope(long(257))),
            ("too many scopes", many(257)),
            ("an empty name", builder(OK).name("")),
            ("a long name", builder(OK).name(long(1025))),
            ("documentation in the clear", builder(OK).documentation("http://h.example")),
        ] {
            let error = refused.build().expect_err(name);
            assert!(!format!("{error} {error:?}").contains("secret"), "{name}: {error:?}");
        }
        for (name, taken) in [
            ("servers", servers(16)),
            ("scopes", many(256).scope("x".repeat(0) + "a")),
            ("scope", builder(OK).scope(long(256))),
            ("name", builder(OK).name(long(1024))),
        ] {
            assert_eq!(taken.build().is_ok(), name != "scopes", "{name}");
        }
        assert!(many(256).build().is_ok());
    }

    #[test]
    fn the_document_says_what_was_said_and_nothing_else() {
        let document = |builder: ResourceMetadataBuilder| -> Value {
            serde_json::from_str(builder.build().unwrap().to_json()).unwrap()
        };
        let least = json!({
            "resource": "https://h.example/mcp",
            "authorization_servers": ["https://acme.okta.com/oauth2/default"],
            "bearer_methods_supported": ["header"],
        });
        assert_eq!(document(builder("https://h.example/mcp")), least);
        let mut all = least;
        all["scopes_supported"] = json!(["read", "write"]);
        all["resource_name"] = json!("Orders \"of\" Acme");
        all["resource_documentation"] = json!("https://docs.acme.example/");
        all["dpop_signing_alg_values_supported"] =
            json!(["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]);
        let full = builder("https://h.example/mcp").scope("read").scope("write");
        let full = full.name("Orders \"of\" Acme").documentation("https://docs.acme.example");
        assert_eq!(document(full.clone().dpop()), all);
        all["dpop_bound_access_tokens_required"] = json!(true);
        assert_eq!(document(full.dpop_required()), all);
    }
}
