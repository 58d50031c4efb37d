//! Members of the wrong form, and values out of bounds.

use super::*;

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
