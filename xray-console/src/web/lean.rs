//! Scripts and styles without their comments, which are a quarter of what would go over the wire.
//!
//! Lines stay lines: what a browser says of line 12 is about line 12 of the file. Only comments that have their lines to
//! themselves are taken out, so that nothing has to be understood of what is within a line.

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
            lean.push_str(line);
        }
        lean.push('\n');
    }
    lean
}

/// Whether a line begins a comment and nothing else.
fn is_block(line: &str) -> bool {
    line.starts_with("/*") && line.find("*/").is_none_or(|end| end + 2 == line.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_with_their_own_lines_go_and_all_else_stays_where_it_is() {
        let text = "// @ts-check\n/** What. */\nconst a = /** @type {X} */ (b); // why\n/*\n * more\n */\n  /* one */ c();\n/* a */ /* b */\nd();\n";
        let expected = "\n\nconst a = /** @type {X} */ (b); // why\n\n\n\n  /* one */ c();\n/* a */ /* b */\nd();\n";
        assert_eq!(lean(text), expected);
        assert_eq!(lean("a\n/* never ends\nb"), "a\n\n\n");
    }
}
