//! `guard.toml`: what each hot path costs, checked in. Of TOML it needs tables of two numbers, and no more is read.

use std::path::PathBuf;
use std::process::Command;

use crate::process::Outcome;

/// Its name, for people.
pub const PLACE: &str = "bench/guard.toml";

/// All that the file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    /// The compiler it is of, as `rustc --version` says.
    pub rustc: String,
    /// Instructions of the unit. For people: only ratios are compared.
    pub unit: f64,
    pub paths: Vec<Measured>,
}

/// A hot path.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    pub name: String,
    /// Instructions, as a multiple of the unit.
    pub ratio: f64,
    pub allocations: f64,
}

impl File {
    pub fn path(&self, name: &str) -> Option<&Measured> {
        self.paths.iter().find(|path| path.name == name)
    }
}

pub fn read() -> Outcome<File> {
    parse(&std::fs::read_to_string(place()).map_err(|error| format!("{PLACE}: {error}"))?)
}

pub fn write(file: &File) -> Outcome<()> {
    Ok(std::fs::write(place(), print(file))?)
}

/// The compiler at hand.
pub fn rustc() -> Outcome<String> {
    let version = Command::new("rustc").arg("--version").output()?.stdout;
    Ok(String::from_utf8_lossy(&version).trim().to_owned())
}

fn place() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("guard.toml")
}

fn print(file: &File) -> String {
    let mut text = format!(
        "# What the hot paths cost. Written by `cargo run --release -- --check --renew`; checked without `--renew`.\n\
         # Instructions are multiples of what a span with 3 values and 1 event costs an empty layer ({:.0} of them).\n\
         rustc = \"{}\"\n",
        file.unit, file.rustc
    );
    for Measured { name, ratio, allocations } in &file.paths {
        text.push_str(&format!("\n[{name}]\ninstructions = {ratio:.3}\nallocations = {allocations:.2}\n"));
    }
    text
}

fn parse(text: &str) -> Outcome<File> {
    let mut file = File::default();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let wrong = || format!("{PLACE}: {line:?} is not understood");
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            file.paths.push(Measured { name: name.to_owned(), ..Measured::default() });
            continue;
        }
        let (key, value) = line.split_once(" = ").ok_or_else(wrong)?;
        match (key, file.paths.last_mut()) {
            ("rustc", None) => value.trim_matches('"').clone_into(&mut file.rustc),
            ("instructions", Some(path)) => path.ratio = value.parse().map_err(|_| wrong())?,
            ("allocations", Some(path)) => path.allocations = value.parse().map_err(|_| wrong())?,
            _ => return Err(wrong().into()),
        }
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let path = |name: &str, ratio, allocations| Measured { name: name.into(), ratio, allocations };
        let paths = vec![path("new_span", 1.25, 0.0), path("decision", 2.0, 1.5)];
        let file = File { rustc: "rustc 1.95.0".into(), unit: 0.0, paths };
        assert_eq!(parse(&print(&file)).ok(), Some(file));
        assert!(parse("[new_span]\ninstructions = many\n").is_err());
        assert!(parse("allocations = 1\n").is_err(), "a number of no path");
    }
}
