//! Which rule is found, and which patterns are refused.

mod spellings;

use http::Method;

use super::{Pattern, Rule, Rules, RulesBuilder, UnknownRule};
use crate::error::Fault;
use crate::path::{Decoding, PathPolicy};

const HOST: &str = "api.acme.example";

fn rule(name: &str) -> Rule {
    Rule { name: name.into(), requirement: None, dry_run: false }
}

/// A pattern from `GET,POST api.acme.example/orders/{id}`, its methods and host left out at will.
fn pattern(text: &str) -> Pattern {
    let (methods, url) = text.split_once(' ').unwrap_or(("", text));
    let (host, path) = url.split_at(url.find('/').unwrap_or(0));
    Pattern {
        methods: methods.split(',').filter(|m| !m.is_empty()).map(|m| m.parse().unwrap()).collect(),
        host: (!host.is_empty()).then(|| host.to_owned()),
        ..Pattern::new(path)
    }
}

fn where_(text: &str, name: &str, expression: &str) -> Pattern {
    Pattern { where_: [(name.into(), expression.into())].into(), ..pattern(text) }
}

fn built(patterns: &[&str]) -> Result<Rules, Fault> {
    let mut builder = Rules::builder();
    for text in patterns {
        builder.add(pattern(text), rule(""))?;
    }
    builder.build()
}

#[track_caller]
fn rules(patterns: &[&str]) -> Rules {
    built(patterns).unwrap()
}

#[track_caller]
fn fault(patterns: &[&str]) -> String {
    built(patterns).unwrap_err().to_string()
}

/// The name of the rule for a request.
fn found<'r>(rules: &'r Rules, method: &str, url: &str) -> Option<&'r str> {
    let (host, path) = url.split_at(url.find('/').unwrap());
    let method: Method = method.parse().unwrap();
    Some(rules.find(host, &method, path)?.name.as_str())
}

#[test]
fn the_most_specific_path_decides() {
    let rules = rules(&["/orders/{id}", "/orders/new", "/{*rest}", "/"]);
    assert_eq!(found(&rules, "GET", "/orders/new"), Some("/orders/new"));
    assert_eq!(found(&rules, "GET", "/orders/news"), Some("/orders/{id}"));
    assert_eq!(found(&rules, "GET", "/orders/v1"), Some("/orders/{id}"));
    assert_eq!(found(&rules, "GET", "/orders/7/lines"), Some("/{*rest}"));
    assert_eq!(found(&rules, "GET", "/"), Some("/"));
    assert_eq!(found(&rules, "GET", "/Orders/new"), Some("/{*rest}"));
}

#[test]
fn what_meets_no_pattern_has_no_rule() {
    let rules = rules(&["/orders/{id}", "api.acme.example/lines"]);
    for path in ["/", "/orders", "/orders/", "/orders/7/lines", "/order", "/lines", "/Orders/7"] {
        assert_eq!(found(&rules, "GET", path), None, "{path}");
    }
    assert!(Rules::builder().build().unwrap().find(HOST, &Method::GET, "/").is_none());
}

#[test]
fn a_rule_for_the_method_comes_before_one_for_all() {
    let rules = rules(&["/orders", "GET,PUT /orders", "POST /lines", "/{*rest}"]);
    assert_eq!(found(&rules, "GET", "/orders"), Some("GET,PUT /orders"));
    assert_eq!(found(&rules, "PUT", "/orders"), Some("GET,PUT /orders"));
    assert_eq!(found(&rules, "DELETE", "/orders"), Some("/orders"));
    assert_eq!(found(&rules, "get", "/orders"), Some("/orders"));
    // No other pattern is tried.
    assert_eq!(found(&rules, "GET", "/lines"), None);
}

#[test]
fn head_is_looked_up_as_get_where_it_has_no_rule() {
    let rules = rules(&["GET /a", "/a", "GET /b", "HEAD /b", "POST /c"]);
    assert_eq!(found(&rules, "HEAD", "/a"), Some("GET /a"));
    assert_eq!(found(&rules, "HEAD", "/b"), Some("HEAD /b"));
    assert_eq!(found(&rules, "HEAD", "/c"), None);
}

#[test]
fn a_slash_at_the_end_makes_no_difference() {
    let rules = rules(&["/admin", "/orders/{id}/", "/{*rest}"]);
    for path in ["/admin", "/admin/"] {
        assert_eq!(found(&rules, "GET", path), Some("/admin"));
    }
    for path in ["/orders/7", "/orders/7/"] {
        assert_eq!(found(&rules, "GET", path), Some("/orders/{id}/"));
    }
}

#[test]
fn a_rest_may_be_empty_where_no_other_pattern_is() {
    let rules = rules(&["/files/{*rest}", "/docs/{*rest}", "/docs", "/u/{id}/{*rest}"]);
    for path in ["/files", "/files/", "/files/a", "/files/a/b/"] {
        assert_eq!(found(&rules, "GET", path), Some("/files/{*rest}"), "{path}");
    }
    for path in ["/docs", "/docs/"] {
        assert_eq!(found(&rules, "GET", path), Some("/docs"), "{path}");
    }
    assert_eq!(found(&rules, "GET", "/u/7"), Some("/u/{id}/{*rest}"));
    assert_eq!(found(&rules, "GET", "/u"), None);
    assert_eq!(found(&self::rules(&["/{*rest}"]), "GET", "/"), Some("/{*rest}"));
}

#[test]
fn patterns_of_the_host_come_before_those_of_every_host() {
    let rules =
        rules(&["POST api.acme.example/orders/{id}", "/orders/{order}", "/{*rest}", "b.example/x"]);
    let of_host = Some("POST api.acme.example/orders/{id}");
    for host in
        ["api.acme.example", "API.acme.example", "api.acme.example:8443", "api.acme.example."]
    {
        assert_eq!(found(&rules, "POST", &format!("{host}/orders/7")), of_host, "{host}");
        // Its own pattern is for POST alone, and no other is tried.
        assert_eq!(found(&rules, "GET", &format!("{host}/orders/7")), None, "{host}");
        assert_eq!(found(&rules, "GET", &format!("{host}/x")), Some("/{*rest}"), "{host}");
    }
    for host in ["", "acme.example", "xapi.acme.example", "[::1]:80"] {
        assert_eq!(found(&rules, "POST", &format!("{host}/orders/7")), Some("/orders/{order}"));
    }
}

#[test]
fn hosts_are_read_as_they_are_looked_up() {
    let rules = rules(&["Api.Acme.example./a"]);
    assert_eq!(found(&rules, "GET", "api.acme.example/a"), Some("Api.Acme.example./a"));
    for host in ["a_b", "api.acme.example:443", "ä.example", ".", "*.acme.example", "https:"] {
        let fault = fault(&[&format!("{host}/a")]);
        assert!(
            fault.starts_with("host: ") && fault.contains("is not the name of a host"),
            "{fault}"
        );
    }
}

#[test]
fn a_host_has_to_say_what_it_means_by_a_more_specific_path_of_every_host() {
    let cases = [
        ("a.example/{*rest}", "/health", "a.example/health"),
        ("a.example/{*rest}", "/", "a.example/"),
        ("a.example/{kind}/new", "/orders/{id}", "a.example/orders/new"),
        ("a.example/files/{*rest}", "/files/meta/{id}", "a.example/files/meta/~"),
    ];
    for (of_host, of_every, request) in cases {
        let text = fault(&[of_host, of_every]);
        let names = format!("the rules {of_host:?} and {of_every:?} are both for {request}:");
        assert!(text.starts_with(&names), "{text}");
        let settled = format!("a.example{of_every}");
        assert_eq!(found(&rules(&[of_host, of_every, &settled]), "GET", request), Some(&*settled));
    }
    for (of_host, of_every) in [
        ("a.example/health", "/{*rest}"),
        ("a.example/{*rest}", "/{*all}"),
        ("a.example/orders/{id}", "/orders/{order}"),
        ("a.example/orders/new", "/orders/{id}"),
        ("a.example/orders/{id}", "/lines/new"),
        ("a.example/orders/{id}", "/orders/7/lines"),
        ("a.example/orders/{id}", "/{kind}/new"),
    ] {
        assert_eq!(rules(&[of_host, of_every]).iter().count(), 2);
    }
}

#[test]
fn parameters_match_their_expressions_as_a_whole_or_there_is_no_rule() {
    let mut builder = Rules::builder();
    builder.add(where_("/orders/{id}", "id", "[0-9]+|new"), rule("order")).unwrap();
    builder.add(where_("/files/{*rest}", "rest", "|[a-z/]+"), rule("files")).unwrap();
    builder.add(where_("/u/{a}/{b}", "b", "x"), rule("second")).unwrap();
    builder.add(pattern("/{*rest}"), rule("rest")).unwrap();
    let rules = builder.build().unwrap();
    for path in ["/orders/7", "/orders/new", "/orders/42/"] {
        assert_eq!(found(&rules, "GET", path), Some("order"), "{path}");
    }
    for path in ["/orders/7a", "/orders/a7", "/orders/news", "/orders/7\n", "/files/A", "/u/x/y"] {
        assert_eq!(found(&rules, "GET", path), None, "{path}");
    }
    for path in ["/files", "/files/", "/files/a/b"] {
        assert_eq!(found(&rules, "GET", path), Some("files"), "{path}");
    }
    assert_eq!(found(&rules, "GET", "/u/y/x"), Some("second"));
}

#[test]
fn an_empty_rest_has_to_match_too() {
    let mut builder = Rules::builder();
    builder.add(where_("/files/{*rest}", "rest", "[a-z]+"), rule("files")).unwrap();
    let rules = builder.build().unwrap();
    assert_eq!(found(&rules, "GET", "/files/a"), Some("files"));
    assert_eq!(found(&rules, "GET", "/files/"), None);
}

#[test]
fn rules_are_found_by_name() {
    let rules = rules(&["GET,POST /a", "a.example/b"]);
    let named = |name, host, method| rules.named(name, host, &method).map(|rule| rule.is_some());
    assert_eq!(named("GET,POST /a", "x.example", Method::POST), Ok(true));
    assert_eq!(named("GET,POST /a", "x.example", Method::HEAD), Ok(true));
    assert_eq!(named("GET,POST /a", "x.example", Method::DELETE), Ok(false));
    assert_eq!(named("a.example/b", "A.example:443", Method::DELETE), Ok(true));
    assert_eq!(named("a.example/b", "b.example", Method::DELETE), Ok(false));
    assert_eq!(named("/a", "a.example", Method::GET), Err(UnknownRule));
    assert_eq!(rules.iter().count(), 2);
}

#[test]
fn overlapping_rules_are_refused_by_both_names() {
    for (one, other) in [
        ("GET /orders/{id}", "GET,PUT /orders/{order}"),
        ("/orders", "/orders/"),
        ("/orders/{id}", "/orders/{*rest}"),
        ("/orders/{*rest}", "/orders/{id}/lines"),
        ("a.example/x", "A.example/x"),
    ] {
        let names = format!("the rules {one:?} and {other:?} are for the same requests; ");
        assert_eq!(&fault(&[one, other])[..names.len()], names);
    }
}

#[test]
fn names_are_unique_and_short() {
    let mut builder = Rules::builder();
    builder.add(pattern("/a"), rule("one")).unwrap();
    let mut said = |name: &str| builder.add(pattern("/b"), rule(name)).unwrap_err().to_string();
    assert_eq!(said("one"), "name: two rules are called \"one\"; rename one of them");
    let bounds = "name: the name of a rule has at most 200 bytes and no control characters";
    assert_eq!(said("a\nb"), bounds);
    assert_eq!(said(&"a".repeat(201)), bounds);
    builder.add(pattern("/b"), rule(&"a".repeat(200))).unwrap();
}

#[test]
fn bad_patterns_are_refused_with_the_reason() {
    for (path, reason) in [
        ("orders", "begins with a slash"),
        ("/a//b", "no path has a segment \"\""),
        ("/a/../b", "no path has a segment \"..\""),
        ("/./b", "no path has a segment \".\""),
        ("/{id", "does not end with a parameter"),
        ("/{id}.json", "does not end with a parameter"),
        ("/{a}{b}", "does not name a parameter"),
        ("/id}", "no path has '}'"),
        ("/{}", "does not name a parameter"),
        ("/{*}", "does not name a parameter"),
        ("/{{id}}", "does not name a parameter"),
        ("/{a b}", "does not name a parameter"),
        ("/{*rest}/b", "something follows the rest"),
        ("/x{id}", "\"x{id}\" has text before a parameter; write the whole segment"),
        ("/v{version}/orders", "\"v{version}\" has text before a parameter"),
        ("/a{*rest}", "\"a{*rest}\" has text before a parameter"),
        ("/{id}/{id}", "two parameters are called \"id\""),
        ("/a%20b", "write patterns decoded"),
        ("/a;b", "no path has ';'"),
        ("/a?b", "no path has '?'"),
        ("/a\\b", "no path has '\\\\'"),
        ("/a\u{85}b", "no path has '\\u{85}'"),
    ] {
        let text = Rules::builder().add(Pattern::new(path), rule("r")).unwrap_err().to_string();
        assert!(text.starts_with("path: ") && text.contains(reason), "{path}: {text}");
    }
}

#[test]
fn bad_expressions_are_refused_with_the_reason() {
    for (expression, reason) in [
        ("[0-9", "unclosed character class"),
        ("a)|(b", "unopened group"),
        ("(?=a)", "look-around"),
        (r"\w{200}", "too large"),
        ("(?P<a", "unclosed"),
    ] {
        let pattern = where_("/{id}", "id", expression);
        let text = Rules::builder().add(pattern, rule("r")).unwrap_err().to_string();
        assert!(text.starts_with("where.id: ") && text.contains(reason), "{expression}: {text}");
        assert!(!text.contains('\n'), "{text}");
    }
    let text = Rules::builder().add(where_("/{id}", "no", "a"), rule("r")).unwrap_err().to_string();
    assert_eq!(text, "where: there is no parameter \"no\" in the path");
}

#[test]
fn bad_methods_are_refused() {
    assert_eq!(fault(&["GET,PUT,GET /a"]), "methods[2]: GET is there twice");
    assert!(fault(&["get /a"]).starts_with("methods[0]: no usual method is called get; "));
}

#[test]
fn patterns_have_only_what_canonical_paths_have() {
    let added = |paths: PathPolicy, path: &str| {
        let mut builder: RulesBuilder = Rules::builder().paths(paths);
        builder.add(Pattern::new(path), rule("r")).map(|_| ()).map_err(|fault| fault.to_string())
    };
    let once = || PathPolicy::new(&[Decoding::Once]);
    for path in ["/café", "/a b", "/a|b/{id}", "/é/{id}"] {
        let text = added(PathPolicy::default(), path).unwrap_err();
        assert!(text.starts_with("path: ") && text.contains("always encoded"), "{text}");
        assert_eq!(added(once(), path), Ok(()));
    }
    assert!(added(once().case_insensitive(), "/Admin").unwrap_err().contains("lower case"));
    assert!(added(once().case_insensitive(), "/é").unwrap_err().contains("case is not told apart"));
    assert_eq!(added(once().case_insensitive(), "/admin/{Id}"), Ok(()));
}

#[test]
fn the_policy_of_the_rules_knows_their_characters() {
    let rules = rules(&["/things:batch", "/@/{user}", "/{*rest}"]);
    for path in ["/things%3Abatch", "/%40ada", "/x/%3a"] {
        assert!(rules.paths().canonical(path).is_err(), "{path}");
    }
    assert_eq!(rules.paths().canonical("/a%20b/%2B").unwrap(), "/a b/+");
}

#[test]
fn after_a_fault_the_builder_is_as_it_was() {
    let mut builder = Rules::builder();
    builder.add(pattern("GET /a"), rule("a")).unwrap();
    builder.add(pattern("POST,GET /a"), rule("b")).unwrap_err();
    builder.add(pattern("POST /a"), rule("b")).unwrap();
    let rules = builder.build().unwrap();
    assert_eq!(found(&rules, "POST", "/a"), Some("b"));
}
