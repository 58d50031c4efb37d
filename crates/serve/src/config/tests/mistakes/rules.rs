//! Mistakes in rules.

use super::*;

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
