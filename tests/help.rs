//! The help of every command, word for word, so that a change of words is seen.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use assert_cmd::Command;

fn help(command: &[&str]) -> String {
    let mut run = Command::cargo_bin("at2seld").unwrap();
    run.env_remove("AT2SELD_STORE").env_remove("COLUMNS").args(command).arg("--help");
    let output = run.assert().success().stderr("").get_output().stdout.clone();
    String::from_utf8(output).unwrap()
}

/// The commands that a help lists.
fn listed(help: &str) -> Vec<String> {
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let rows = commands.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    let names = rows.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

fn describe(path: &[&str], all: &mut String) {
    let help = help(path);
    all.push_str(&format!("$ at2seld {}\n\n{help}\n", [path, &["--help"]].concat().join(" ")));
    for name in listed(&help) {
        describe(&[path, &[name.as_str()]].concat(), all);
    }
}

#[test]
fn all_commands() {
    let mut all = String::new();
    describe(&[], &mut all);
    insta::assert_snapshot!(all);
}
