//! Scripts and styles without their comments and indentation, which are a third of what would go over the wire.
//!
//! Lines stay lines: what a browser says of line 12 is about line 12 of the file. Comments are taken out that have their
//! lines to themselves, and within lines those that tell types, as their beginning (`/** @`) stands nowhere else; so nothing
//! has to be understood of what is within a line. No text of ours goes over several lines, which would lose its blanks.

/// The text with an empty line for each line of a comment.
pub(super) fn lean(text: &str) -> String {
    let mut lean = String::with_capacity(text.len());
    let mut within = false;
    for line in text.lines() {
        let trimmed = line.trim();
        let is_comment = within || trimmed.starts_with("//") || is_block(trimmed);
        if trimmed.starts_with("/*") && is_comment {
            within = true;
        }
        if within && trimmed.ends_with("*/") {
            within = false;
        }
        if !is_comment {
            push_untyped(&mut lean, trimmed);
        }
        lean.push('\n');
    }
    lean
}

/// Adds a line without what it says of types.
fn push_untyped(lean: &mut String, line: &str) {
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("/** @") {
        let Some((_, after)) = after.split_once("*/") else { break };
        lean.push_str(before);
        rest = after.trim_start();
    }
    lean.push_str(rest);
}

/// Whether a line begins a comment and nothing else.
fn is_block(line: &str) -> bool {
    line.starts_with("/*") && line.find("*/").is_none_or(|end| end + 2 == line.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_indentation_go_and_all_else_stays_in_its_line() {
        for (text, expected) in [
            ("// @ts-check\n/** What. */\n/*\n * more\n */\na();\n", "\n\n\n\n\na();\n"),
            ("  const a = /** @type {X} */ (b); // why\n", "const a = (b); // why\n"),
            ("(/** @type {X} */ a, /** @type {Y} */ b) => c\n", "(a, b) => c\n"),
            ("\t/* one */ c();\n/* a */ /* b */\nd();\n", "/* one */ c();\n/* a */ /* b */\nd();\n"),
            ("a\n/* never ends\nb", "a\n\n\n"),
            ("x(/** @type {never ends\n", "x(/** @type {never ends\n"),
        ] {
            assert_eq!(lean(text), expected);
        }
    }
}
