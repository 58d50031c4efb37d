//! What takes more than one command in one step: scripts, which Redis runs as a whole.

use std::fmt::Write as _;
use std::sync::LazyLock;

use openssl::sha::sha1;
use redis::Cmd;

/// A script, and what Redis calls it once it has it.
#[derive(Debug)]
pub(crate) struct Script {
    text: &'static str,
    digest: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        let digest = sha1(text.as_bytes()).iter().fold(String::new(), |mut digest, byte| {
            // Writing to a text does not fail.
            let _ = write!(digest, "{byte:02x}");
            digest
        });
        Self { text, digest }
    }

    /// A call by the script's digest.
    pub(crate) fn call(&self, names: &[&str], arguments: &[&[u8]]) -> Cmd {
        command("EVALSHA", &self.digest, names, arguments)
    }

    /// A call that brings the script along.
    pub(crate) fn call_with_text(&self, names: &[&str], arguments: &[&[u8]]) -> Cmd {
        command("EVAL", self.text, names, arguments)
    }
}

fn command(name: &str, script: &str, names: &[&str], arguments: &[&[u8]]) -> Cmd {
    let mut command = Cmd::new();
    command.arg(name).arg(script).arg(names.len());
    for name in names {
        command.arg(*name);
    }
    for argument in arguments {
        command.arg(*argument);
    }
    command
}

macro_rules! script {
    ($name:ident, $file:literal) => {
        pub(crate) static $name: LazyLock<Script> = LazyLock::new(|| {
            Script::new(concat!(include_str!("common.lua"), "\n", include_str!($file)))
        });
    };
}

script!(TIME, "time.lua");
script!(APPEND, "append.lua");
script!(READ, "read.lua");
script!(LEAD, "lead.lua");
script!(COMMIT, "commit.lua");
script!(RESIGN, "resign.lua");
