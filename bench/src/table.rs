//! Numbers as text, and tables of them.

/// Lowest, median, highest; NaN without values.
pub fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    (at(0), at(values.len() / 2), at(values.len().saturating_sub(1)))
}

pub fn times(ratio: f64) -> String {
    format!("{ratio:.2}")
}

/// A whole number with thousands apart.
pub fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{sign}{text}")
}

/// Columns as wide as their widest cell; Markdown.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(heads: &[&str]) -> Table {
        Table { rows: vec![heads.iter().map(|head| (*head).to_owned()).collect()] }
    }

    pub fn row(&mut self, label: &str, cells: &[String], aim: &str) {
        let mut row = vec![label.to_owned()];
        row.extend_from_slice(cells);
        row.push(aim.to_owned());
        self.rows.push(row);
    }

    pub fn print(&self) {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width =
            |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (index, row) in self.rows.iter().enumerate() {
            let mut line = String::from("|");
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let number = column > 0 && column + 1 < columns;
                line.push_str(&if number { format!(" {cell:>width$} |") } else { format!(" {cell:<width$} |") });
            }
            println!("{line}");
            if index == 0 {
                let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
                println!("|{}|", rule.join("|"));
            }
        }
        println!();
    }
}
