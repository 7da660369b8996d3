//! Flags as the X-Ray daemon takes them: Go's `flag` package knows one kind, with one dash or two before any name.
//!
//! `-bind-tcp 0.0.0.0:2000`, `-local-mode=true` and `--n eu-west-1` are everyday words of task definitions, and mean nothing
//! or something else to a reader of short flags (`-b` with the value `ind-tcp`). Of `up`, a name of several letters gets two
//! dashes and a letter one. Values stuck to their letter are left alone where they cannot be a name (`-b0.0.0.0:2000`,
//! `-m100`): the daemon does not take them, and nobody means a name by them.
//!
//! Source: Go's documentation, package flag, "Command line flag syntax"; aws-xray-daemon 3.6.6, `pkg/cfg/cfg.go`.

use std::ffi::OsString;

use clap::CommandFactory;

use super::args::Cli;

/// The words of the command line, the flags of `up` with as many dashes as we want there.
pub(crate) fn ours(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = words.into_iter().collect();
    let commands = Cli::command();
    let is_command = |word: &OsString| word.to_str().is_some_and(|word| commands.find_subcommand(word).is_some());
    let first = words.iter().skip(1).position(is_command).map(|before| before + 1);
    let Some(up) = first.filter(|first| words.get(*first).is_some_and(|word| word == "up")) else { return words };
    for word in words.iter_mut().skip(up + 1) {
        if let Some(written) = word.to_str().and_then(dashed) {
            *word = written.into();
        }
    }
    words
}

/// The flag with the dashes it should have, if it has others.
fn dashed(word: &str) -> Option<String> {
    let bare = word.strip_prefix('-')?;
    let (bare, dashes) = bare.strip_prefix('-').map_or((bare, 1), |bare| (bare, 2));
    let name = bare.split_once('=').map_or(bare, |(name, _)| name);
    let is_name = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-');
    match (is_name, name.len(), dashes) {
        (true, 1, 2) => Some(format!("-{bare}")),
        (true, 2.., 1) => Some(format!("--{bare}")),
        _ => None,
    }
}

/// True or false in any of Go's spellings.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn read(line: &str) -> Vec<String> {
        let words = std::iter::once("xrc").chain(line.split(' ')).map(OsString::from);
        ours(words).into_iter().skip(1).map(|word| word.into_string().unwrap_or_default()).collect()
    }

    #[test]
    fn flags_of_up_get_the_dashes_of_their_kind_and_nothing_else_is_touched() {
        for (line, expected) in [
            ("up --relay -bind 0.0.0.0:2000", "up --relay --bind 0.0.0.0:2000"),
            ("up --relay -local-mode=true --n x --o=false", "up --relay --local-mode=true -n x -o=false"),
            ("--color never up -log-level warn", "--color never up --log-level warn"),
            ("up -o -n eu-west-1 -b0.0.0.0:2000 -m100", "up -o -n eu-west-1 -b0.0.0.0:2000 -m100"),
            ("up --relay -n -", "up --relay -n -"),
            ("run -- up -bind x", "run -- up -bind x"),
            ("run up -bind x", "run up -bind x"),
            ("tail -no", "tail -no"),
        ] {
            assert_eq!(read(line).join(" "), expected, "{line}");
        }
    }

    #[test]
    fn every_flag_of_the_daemon_is_read_in_its_way_of_writing() {
        let line = "up --relay -bind 127.0.0.1:2001 -bind-tcp 127.0.0.1:2002 -region eu-west-1 -local-mode -buffer-memory 8 \
                    -role-arn arn:aws:iam::1:role/x -resource-arn arn:aws:ec2:x -proxy-address http://p:3128 \
                    -log-file /tmp/log -log-level warn -config /tmp/cfg.yaml";
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        Cli::try_parse_from(std::iter::once("xrc".to_owned()).chain(read(&line))).unwrap();
        for (value, fits) in [("T", true), ("0", true), ("maybe", false)] {
            let line = format!("up --relay -o={value}");
            assert_eq!(
                Cli::try_parse_from(std::iter::once("xrc".to_owned()).chain(read(&line))).is_ok(),
                fits,
                "{line}"
            );
        }
    }

    #[test]
    fn a_flag_that_is_none_is_told_with_the_nearest_that_is() {
        let words = std::iter::once("xrc".to_owned()).chain(read("up --relay -buffermemory 8"));
        let error = Cli::try_parse_from(words).unwrap_err().to_string();
        assert!(error.contains("--buffermemory") && error.contains("'--buffer-memory'"), "{error}");
    }
}
