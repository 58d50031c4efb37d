//! Which commands there are, and what they say they do: taken from the program itself, so that a
//! new one cannot be forgotten.

use std::collections::BTreeSet;

use super::file;
use crate::common::World;

/// A command, or one of its own commands.
pub(crate) struct Known {
    words: Vec<String>,
    pub(crate) help: String,
}

impl Known {
    /// The name of its files: `config-show`.
    pub(crate) fn name(&self) -> String {
        match self.words.is_empty() {
            true => "okta-introspect".to_owned(),
            false => self.words.join("-"),
        }
    }

    /// What an option prints.
    pub(crate) fn tell(&self, option: &str) -> String {
        self.tell_at(option, 100)
    }

    /// The same on a terminal of so many columns.
    pub(crate) fn tell_at(&self, option: &str, columns: usize) -> String {
        ask(&self.words, option, columns)
    }

    /// The exit codes that its help names.
    fn exit_codes(&self) -> BTreeSet<&str> {
        let table = self.help.split("Exit codes:\n").nth(1).unwrap_or_default();
        let lines = table.lines().take_while(|line| line.starts_with("  "));
        lines
            .filter_map(|line| line.strip_prefix("  ")?.split("  ").next())
            .filter(|code| code.parse::<u8>().is_ok())
            .collect()
    }

    /// Whether it has data for machines.
    fn knows_json(&self) -> bool {
        let mut lines = self.help.lines().map(str::trim);
        lines.any(|line| line == "--json" || line.starts_with("--json  "))
    }

    /// Whether it only leads on to others.
    fn is_folder(&self) -> bool {
        self.help.contains("\nCommands:\n")
    }
}

/// All of them, with the program itself first.
pub(crate) fn all() -> Vec<Known> {
    let mut known = vec![Known { words: Vec::new(), help: ask(&[], "--help", 100) }];
    let mut next = 0;
    while let Some(command) = known.get(next) {
        let list = command.help.split("\nCommands:\n").nth(1).unwrap_or_default();
        let names = list.lines().take_while(|line| !line.is_empty());
        let names = names.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
        // Descriptions go on in lines that are indented further.
        let names = names.filter(|name| !name.is_empty() && *name != "help");
        let found: Vec<Vec<String>> =
            names.map(|name| [command.words.clone(), vec![name.to_owned()]].concat()).collect();
        known.extend(found.into_iter().map(|words| {
            let help = ask(&words, "--help", 100);
            Known { words, help }
        }));
        next += 1;
    }
    known
}

fn ask(words: &[String], option: &str, columns: usize) -> String {
    let words: Vec<&str> = words.iter().map(String::as_str).chain([option]).collect();
    let world = World::new().set("COLUMNS", columns.to_string());
    world.run(&words).exits(0).stdout.clone()
}

#[test_support::test]
fn every_command_shows_what_it_says_and_every_exit_code_that_its_help_names() {
    if std::env::var_os("SNAPSHOTS").is_some() {
        return; // they are being written
    }
    let all = all();
    assert!(all.len() > 15, "the commands were not found in the help");
    for command in all.iter().filter(|command| !command.is_folder()) {
        let name = command.name();
        let text = |kind: &str| file::read(&format!("{name}.{kind}"));
        assert!(text("human.txt").is_some(), "there is no {name}.human.txt");
        assert_eq!(text("json").is_some(), command.knows_json(), "{name}.json, and --json");

        let session = text("exit-codes.txt").unwrap_or_default();
        let shown: BTreeSet<&str> =
            session.lines().filter_map(|it| it.strip_prefix("=> ")).collect();
        let named = command.exit_codes();
        assert!(named.contains("0") && named.contains("2"), "{name}: {named:?}");
        assert_eq!(shown, named, "{name}.exit-codes.txt, and those that its help names");
    }
}

#[test_support::test]
fn no_file_is_left_of_a_command_that_is_gone() {
    let names: Vec<String> = all().iter().map(Known::name).collect();
    for file in file::names() {
        let command = file.split('.').next().unwrap();
        assert!(names.iter().any(|name| name == command), "{file} belongs to no command");
    }
}
