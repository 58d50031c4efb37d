//! Completions, in the shells themselves. A shell that is not installed is skipped by name.

use std::process::Stdio;

use crate::common::{World, skip};

/// What is typed, and what the line is after the key that completes.
const LINES: [(&str, &str); 22] = [
    ("intro", "introspect "),
    ("--verbose tok", "--verbose token "),
    ("config sh", "config show "),
    ("help intro", "help introspect "),
    ("token --sco", "token --scope "),
    ("token --dpop al", "token --dpop always "),
    ("introspect --hint refresh", "introspect --hint refresh_token "),
    ("introspect --hint=refresh", "introspect --hint=refresh_token "),
    ("keygen --algorithm PS5", "keygen --algorithm PS512 "),
    ("completions fi", "completions fish "),
    ("man dec", "man decode "),
    ("man config sh", "man config show "),
    ("introspect tok", "introspect tokens.txt "),
    ("introspect --batch tok", "introspect --batch tokens.txt "),
    ("introspect --token-file=tok", "introspect --token-file=tokens.txt "),
    ("jwk ke", "jwk key.pem "),
    ("jwk --key-file two", "jwk --key-file two\\ words.pem "),
    ("man --out-dir pag", "man --out-dir pages/"),
    // Names of files are of no use here.
    ("token --client-id ke", "token --client-id ke"),
    // A token on the line, of each kind, breaks nothing.
    (
        "introspect eyJhbGciOiJub25lIn0.e30.c2ln --js",
        "introspect eyJhbGciOiJub25lIn0.e30.c2ln --json ",
    ),
    ("introspect 00-_~+/opaque== --conc", "introspect 00-_~+/opaque== --concurrency "),
    (
        "decode eyJhbGciOiJub25lIn0.e30. --token-file tok",
        "decode eyJhbGciOiJub25lIn0.e30. --token-file tokens.txt ",
    ),
];

/// Types lines on a terminal, presses Tab after each, and prints what each became; Ctrl-X twice shows
/// the line, and Ctrl-U empties it.
const TYPIST: &str = r#"
import os, pty, sys
shell, lines = sys.argv[1], sys.argv[2:]
arguments, init = {
    'bash': (['--norc', '--noprofile', '-i'],
        "bind 'set enable-bracketed-paste off'; bind -x '\"\\C-x\\C-x\": printf \"<%s>\\n\" \"$READLINE_LINE\"'; "
        "source <(okta-introspect completions bash)"),
    'zsh': (['-f', '-i'],
        "autoload -U compinit; compinit -u -D; show() { print -r -- \"<$BUFFER>\" }; zle -N show; "
        "bindkey '^X^X' show; source <(okta-introspect completions zsh)"),
}[shell]
child, terminal = pty.fork()
if child == 0:
    os.execvp(shell, [shell] + arguments)
def until(mark):
    seen = b''
    while mark not in seen:
        seen += os.read(terminal, 4096)
    return seen
os.write(terminal, init.encode() + b"; printf '%s\\n' re''ady\n")
until(b'ready\r\n')
for line in lines:
    os.write(terminal, line.encode() + b'\t\x18\x18')
    seen = until(b'>\r\n')
    print(seen[seen.rindex(b'<') + 1:seen.rindex(b'>')].decode())
    os.write(terminal, b'\x15')
"#;

/// fish completes without a terminal.
const FISH: &str = "okta-introspect completions fish | source; \
    for line in $argv; echo (complete --do-complete $line | string split --fields 1 \\t); end";

/// What each line becomes in a shell, without the name of the command; `None` where there is none.
fn completed(shell: &str, typed: &[String]) -> Option<Vec<String>> {
    let world = World::new().set("TERM", "xterm").set("COLUMNS", "200");
    for name in ["tokens.txt", "key.pem", "two words.pem", "pages/x.1"] {
        world.write(name, "");
    }
    if !world.with_path("sh", &["-c", &format!("command -v {shell}")]).status().unwrap().success() {
        return None;
    }
    let mut words: Vec<&str> = typed.iter().map(String::as_str).collect();
    let program = match shell {
        "fish" => {
            words.splice(0..0, ["--no-config", "-c", FISH]);
            "fish"
        }
        _ => {
            words.splice(0..0, ["-c", TYPIST, shell]);
            "python3"
        }
    };
    let output = world.with_path(program, &words).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    Some(lines.lines().map(str::to_owned).collect())
}

fn typed() -> Vec<String> {
    LINES.iter().map(|(typed, _)| format!("okta-introspect {typed}")).collect()
}

fn completes_on_a_terminal(shell: &str, differing: &[(&str, &str)]) {
    let Some(lines) = completed(shell, &typed()) else {
        return skip(&format!("completions in {shell}"), "it is not installed");
    };
    assert_eq!(lines.len(), LINES.len(), "{lines:?}");
    for (line, (typed, expected)) in lines.iter().zip(LINES) {
        let other = differing.iter().find(|(it, _)| *it == typed).map(|(_, other)| *other);
        assert_eq!(
            *line,
            format!("okta-introspect {}", other.unwrap_or(expected)),
            "{shell}: {typed}"
        );
    }
}

#[test_support::test]
fn bash_completes_commands_options_values_and_files() {
    completes_on_a_terminal("bash", &[]);
}

#[test_support::test]
fn zsh_completes_commands_options_values_and_files() {
    completes_on_a_terminal(
        "zsh",
        &[
            ("token --sco", "token --scope="),
            ("introspect 00-_~+/opaque== --conc", "introspect 00-_~+/opaque== --concurrency="),
        ],
    );
}

#[test_support::test]
fn fish_completes_commands_options_values_and_files() {
    let Some(lines) = completed("fish", &typed()) else {
        return skip("completions in fish", "it is not installed");
    };
    assert_eq!(lines.len(), LINES.len(), "{lines:?}");
    for (line, (typed, expected)) in lines.iter().zip(LINES) {
        // It tells the last word alone, as it is, and nothing where there is nothing to complete.
        let expected = expected.trim_end();
        let word = expected.rsplit_once(' ').map_or(expected, |(_, word)| word);
        let word = match typed {
            "token --client-id ke" => "",
            "jwk --key-file two" => "two words.pem",
            _ => word,
        };
        assert_eq!(line, word, "fish: {typed}");
    }
}
