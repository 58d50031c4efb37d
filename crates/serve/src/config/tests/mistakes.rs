//! Every kind of mistake, and the exact line that is said of it.

use test_support::tls::{Identity, authority, issue};

use super::*;

/// A mistake: the text below `listeners: [{mode: nginx}]`, so that it begins in line 2, and the lines that
/// are said of it.
type Row = (&'static str, &'static [&'static str]);

#[track_caller]
fn check(rows: &[Row]) {
    let place = Place::with_app();
    let mut wrong = String::new();
    for (text, expected) in rows {
        let said = place.lines(&format!("listeners: [{{mode: nginx}}]\n{text}"));
        if said != *expected {
            wrong.push_str(&format!("{text}\n  is said to be {said:#?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// As [`check`], for listeners; the text is the whole file.
#[track_caller]
fn check_whole(place: &Place, rows: &[Row]) {
    let mut wrong = String::new();
    for (text, expected) in rows {
        let said: Vec<String> =
            place.lines(text).into_iter().filter(|line| !line.contains("rules: none")).collect();
        if said != *expected {
            wrong.push_str(&format!("{text}\n  is said to be {said:#?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn misshapen_members_are_told() {
    check(&[
        ("rule: []", &["rule (line 2): no such member; did you mean `rules`?"]),
        (
            "rules:\n- pth: /a\n  require: {}",
            &[
                "rules[0].pth (line 3): no such member; did you mean `path`?",
                "rules[0].path (line 3): missing",
            ],
        ),
        (
            "log: {colour: red}",
            &["log.colour (line 2): no such member; known here: format, level, decisions"],
        ),
        (
            "log: {'eyJ hbGciOiJIUzI1NiJ9': red}",
            &["log.… (line 2): no such member; known here: format, level, decisions"],
        ),
        (
            "rules: {path: /a}",
            &[
                "rules (line 2): a map in place of a list; write [a, b], or `- a` on lines of their own",
            ],
        ),
        (
            "log: json",
            &[
                "log (line 2): a text in place of a map; write `name: value` for each member, further in",
            ],
        ),
        (
            "log: {format: yaml}",
            &[
                "log.format (line 2): none of the words that can stand here; write one of text, json",
            ],
        ),
        (
            "log: {format: jsn}",
            &["log.format (line 2): none of the words that can stand here; did you mean `json`?"],
        ),
        ("dry_run: 'yes'", &["dry_run (line 2): a text in place of true or false"]),
        ("checker: {capacity: 0}", &["checker.capacity (line 2): cannot be 0: 1 to 100000000"]),
        (
            "checker: {rate_share_percent: 101}",
            &["checker.rate_share_percent (line 2): cannot be 101: 1 to 100"],
        ),
        (
            "checker: {max_newcomers: -1}",
            &["checker.max_newcomers (line 2): cannot be -1: 1 to 1000000"],
        ),
        ("checker: {capacity: 1.5}", &["checker.capacity (line 2): cannot be 1.5: 1 to 100000000"]),
        (
            "drain: 5 seconds",
            &[
                "drain (line 2): no span of time; write a number of seconds, or a text such as 250ms, 30s, 5m or 1h",
            ],
        ),
        ("paths: {decodings: []}", &["paths.decodings (line 2): empty"]),
        (
            "identity: {prefix: 5}",
            &["identity.prefix (line 2): a number in place of a text; put it in quotation marks"],
        ),
        (
            "rules: [{path: /a, require: {scopes: orders}}]",
            &[
                "rules[0].require.scopes (line 2): a text in place of a list; write [a, b], or `- a` on lines of their own",
            ],
        ),
        (
            "rules: [{path: /a, require: {scope: [orders]}}]",
            &["rules[0].require.scope (line 2): no such member; did you mean `scopes`?"],
        ),
        (
            "rules: [{path: /a, require: {}}, null]",
            &[
                "rules[1] (line 2): nothing in place of a map; write `name: value` for each member, further in",
            ],
        ),
    ]);
}

#[test]
fn values_out_of_bounds_are_told() {
    check(&[
        ("drain: 61s", &["drain (line 2): cannot be 61s: 0s to 1m"]),
        ("checker: {timeout: 0}", &["checker.timeout (line 2): cannot be 0s: 1ms to 1h"]),
        ("checker: {max_age: 11m}", &["checker.max_age (line 2): cannot be 11m: 0s to 10m"]),
        (
            "checker: {max_age_limit: 25h}",
            &["checker.max_age_limit (line 2): cannot be 25h: 0s to 24h"],
        ),
        (
            "checker: {stale_if_error: 2h}",
            &["checker.stale_if_error (line 2): cannot be 2h: 0s to 1h"],
        ),
        (
            "origins: [{url: 'https://a.example'}]\ndpop: {repeat_within: 11s}",
            &["dpop.repeat_within (line 3): cannot be 11s: 0s to 10s"],
        ),
        (
            "dpop: {replay: consume}",
            &[
                "dpop (line 2): a proof names the URL of its request, and no origin is known; list the URLs under which clients call the services in `origins`",
            ],
        ),
        (
            "identity: {prefix: X_Auth_}",
            &[
                "identity.prefix (line 2): the prefix of the identity headers has a character other than letters, digits and hyphens; take one such as X-Auth-; an underscore would be a hyphen to many backends",
            ],
        ),
        (
            "identity: {prefix: X-Auth}",
            &[
                "identity.prefix (line 2): the prefix of the identity headers does not begin with a letter or digit and end with a hyphen; take one such as X-Auth-; an underscore would be a hyphen to many backends",
            ],
        ),
        (
            "identity: {prefix: X-Forwarded-}",
            &[
                "identity.prefix (line 2): the prefix of the identity headers is that of headers with a meaning of their own; take one such as X-Auth-; an underscore would be a hyphen to many backends",
            ],
        ),
        (
            "identity: {token: {audience: a, key: /etc/key.pem, lifetime: 2m}}",
            &[
                "identity.token.lifetime (line 2): cannot be 2m: 2s to 1m",
                "identity.token.key (line 2): neither a key in PEM nor a JWK; write `file:PATH` for its file",
            ],
        ),
        (
            "identity: {headers: []}",
            &["identity.headers (line 2): empty; leave it out for all of them"],
        ),
        (
            "identity: {headers: [sub, scope, sub]}",
            &["identity.headers[2] (line 2): is there already"],
        ),
        (
            "identity: {headers: [sub, client-id]}",
            &[
                "identity.headers[1] (line 2): none of the words that can stand here; did you mean `client_id`?",
            ],
        ),
        ("identity: {token: {audience: a}}", &["identity.token.key (line 2): missing"]),
    ]);
}

#[test]
fn mistakes_in_rules_are_told() {
    check(&[
        ("rules: []", &["warning: rules (line 2): none, so every request of a proxy is denied"]),
        ("", &["warning: rules: none, so every request of a proxy is denied"]),
        (
            "rules: [{path: /a}]",
            &[
                "rules[0] (line 2): neither `require` nor `public: true`; write `require: {}` for any active token",
            ],
        ),
        (
            "rules: [{path: /a, require: }]",
            &[
                "rules[0] (line 2): neither `require` nor `public: true`; write `require: {}` for any active token",
            ],
        ),
        (
            "rules: [{path: /a, public: true, require: {}}]",
            &["rules[0] (line 2): `public` and `require`, one of which is wrong; keep one of them"],
        ),
        (
            "rules: [{path: a, require: {}}]",
            &["rules[0].path (line 2): the path of a pattern begins with a slash"],
        ),
        ("rules: [{path: '/a?b=c', require: {}}]", &["rules[0].path (line 2): no path has '?'"]),
        (
            "rules: [{path: '/{*rest}/a', require: {}}]",
            &[
                "rules[0].path (line 2): something follows the rest of the path; write {*rest} as the last segment",
            ],
        ),
        (
            "rules: [{path: '/{}', require: {}}]",
            &[
                "rules[0].path (line 2): \"{}\" does not name a parameter; write {id} or {*rest}: letters, digits and underscores",
            ],
        ),
        (
            "rules: [{path: '/{a}{b}', require: {}}]",
            &[
                "rules[0].path (line 2): \"{a}{b}\" does not name a parameter; write {id} or {*rest}: letters, digits and underscores",
            ],
        ),
        (
            "rules:\n- path: '/{id}'\n  where:\n    id: '[0-9'\n  require: {}",
            &[
                "rules[0].where.id (line 5): the regular expression is not valid: unclosed character class",
            ],
        ),
        (
            "rules: [{path: '/{id}', where: {no: '[0-9]'}, require: {}}]",
            &["rules[0].where (line 2): there is no parameter \"no\" in the path"],
        ),
        (
            "rules: [{path: '/{id}', where: {id: '(a{1000}){1000}'}, require: {}}]",
            &[
                "rules[0].where.id (line 2): the regular expression is too large; repeat less, or write [0-9] and [A-Za-z] for \\d and \\w",
            ],
        ),
        (
            "rules: [{path: /a, methods: [get], require: {}}]",
            &[
                "rules[0].methods[0] (line 2): no usual method is called get; write methods in upper case",
            ],
        ),
        (
            "rules: [{path: /a, methods: [DELTE, PURGE, TRACE], require: {}}]",
            &[
                "warning: rules[0].methods[0] (line 2): no usual method is called DELTE; did you mean DELETE?",
            ],
        ),
        (
            "rules: [{path: /a/*, require: {}}, {path: '/b/:id/{*rest}', require: {}}, {path: '/c/:', require: {}}]",
            &[
                "warning: rules[0].path (line 2): \"*\" stands for itself; write {*rest} for all that follow, and {name} for one segment",
                "warning: rules[1].path (line 2): \":id\" stands for itself; write {id} for a parameter",
            ],
        ),
        (
            "rules: [{path: /a, require: {scopes: [], any_scope: [], client_ids: []}}]",
            &[
                "rules[0].require.scopes (line 2): an empty list, which requires nothing; list what is required, or leave it out",
                "rules[0].require.any_scope (line 2): an empty list, which requires nothing; list what is required, or leave it out",
                "rules[0].require.client_ids (line 2): an empty list, which requires nothing; list what is required, or leave it out",
            ],
        ),
        (
            "rules:\n- {path: /a, methods: [GET], require: {}}\n- {path: /b, require: {}}\n- {path: /a, methods: [GET], public: true}",
            &[
                "rules[2] (line 5): for the same requests as rules[0] (line 3); leave one of them out",
            ],
        ),
        (
            "rules: [{path: /a, methods: [], require: {}}]",
            &[
                "rules[0].methods (line 2): an empty list, which is for no request; leave it out for all of them",
            ],
        ),
        (
            "rules: [{path: /a, methods: ['G T'], require: {}}]",
            &["rules[0].methods[0] (line 2): no HTTP method"],
        ),
        (
            "rules: [{path: /a, host: 'a.example/b', require: {}}]",
            &[
                "rules[0].host (line 2): no origin has this host; add it to `origins`",
                "rules[0].host (line 2): \"a.example/b\" is not the name of a host; write it as in https://api.acme.example: api.acme.example, without a port",
            ],
        ),
        (
            "origins: [{url: 'https://a.example'}]\nrules: [{path: /a, host: b.example, require: {}}]",
            &["rules[0].host (line 3): no origin has this host; add it to `origins`"],
        ),
        (
            "rules: [{name: x, path: /a, require: {}}, {name: x, path: /b, require: {}}]",
            &["rules[1].name (line 2): two rules are called \"x\"; rename one of them"],
        ),
        (
            "rules: [{name: \"a\\nb\", path: /a, require: {}}]",
            &[
                "rules[0].name (line 2): the name of a rule has at most 200 bytes and no control characters",
            ],
        ),
        (
            "rules:\n- {path: '/orders/{id}', require: {}}\n- {name: other, path: '/orders/{order}', public: true}",
            &[
                "rules[1] (line 4): the rules \"/orders/{id}\" and \"other\" are for the same requests; leave one of them out, or write patterns that differ in more than parameters",
            ],
        ),
        (
            "origins: [{url: 'https://a.example'}]\nrules:\n- {name: one, host: a.example, path: '/{*rest}', require: {}}\n- {name: two, path: /a, public: true}",
            &[
                "rules (line 3): the rules \"one\" and \"two\" are both for a.example/a: one names the host, and the other the more specific path; add a rule with host a.example and the path of \"two\"",
            ],
        ),
        (
            "paths: {decodings: [raw], case_insensitive: true}\nrules: [{path: /A, require: {}}]",
            &[
                "rules[0].path (line 3): paths are compared in lower case; write the pattern in lower case",
            ],
        ),
        (
            "rules: [{path: /a, require: {max_age: 11m}}]",
            &[
                "rules[0].require.max_age (line 2): cannot be 11m: `checker.max_age_limit` is 10m; lower it, or raise the limit",
            ],
        ),
        (
            "rules: [{path: /a, require: {scopes: ['a b']}}]",
            &[
                "rules[0].require (line 2): a required scope is not one scope; give a list with one scope in each entry",
            ],
        ),
        (
            "rules: [{path: /a, require: {bound: true}}]",
            &[
                "rules[0].require.bound (line 2): a proof names the URL of its request, and no origin is known; list the URLs under which clients call the services in `origins`",
            ],
        ),
        (
            "rules: [{path: /a, require: {max_age: 0, stale_if_error: 5s}}]",
            &[
                "warning: rules[0].require.stale_if_error (line 2): the rule asks for now, and takes an old answer in an outage; remove it, unless that is meant",
            ],
        ),
        (
            "rules: [{path: /a, public: true, dry_run: true}]",
            &["warning: rules[0].dry_run (line 2): without effect: what is public is not refused"],
        ),
        (
            "dry_run: true\nrules: [{path: /a, require: {}}]",
            &["warning: dry_run (line 2): no rule refuses anything"],
        ),
    ]);
}

#[test]
fn mistakes_in_origins_and_callers_are_told() {
    const HASH: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    check(&[
        (
            "origins: [{url: a.example}]",
            &[
                "origins[0].url (line 2): the URL is not one of http or https; write scheme and host, such as https://api.acme.example",
            ],
        ),
        (
            "origins: [{url: 'https://a.example/path'}]",
            &[
                "origins[0].url (line 2): the URL has a path; what the proxy takes off is add_prefix",
            ],
        ),
        (
            "origins: [{url: 'https://ada:secret@a.example'}]",
            &[
                "origins[0].url (line 2): the URL has no host that is a name or an IPv4 address; write scheme and host, such as https://api.acme.example",
            ],
        ),
        (
            "origins: [{url: 'https://a.example'}, {url: 'https://A.example:443'}]",
            &["origins[1].url (line 2): another origin has the same host"],
        ),
        (
            "origins: [{url: 'https://a.example', strip_prefix: internal/}]",
            &[
                "origins[0].strip_prefix (line 2): this is not a path of plain segments; write it like /internal",
            ],
        ),
        (
            "origins: [{url: 'http://a.example'}]\nrules: [{path: /a, require: {}}]",
            &[
                "warning: origins[0].url (line 2): clients send their tokens in clear; write https, if that is what clients use",
            ],
        ),
        (
            "callers: [{name: a, secret_sha256: s3cret}]",
            &[
                "callers[0].secret_sha256 (line 2): this is not the SHA-256 of a secret in 64 hexadecimal digits; take the first word of what `printf %s \"$SECRET\" | sha256sum` prints",
            ],
        ),
        (
            "callers: [{name: a, secret_sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855}]",
            &[
                "callers[0].secret_sha256 (line 2): this is the SHA-256 of an empty secret; take the first word of what `printf %s \"$SECRET\" | sha256sum` prints",
            ],
        ),
        ("callers: [{name: a}]", &["callers[0].secret_sha256 (line 2): missing"]),
        (
            "callers: [{name: a, secret_sha256: x, requests_per_second: 0}]",
            &["callers[0].requests_per_second (line 2): cannot be 0: 1 to 10000000"],
        ),
    ]);
    let place = Place::with_app();
    let twice = format!(
        "listeners: [{{mode: nginx}}]\ncallers:\n- {{name: a, secret_sha256: {HASH}}}\n- {{name: a, secret_sha256: {HASH}}}"
    );
    assert_eq!(
        place.lines(&twice),
        [
            "callers[1].name (line 4): another caller has the same name",
            "callers[1].secret_sha256 (line 4): another caller has the same secret",
        ]
    );
}

#[test]
fn trap_a_name_that_begins_as_loopback_does_is_not_on_this_computer() {
    const WARNING: &str = "warning: origins[0].url (line 2): clients send their tokens in clear; write https, if that is what clients use";
    check_whole(
        &Place::with_app(),
        &[
            ("listeners: [{mode: nginx}]\norigins: [{url: 'http://127.0.0.1:8080'}]", &[]),
            ("listeners: [{mode: nginx}]\norigins: [{url: 'http://127.1.2.3'}]", &[]),
            ("listeners: [{mode: nginx}]\norigins: [{url: 'http://127.acme.example'}]", &[WARNING]),
        ],
    );
}

#[test]
fn unsafe_listeners_are_refused() {
    let place = Place::with_app();
    check_whole(
        &place,
        &[
            ("{}", &["listeners: missing"]),
            ("", &["listeners: missing"]),
            ("listeners: []", &["listeners (line 1): empty"]),
            (
                "listeners: [{unix: a.sock}]",
                &[
                    "listeners[0].mode (line 1): missing; name the proxy: nginx, caddy, traefik, haproxy or envoy; or write `introspection: true`",
                ],
            ),
            (
                "listeners: [{mode: ngnix}]",
                &[
                    "listeners[0].mode (line 1): none of the words that can stand here; did you mean `nginx`?",
                ],
            ),
            (
                "listeners: [{unix: a.sock, tcp: '127.0.0.1:1', mode: nginx}]",
                &[
                    "listeners[0] (line 1): more than one of `unix`, `tcp` and `systemd`; write a listener for each",
                ],
            ),
            (
                "listeners: [{tcp: 'localhost:80', mode: nginx}]",
                &[
                    "listeners[0].tcp (line 1): no IP address with a port; write it as 127.0.0.1:9180 or [::1]:9180",
                ],
            ),
            (
                "listeners: [{tcp: '0.0.0.0:9180', mode: nginx}]",
                &[
                    "listeners[0].trusted (line 1): a listener beyond loopback has no trusted networks; list the proxy's addresses, such as 10.1.2.3/32",
                    "listeners[0].tcp (line 1): other computers reach 0.0.0.0:9180, and tokens would cross the network in clear; add `tls`, or listen at 127.0.0.1 or a unix socket",
                    "listeners[0].tcp (line 1): other computers reach 0.0.0.0:9180, and any of them could ask; add `tls.client_ca` and `tls.client_names`, or `callers`",
                ],
            ),
            (
                "callers: [{name: a, secret_sha256: 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b}]\nlisteners: [{tcp: '[::]:9180', introspection: true}]",
                &[
                    "listeners[0].tcp (line 2): other computers reach [::]:9180, and tokens would cross the network in clear; add `tls`, or listen at 127.0.0.1 or a unix socket",
                ],
            ),
            (
                "listeners: [{tcp: '127.0.0.1:9180', mode: nginx, trusted: [0.0.0.0/0]}]",
                &[
                    "listeners[0].trusted (line 1): the trusted networks are all of IPv4; list the proxy's addresses, such as 10.1.2.3/32",
                ],
            ),
            (
                "listeners: [{tcp: '127.0.0.1:9180', mode: nginx, trusted: ['10.0.0.0/8', '::/0']}]",
                &[
                    "listeners[0].trusted (line 1): the trusted networks are all of IPv6; list the proxy's addresses, such as 10.1.2.3/32",
                ],
            ),
            (
                "listeners: [{tcp: '127.0.0.1:9180', mode: nginx, trusted: [gateway]}]",
                &[
                    "listeners[0].trusted[0] (line 1): no network; write it as 10.0.0.0/8, or an IP address alone",
                ],
            ),
            (
                "listeners: [{mode: nginx, trusted: [10.0.0.1]}]",
                &[
                    "listeners[0].trusted (line 1): everybody who can connect to a unix socket is trusted; remove it: `permissions` say who may connect",
                ],
            ),
            (
                "listeners: [{tcp: '127.0.0.1:9180', mode: nginx, trusted: [0.0.0.0/1, 128.0.0.0/1]}]",
                &[
                    "listeners[0].trusted (line 1): the trusted networks are all of IPv4; list the proxy's addresses, such as 10.1.2.3/32",
                ],
            ),
            (
                "listeners: [{mode: nginx, permissions: '0666'}]",
                &[
                    "listeners[0].permissions (line 1): every user of this computer could ask; end it in 0, such as \"0660\"",
                ],
            ),
            (
                "listeners: [{mode: nginx, permissions: 0660}]",
                &[
                    "listeners[0].permissions (line 1): a number in place of a text; put it in quotation marks",
                ],
            ),
            (
                "listeners: [{mode: nginx, permissions: rw-rw----}]",
                &[
                    "listeners[0].permissions (line 1): no permissions in octal; write them as \"0660\"",
                ],
            ),
            (
                "listeners: [{tcp: '127.0.0.1:1', mode: nginx, permissions: '0660'}]",
                &[
                    "listeners[0].permissions (line 1): only a unix socket has permissions; remove it; systemd has `SocketMode=`",
                ],
            ),
            (
                "listeners: [{mode: nginx, path_prefix: /a}]",
                &["listeners[0].path_prefix (line 1): only mode `envoy` has a prefix; remove it"],
            ),
            (
                "listeners: [{mode: envoy, path_prefix: authz/}]",
                &[
                    "listeners[0].path_prefix (line 1): no path before another one; begin it with `/`, and end it without, such as /authz",
                ],
            ),
            (
                "listeners: [{mode: envoy, path_prefix: /a/../b}]",
                &[
                    "listeners[0].path_prefix (line 1): no path before another one; begin it with `/`, and end it without, such as /authz",
                ],
            ),
            (
                "listeners: [{mode: envoy, path_prefix: /a//b}]",
                &[
                    "listeners[0].path_prefix (line 1): no path before another one; begin it with `/`, and end it without, such as /authz",
                ],
            ),
            (
                "listeners: [{mode: envoy, path_prefix: /authz/}]",
                &[
                    "listeners[0].path_prefix (line 1): no path before another one; begin it with `/`, and end it without, such as /authz",
                ],
            ),
            (
                "listeners: [{mode: envoy, path_prefix: ''}]",
                &[
                    "listeners[0].path_prefix (line 1): no path before another one; begin it with `/`, and end it without, such as /authz",
                ],
            ),
            (
                "listeners: [{mode: envoy, path_prefix: /envoy.service.auth.v3.Authorization}]",
                &[
                    "listeners[0].path_prefix (line 1): that of the listener's gRPC services; take another one, such as /authz",
                ],
            ),
            (
                "listeners: [{mode: envoy, path_prefix: /grpc.health.v1.Health/Check}]",
                &[
                    "listeners[0].path_prefix (line 1): that of the listener's gRPC services; take another one, such as /authz",
                ],
            ),
            ("listeners: [{mode: envoy, path_prefix: /envoy.service.auth.v3}]", &[]),
            (
                "listeners: [{tcp: '127.0.0.1:9180', mode: nginx, trusted: [10.0.0.5/8, 10.0.0.0/8]}]",
                &[
                    "listeners[0].trusted[0] (line 1): an address and a network in one; write 10.0.0.0/8 for the network, or 10.0.0.5 for the address",
                ],
            ),
            (
                "listeners: [{tcp: '127.0.0.1:9180', mode: nginx, trusted: ['2001:db8::5/32']}]",
                &[
                    "listeners[0].trusted[0] (line 1): an address and a network in one; write 2001:db8::/32 for the network, or 2001:db8::5 for the address",
                ],
            ),
            (
                "listeners:\n- {mode: nginx}\n- {unix: /run/okta-introspect/authz.sock, mode: caddy}",
                &["listeners[1] (line 3): listeners[0] listens at the same address"],
            ),
            (
                "listeners:\n- {tcp: '127.0.0.1:9464', mode: nginx}",
                &["management: listeners[0] listens at the same address"],
            ),
            (
                "listeners: [{mode: nginx}]\nmanagement: {}",
                &["management (line 2): neither or both of `tcp` and `unix`; write one of them"],
            ),
            (
                "listeners: [{mode: nginx}]\nmanagement: {tcp: '0.0.0.0:9464'}",
                &["warning: management.tcp (line 2): other computers can read the metrics"],
            ),
            (
                "listeners: [{mode: envoy}]\nchecker: {timeout: 200ms}",
                &[
                    "warning: checker.timeout (line 2): Envoy itself gives up after 200 ms unless it is told otherwise; write less, or set the timeout of ext_authz as well",
                ],
            ),
            ("listeners: [{mode: envoy}]\nchecker: {timeout: 199ms}", &[]),
            ("listeners: [{mode: nginx}]\nchecker: {timeout: 200ms}", &[]),
        ],
    );
}

#[test]
fn tls_of_listeners_is_checked() {
    let place = Place::with_app();
    let authority = authority();
    let pem = |name: &str, identity: &Identity| {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        place.write(&format!("{name}.pem"), &text(identity.certificate.to_pem().unwrap()));
        place
            .write(&format!("{name}.key"), &text(identity.key.private_key_to_pem_pkcs8().unwrap()));
    };
    pem("ca", &authority);
    pem("one", &issue(&authority, "one.example", 3600));
    pem("two", &issue(&authority, "two.example", 3600));
    check_whole(
        &place,
        &[
            (
                "listeners: [{tcp: '0.0.0.0:9180', mode: envoy, trusted: [10.0.0.1], tls: {certificate: file:one.pem, key: file:one.key, client_ca: file:ca.pem, client_names: [gateway.acme.example]}}]",
                &[],
            ),
            (
                "callers: [{name: a, secret_sha256: 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b}]\nlisteners: [{tcp: '0.0.0.0:9180', introspection: true, tls: {certificate: file:one.pem, key: file:one.key}}]",
                &[],
            ),
            (
                "listeners: [{tcp: '0.0.0.0:9180', mode: envoy, trusted: [], tls: {certificate: file:one.pem, key: file:one.key, client_ca: file:ca.pem}}]",
                &[
                    "listeners[0].trusted (line 1): a listener beyond loopback has no trusted networks; list the proxy's addresses, such as 10.1.2.3/32",
                    "listeners[0].tcp (line 1): other computers reach 0.0.0.0:9180, and any of them could ask; add `tls.client_ca` and `tls.client_names`, or `callers`",
                ],
            ),
            (
                "listeners: [{tcp: '127.0.0.1:9180', mode: envoy, tls: {certificate: file:one.pem, key: file:two.key}}]",
                &["listeners[0].tls.key (line 1): not the key of the certificate"],
            ),
            (
                "listeners: [{tcp: '127.0.0.1:9180', mode: envoy, tls: {certificate: one.pem, key: one.key}}]",
                &[
                    "listeners[0].tls.certificate (line 1): no certificate in PEM; write `file:PATH` for its file",
                    "listeners[0].tls.key (line 1): no private key in PEM; write `file:PATH` for its file; one under a passphrase cannot be read",
                ],
            ),
            (
                "listeners: [{tcp: '127.0.0.1:9180', mode: envoy, tls: {certificate: file:one.pem}}]",
                &["listeners[0].tls.key (line 1): missing"],
            ),
            (
                "listeners: [{tcp: '127.0.0.1:9180', mode: envoy, tls: {certificate: file:one.pem, key: file:one.key, client_names: ['*.acme.example']}}]",
                &[
                    "listeners[0].tls.client_ca (line 1): missing: without it nobody shows a certificate",
                    "listeners[0].tls.client_names[0] (line 1): no name of a client; write the whole DNS name or URI",
                ],
            ),
            (
                "listeners: [{mode: envoy, tls: {certificate: file:one.pem, key: file:one.key}}]",
                &[
                    "listeners[0].tls (line 1): a unix socket has no TLS; remove it: `permissions` say who may connect",
                ],
            ),
        ],
    );
}

#[test]
fn mistakes_in_the_app_are_told() {
    let place = Place::new();
    check_whole(
        &place,
        &[
            (
                "listeners: [{mode: nginx}]",
                &[
                    "okta: no issuer was given; set OKTA_CLIENT_ORGURL or okta.client.orgUrl (in okta.yaml)",
                ],
            ),
            (
                "listeners: [{mode: nginx}]\nokta: {issuer: 'https://acme.okta.com'}",
                &[
                    "okta.client_id (line 2): missing; give issuer, client_id and private_key together, or none of them",
                    "okta.private_key (line 2): missing; give issuer, client_id and private_key together, or none of them",
                ],
            ),
            (
                "listeners: [{mode: nginx}]\nokta: {issuer: 'https://acme-admin.okta.com', client_id: 0oa1b2c3d4, private_key: private-key}",
                &[
                    "okta.private_key (line 2): neither a key in PEM nor a JWK; write `file:PATH` for its file",
                    "okta.issuer (line 2): the issuer is the address of the admin console: acme-admin.okta.com; use https://acme.okta.com",
                ],
            ),
            (
                "listeners: [{mode: nginx}]\nokta: {settings: none.yaml}",
                &[
                    "okta (line 2): the file with the settings cannot be read: FOLDER/none.yaml; check the path of the file",
                ],
            ),
            (
                "listeners: [{mode: nginx}]\nokta: {key_id: k1}",
                &[
                    "okta.issuer (line 2): missing; give issuer, client_id and private_key together, or none of them",
                    "okta.client_id (line 2): missing; give issuer, client_id and private_key together, or none of them",
                    "okta.private_key (line 2): missing; give issuer, client_id and private_key together, or none of them",
                ],
            ),
        ],
    );
}

#[test]
fn what_is_no_yaml_is_told_with_its_line_and_nothing_of_it_is_quoted() {
    let place = Place::with_app();
    check_whole(
        &place,
        &[
            (
                "listeners:\n\t- mode: nginx",
                &[
                    "line 2: a tab stands before the first word; indent with blanks: YAML takes no tabs there",
                ],
            ),
            (
                "listeners: [{mode: nginx}]\nlisteners: []",
                &["line 2: a member is there twice; keep one of the two"],
            ),
            (
                "listeners: [{mode: nginx}]\n---\nrules: []",
                &["the file has more than one document; keep one, and remove the lines with `---`"],
            ),
            (
                "okta:\n  private_key: |\n-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG\n",
                &[
                    "line 3: a key is not indented; write `private_key: |`, and below it the lines of the key, two blanks further in; better keep the key in a file of its own, `file:PATH`",
                ],
            ),
            (
                "listeners: [{mode: s3cret",
                &[
                    "line 1: no valid YAML from column 13 on; check indentation, colons and quotation marks",
                ],
            ),
            (
                "listeners: [{unix: ${PATH}, mode: nginx}]",
                &["line 1: no valid YAML; put `${…}` in quotation marks inside of { } and [ ]"],
            ),
            (
                "rules: [\n  {path: '/orders/{id}', methods: [GET]},\n  {methods: [GET], path: /orders/{id}, public: true},\n]",
                &[
                    "line 3: no valid YAML; put a text that has { } into quotation marks, such as path: \"/orders/{id}\"",
                ],
            ),
            (
                "- listeners",
                &["a list in place of a map; write `name: value` for each member, further in"],
            ),
            (
                "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]",
                &["the file is too large or too deeply nested for a configuration"],
            ),
        ],
    );
}

#[test]
fn trap_an_anchor_is_refused_where_it_stands_and_nothing_is_expanded() {
    let place = Place::with_app();
    let nested: String = ["a", "b", "c", "d", "e", "f", "g"]
        .windows(2)
        .map(|names| {
            format!(
                "{}: &{} [{}]\n",
                names[1],
                names[1],
                [&*format!("*{}", names[0]); 9].join(", ")
            )
        })
        .collect();
    let bomb = format!("listeners: [{{mode: nginx}}]\na: &a [x, x, x, x, x, x, x, x, x]\n{nested}");
    let said = |line: u64| {
        format!(
            "line {line}: YAML takes a text that begins with `&` or `*` for an anchor or alias, which have no use here; put it in quotation marks, or write out what is meant"
        )
    };
    for (text, line) in [
        (bomb.as_str(), 2),
        ("listeners: &l [{mode: nginx}]", 1),
        // The line of the value itself.
        ("listeners: [{mode: nginx}]\nlog: &l\n  level: info", 3),
        ("listeners: [{mode: nginx}]\nrules:\n- {path: /a, methods: [*], public: true}", 3),
        ("listeners: [{mode: nginx}]\nrules:\n- path: *rest", 3),
    ] {
        assert_eq!(place.lines(text), [said(line)], "{text}");
    }
}

#[test]
fn a_file_that_is_too_long_or_not_there_is_told() {
    let place = Place::with_app();
    let long = "#".repeat(1024 * 1024 + 1);
    assert_eq!(place.lines(&long), ["the file FOLDER/serve.yaml is longer than 1024 KiB"]);
    let faults = load(&place.path("none.yaml"), &place.environment).unwrap_err();
    let said = faults[0].to_string();
    assert!(said.starts_with("there is no file") && said.contains("none.yaml"), "{said}");
}

#[cfg(unix)]
#[test]
fn trap_a_file_that_others_can_write_to_decides_nothing() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::with_app();
    place.write("serve.yaml", "listeners: [{mode: nginx}]\nrules: [{path: /a, public: true}]");
    let path = place.path("serve.yaml");
    for (mode, is_refused) in [
        (0o600, false),
        (0o640, false),
        (0o644, false),
        (0o620, true),
        (0o602, true),
        (0o664, true),
    ] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let said = match load(&path, &place.environment) {
            Ok((_, warnings)) => warnings,
            Err(faults) => faults,
        };
        let shown = path.display();
        let expected = format!(
            "the file {shown} can be written to by other users, so it decides nothing; look at it, then `chmod go-w {shown}`"
        );
        let said: Vec<String> = said.iter().map(ToString::to_string).collect();
        assert_eq!(said, if is_refused { vec![expected] } else { Vec::new() }, "{mode:o}");
    }
}

#[test]
fn ten_thousand_rules_are_the_most() {
    let place = Place::with_app();
    let text = |count: usize| {
        let rules: String =
            (0..count).map(|n| format!("- {{path: /{n}, public: true}}\n")).collect();
        format!("listeners: [{{mode: nginx}}]\nrules:\n{rules}")
    };
    assert_eq!(place.lines(&text(10_000)), [] as [&str; 0]);
    assert_eq!(
        place.lines(&text(10_001)),
        ["rules (line 2): 10001 entries, and at most 10000 are possible"]
    );
}

#[test]
fn a_quarter_of_a_million_values_are_the_most() {
    let place = Place::with_app();
    let text = |count| format!("listeners: [{{mode: nginx}}]\nx: [{}]", vec!["1"; count].join(","));
    assert_eq!(
        place.lines(&text(250_001)),
        ["the file is too large or too deeply nested for a configuration"]
    );
    let lines = place.lines(&text(249_000));
    assert!(lines[0].starts_with("x (line 2): no such member"), "{lines:?}");
}

#[test]
fn everything_that_is_wrong_is_told_at_once_and_in_order() {
    let place = Place::with_app();
    let text = "listeners:\n- {mode: ngnix}\n- {mode: nginx, permissions: '0666'}\n\
                callers:\n- {name: a, secret_sha256: '${UNSET}'}\n\
                rules:\n- {path: a, require: {}}\n- {pth: /b}\ndrain: 5h\nlogs: {}\n";
    let lines = place.lines(text);
    let places: Vec<&str> = lines.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(
        places,
        [
            "listeners[0].mode (line 2)",
            "listeners[1].permissions (line 3)",
            "callers[0].secret_sha256 (line 5)",
            "rules[0].path (line 7)",
            "rules[1].pth (line 8)",
            "rules[1].path (line 8)",
            "drain (line 9)",
            "logs (line 10)",
        ],
        "{lines:#?}"
    );
}

#[test]
fn modes_of_signals_that_cannot_do_what_they_are_for_are_told() {
    check(&[
        (
            "signals: {mode: extend}",
            &[
                "signals.mode (line 2): answers are extended only where the System Log is followed, the one source that is complete; add `poll: {}`, or write `mode: purge`",
            ],
        ),
        (
            "signals: {mode: shadow}",
            &[
                "signals.mode (line 2): what ends without a signal is counted only where the System Log is followed, the one source that is complete; add `poll: {}`, or write `mode: purge`",
            ],
        ),
        (
            "okta: {issuer: https://acme.okta.com/oauth2/default, client_id: 0oa1, private_key: file:private-key, further_issuers: [https://acme.okta.com, https://other.okta.com]}\nsignals: {mode: extend, poll: {}}",
            &[
                "okta.further_issuers[1] (line 2): at another address than https://acme.okta.com, whose System Log is followed: what is revoked here may not be in it; write `signals: {mode: purge}`, or have a sidecar for each",
            ],
        ),
        (
            "signals: {mode: 'off', poll: {}}",
            &[
                "warning: rules: none, so every request of a proxy is denied",
                "warning: signals.mode (line 2): without effect is what the System Log tells, which is followed all the same; leave `poll` out, or write `mode: purge`",
            ],
        ),
        (
            "signals: {poll: {interval: 999ms}}",
            &["signals.poll.interval (line 2): cannot be 999ms: 1s to 1m"],
        ),
        (
            "signals: {poll: {interval: 61s}}",
            &["signals.poll.interval (line 2): cannot be 61s: 1s to 1m"],
        ),
        (
            "signals: {mode: extend, poll: {}, extension_limit: 601s}",
            &["signals.extension_limit (line 2): cannot be 601s: 0s to 10m"],
        ),
        (
            "checker: {max_age_limit: 1m}\nsignals: {poll: {}, extension_limit: 61s}",
            &["signals.extension_limit (line 3): cannot be 61s: 0s to 1m"],
        ),
        (
            "signals: {mode: shadow, poll: {}}\nrules: [{path: /, require: {signals: extend}}]",
            &[
                "warning: rules[0].require.signals (line 3): without effect unless `signals.mode` is `extend`",
            ],
        ),
        (
            "signals: {mode: extend, poll: {}}\nrules: [{path: /, require: {signals: shadow}}]",
            &[
                "rules[0].require.signals (line 3): none of the words that can stand here; write one of purge, extend",
            ],
        ),
    ]);
}

#[test]
fn where_signals_of_a_socket_of_systemds_are_received_is_judged_once_it_is_known() {
    let place = Place::with_app();
    let text = "listeners: [{mode: nginx}]\n\
                signals: {receive: {listen: {systemd: signals}, event_hook: {secret: 0123456789abcdef}}}";
    let (config, _) = place.load(text).unwrap();
    let receive = config.signals.receive.unwrap();
    for (address, is_safe) in [
        ("127.0.0.1:1", true),
        ("[::ffff:127.0.0.1]:1", true),
        ("192.0.2.7:1", false),
        ("0.0.0.0:1", false),
    ] {
        assert_eq!(receive.unsafe_at(&address.parse().unwrap()).is_none(), is_safe, "{address}");
    }
}

#[test]
fn what_cannot_be_received_is_told() {
    check(&[
        (
            "signals: {receive: {listen: {tcp: '127.0.0.1:9443'}}}",
            &[
                "signals.receive (line 2): nothing is received; write universal_logout, event_hook, event_bridge or security_events",
            ],
        ),
        (
            "signals: {receive: {event_hook: {secret: 0123456789abcdef}}}",
            &["signals.receive.listen (line 2): missing"],
        ),
        (
            "signals: {receive: {listen: {}, event_hook: {secret: 0123456789abcdef}}}",
            &[
                "signals.receive.listen (line 2): none or several of `tcp`, `unix` and `systemd`; write one of them",
            ],
        ),
        (
            "signals: {receive: {listen: {tcp: '0.0.0.0:9443'}, event_hook: {secret: 0123456789abcdef}}}",
            &[
                "signals.receive.listen.tcp (line 2): secrets would cross the network in clear; add `tls`, or listen at 127.0.0.1 or a unix socket behind a proxy that has it",
            ],
        ),
        (
            "signals: {receive: {listen: {tcp: '127.0.0.1:9443', permissions: '0600'}, event_hook: {secret: 0123456789abcdef}}}",
            &[
                "signals.receive.listen.permissions (line 2): only a unix socket has permissions; remove it",
            ],
        ),
        (
            "management: {tcp: '127.0.0.1:9443'}\nsignals: {receive: {listen: {tcp: '127.0.0.1:9443'}, event_hook: {secret: 0123456789abcdef}}}",
            &["signals.receive.listen (line 3): management listens at the same address"],
        ),
        (
            "signals: {receive: {listen: {unix: s.sock}, path: signals, event_hook: {secret: 0123456789abcdef}}}",
            &[
                "signals.receive.path (line 2): no path; begin it with `/`, and write no query, such as /signals",
            ],
        ),
        (
            "signals: {receive: {listen: {unix: s.sock}, universal_logout: {client_id: 0oa1}}}",
            &[
                "signals.receive.public_url (line 2): missing; Universal Logout names it: write the URL as Okta has it",
            ],
        ),
        (
            "signals: {receive: {listen: {unix: s.sock}, public_url: /signals, universal_logout: {client_id: 0oa1}}}",
            &[
                "signals.receive.public_url (line 2): no URL of an endpoint; write the URL that Okta calls, such as https://api.acme.example/signals",
            ],
        ),
        (
            "signals: {receive: {listen: {unix: s.sock}, event_hook: {secret: tooshort}}}",
            &[
                "signals.receive.event_hook (line 2): the secret of event hooks is too short, too long, or no header's value; take what `openssl rand -hex 32` prints; 16 to 4096 visible characters",
            ],
        ),
        (
            "signals: {receive: {listen: {unix: s.sock}, event_bridge: {header: 'X Key', secret: 0123456789abcdef}}}",
            &[
                "signals.receive.event_bridge (line 2): the header of EventBridge has no possible name; write a name such as X-Signals-Key",
            ],
        ),
        (
            "signals: {receive: {listen: {unix: s.sock}, security_events: {audience: ''}}}",
            &[
                "signals.receive.security_events.audience (line 2): empty; write the audience of the stream",
            ],
        ),
        (
            "signals: {recieve: {}}",
            &["signals.recieve (line 2): no such member; did you mean `receive`?"],
        ),
    ]);
}
