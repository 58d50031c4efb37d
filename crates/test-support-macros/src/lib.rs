//! The attribute `test_support::test`, which must live in a crate of its own.

use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

/// Makes a function a test that fails when it has not ended in time.
///
/// An `async fn` runs on a tokio runtime of one thread, with `#[test(multi_thread)]` on one of
/// several. Everything else about the function, other attributes included, stays as it is.
#[proc_macro_attribute]
pub fn test(flavor: TokenStream, function: TokenStream) -> TokenStream {
    let multi_thread = match flavor.to_string().as_str() {
        "" => false,
        "multi_thread" => true,
        _ => return complaint("the only argument is `multi_thread`"),
    };
    let mut tokens: Vec<TokenTree> = function.into_iter().collect();
    let Some(TokenTree::Group(body)) = tokens.pop() else {
        return complaint("a test is a function with a body");
    };
    let before = tokens.len();
    tokens.retain(|token| !matches!(token, TokenTree::Ident(word) if word.to_string() == "async"));
    let runner = match (tokens.len() < before, multi_thread) {
        (true, true) => "on_many_threads",
        (true, false) => "on_one_thread",
        (false, false) => "limited",
        (false, true) => return complaint("`multi_thread` is for an `async fn`"),
    };
    let mut test: TokenStream = "#[::core::prelude::v1::test]".parse().expect("it is an attribute");
    test.extend(tokens);
    test.extend([TokenTree::Group(limited(runner, body))]);
    test
}

/// A body that hands `body` to a function of `test_support`.
fn limited(runner: &str, body: Group) -> Group {
    let closure = match runner {
        "limited" => "move ||",
        _ => "move || async move",
    };
    let mut argument: TokenStream = closure.parse().expect("it is the head of a closure");
    argument.extend([TokenTree::Group(body)]);
    let mut call: TokenStream = "::test_support::".parse().expect("it is a path");
    call.extend([
        TokenTree::Ident(Ident::new(runner, Span::call_site())),
        TokenTree::Group(Group::new(Delimiter::Parenthesis, argument)),
    ]);
    Group::new(Delimiter::Brace, call)
}

fn complaint(text: &str) -> TokenStream {
    format!("::core::compile_error!({text:?});").parse().expect("it is an item")
}
