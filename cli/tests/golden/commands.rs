//! Which commands there are, and what they say they do: taken from the program itself, so that a
//! new one cannot be forgotten.

use crate::common::World;
use crate::file;

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
        ask(&self.words, option)
    }

    /// The exit codes that its help names.
    fn exit_codes(&self) -> Vec<&str> {
        let table = self.help.split("Exit codes:\n").nth(1).unwrap_or_default();
        let lines = table.lines().take_while(|line| line.starts_with("  "));
        lines
            .filter_map(|line| line.strip_prefix("  ")?.split("  ").next())
            .filter(|code| code.parse::<u8>().is_ok())
            .collect()
    }

    /// Whether it only leads on to others.
    fn is_folder(&self) -> bool {
        self.help.contains("\nCommands:\n")
    }
}

/// All of them, with the program itself first.
pub(crate) fn all() -> Vec<Known> {
    let mut known = vec![Known { words: Vec::new(), help: ask(&[], "--help") }];
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
            let help = ask(&words, "--help");
            Known { words, help }
        }));
        next += 1;
    }
    known
}

fn ask(words: &[String], option: &str) -> String {
    let words: Vec<&str> = words.iter().map(String::as_str).chain([option]).collect();
    let world = World::new().set("COLUMNS", "100");
    world.run(&words).exits(0).stdout.clone()
}

#[test]
fn every_command_shows_what_it_says_and_every_exit_code_that_its_help_names() {
    if std::env::var_os("SNAPSHOTS").is_some() {
        return; // they are being written
    }
    let all = all();
    assert!(all.len() > 15, "the commands were not found in the help");
    for command in all.iter().filter(|command| !command.is_folder()) {
        let name = command.name();
        let missing = |kind: &str| format!("{name} has no file {name}.{kind}");
        let human = file::read(&format!("{name}.human.txt"));
        assert!(human.is_some(), "{}", missing("human.txt"));
        let knows_json = command
            .help
            .lines()
            .any(|line| line.trim() == "--json" || line.trim().starts_with("--json  "));
        let json = file::read(&format!("{name}.json"));
        assert_eq!(json.is_some(), knows_json, "{}", missing("json"));

        let codes = command.exit_codes();
        assert!(codes.contains(&"0") && codes.contains(&"2"), "{name}: {codes:?}");
        let ends = file::read(&format!("{name}.exit-codes.txt"));
        let ends = ends.unwrap_or_else(|| panic!("{}", missing("exit-codes.txt")));
        let mut ends: Vec<&str> = ends.lines().filter_map(|it| it.strip_prefix("=> ")).collect();
        ends.sort_unstable();
        ends.dedup();
        let mut codes = codes;
        codes.sort_unstable();
        assert_eq!(ends, codes, "{name}: exit codes that are shown, and that its help names");
    }
}

#[test]
fn no_file_is_left_of_a_command_that_is_gone() {
    let names: Vec<String> = all().iter().map(Known::name).collect();
    for file in file::names() {
        let command = file.split('.').next().unwrap();
        assert!(names.iter().any(|name| name == command), "{file} belongs to no command");
    }
}
