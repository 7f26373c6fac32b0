//! Numbers as Markdown for people and as CSV for programs.

use crate::interval::Interval;
use crate::matrix::Matrix;

/// One cell of a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A count.
    Count(usize),
    /// A measurement.
    Number(f64),
    /// A measurement with its interval: one column in Markdown, three in CSV.
    Interval(Interval),
    /// Not measured.
    Missing,
}

impl Cell {
    /// As [`number`], [`with_bounds`] and [`thousands`] write it; "–" where it is missing.
    pub fn for_people(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(count) => thousands(*count),
            Self::Number(value) => number(*value),
            Self::Interval(interval) => with_bounds(interval),
            Self::Missing => MISSING.to_owned(),
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Option<f64>> for Cell {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Self::Missing, Self::Number)
    }
}

impl From<Option<Interval>> for Cell {
    fn from(value: Option<Interval>) -> Self {
        value.map_or(Self::Missing, Self::Interval)
    }
}

/// A header and rows; a row that is shorter than the header ends in missing cells.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// The names of the columns.
    pub header: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub fn new(header: &[&str]) -> Self {
        Self { header: header.iter().map(|&name| name.to_owned()).collect(), rows: Vec::new() }
    }

    /// A matrix with one row per stage and one column per gene set; `names` are those of stages and sets alike.
    pub fn of_matrix(matrix: &Matrix, names: &[String]) -> Self {
        let name = |i: usize| names.get(i).cloned().unwrap_or_else(|| i.to_string());
        let header =
            std::iter::once("after stage".to_owned()).chain((0..matrix.columns()).map(name)).collect();
        let row = |k: usize| {
            let entries = (0..matrix.columns()).map(|j| Cell::from(matrix.get(k, j)));
            std::iter::once(Cell::Text(name(k))).chain(entries).collect()
        };
        Self { header, rows: (0..matrix.rows()).map(row).collect() }
    }

    /// A Markdown table; numbers as [`number`] writes them, missing ones as "–".
    pub fn to_markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let escape = |text: &str| text.replace('\\', "\\\\").replace('|', "\\|").replace(['\n', '\r'], " ");
        let show = |cell: &Cell| escape(&cell.for_people());
        let mut out = line(self.header.iter().map(|name| escape(name)).collect());
        let rule = |c| if self.is_numeric(c) { "--:" } else { "---" };
        out += &line((0..self.header.len()).map(|c| rule(c).to_owned()).collect());
        for row in &self.rows {
            out += &line(self.padded(row).map(show).collect());
        }
        out
    }

    /// CSV (RFC 4180, lines end with `\n`): numbers with all their digits, missing ones empty. A column with intervals
    /// becomes three: `NAME`, `NAME_low`, `NAME_high`.
    pub fn to_csv(&self) -> String {
        let wide: Vec<bool> = (0..self.header.len())
            .map(|c| self.rows.iter().any(|row| matches!(row.get(c), Some(Cell::Interval(_)))))
            .collect();
        let mut out = String::new();
        let mut fields: Vec<String> = Vec::new();
        for (name, wide) in self.header.iter().zip(&wide) {
            fields.push(quoted(name));
            if *wide {
                fields.extend(["_low", "_high"].map(|end| quoted(&format!("{name}{end}"))));
            }
        }
        push_line(&mut out, &mut fields);
        for row in &self.rows {
            for (cell, wide) in self.padded(row).zip(&wide) {
                let (value, low, high) = match cell {
                    Cell::Text(text) => (quoted(text), None, None),
                    Cell::Count(count) => (count.to_string(), None, None),
                    Cell::Number(value) => (exact(*value), None, None),
                    Cell::Interval(it) => (exact(it.value), Some(it.low), Some(it.high)),
                    Cell::Missing => (String::new(), None, None),
                };
                fields.push(value);
                if *wide {
                    fields.extend([low, high].map(|bound| bound.map_or(String::new(), exact)));
                }
            }
            push_line(&mut out, &mut fields);
        }
        out
    }

    /// Aligned plain text for a terminal, words to the left and numbers to the right, one line per row.
    pub fn to_text(&self) -> String {
        let mut lines = vec![self.header.clone()];
        lines.extend(self.rows.iter().map(|row| self.padded(row).map(Cell::for_people).collect()));
        let width =
            |c: usize| lines.iter().map(|line: &Vec<String>| line[c].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.header.len()).map(width).collect();
        let mut out = String::new();
        for line in &lines {
            for (c, (field, &width)) in line.iter().zip(&widths).enumerate() {
                let gap = if c == 0 { "" } else { "  " };
                let field =
                    if self.is_numeric(c) { format!("{field:>width$}") } else { format!("{field:<width$}") };
                out += gap;
                out += &field;
            }
            out.truncate(out.trim_end().len());
            out.push('\n');
        }
        out
    }

    /// Whether a column holds anything but words.
    fn is_numeric(&self, column: usize) -> bool {
        let words = |row: &Vec<Cell>| matches!(row.get(column), None | Some(Cell::Text(_)));
        !self.rows.iter().all(words)
    }

    fn padded<'a>(&'a self, row: &'a [Cell]) -> impl Iterator<Item = &'a Cell> {
        row.iter().chain(std::iter::repeat(&Cell::Missing)).take(self.header.len())
    }
}

/// What stands for a number that is not there.
pub const MISSING: &str = "–";

/// A number for people: three decimals, more for small ones (two significant digits), fewer for large ones;
/// "–" for one that is not finite.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !size.is_finite() {
        MISSING.to_owned()
    } else if size >= 1e9 || (size > 0.0 && size < 1e-6) {
        format!("{value:.1e}").replace('-', "−")
    } else {
        fixed(value, decimals(size))
    }
}

/// A count with separators: `25,630`.
pub fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn decimals(size: f64) -> usize {
    match size {
        _ if size >= 10_000.0 => 0,
        _ if size >= 100.0 => 1,
        _ if size >= 0.01 || size == 0.0 => 3,
        // 0.00123 has its first digit at the third place.
        _ => (1.0 - size.log10().floor()) as usize,
    }
}

/// Value, lower and upper bound with the decimals of the largest, as [`number`] writes it; more where the interval
/// is so narrow that its bounds would look alike. `None` where no interval is known.
pub fn bounded(it: &Interval) -> Option<[String; 3]> {
    let all = [it.value, it.low, it.high];
    if !it.has_bounds() || !it.value.is_finite() {
        return None;
    }
    let size = all.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
    if !(1e-6..1e9).contains(&size) {
        return Some(all.map(number));
    }
    let width = it.high - it.low;
    let narrow = if width > size * 1e-6 { decimals(width.min(9.0)) } else { 0 };
    Some(all.map(|v| fixed(v, decimals(size).max(if size < 100.0 { narrow } else { 0 }))))
}

/// `0.253 [0.241, 0.270]`, or the value alone where no interval is known.
pub fn with_bounds(it: &Interval) -> String {
    match bounded(it) {
        Some([value, low, high]) => format!("{value} [{low}, {high}]"),
        None => number(it.value),
    }
}

/// With a minus sign of its own, and none before a zero.
fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.chars().any(|c| c.is_ascii_digit() && c != '0') => format!("−{digits}"),
        Some(digits) => digits.to_owned(),
        None => text,
    }
}

/// The shortest digits that read back as the same number; empty for one that is not finite.
fn exact(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { String::new() }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn push_line(out: &mut String, fields: &mut Vec<String>) {
    out.push_str(&fields.join(","));
    out.push('\n');
    fields.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["method", "loss"]);
        let it = Interval { value: 0.253, low: 0.25, high: 0.261 };
        table.rows.push(vec!["a|b, \"c\"".into(), Cell::Interval(it)]);
        table.rows.push(vec!["joint".into(), Cell::Interval(Interval::without_bounds(0.1234567))]);
        table.rows.push(vec!["none".into()]);
        table
    }

    #[test]
    fn markdown_is_for_people() {
        let expected = "| method | loss |\n| --- | --: |\n| a\\|b, \"c\" | 0.253 [0.250, 0.261] |\n\
                        | joint | 0.123 |\n| none | – |\n";
        assert_eq!(table().to_markdown(), expected);
    }

    #[test]
    fn csv_keeps_every_digit_and_leaves_the_missing_empty() {
        let expected = "method,loss,loss_low,loss_high\n\"a|b, \"\"c\"\"\",0.253,0.25,0.261\n\
                        joint,0.1234567,,\nnone,,,\n";
        assert_eq!(table().to_csv(), expected);
    }

    #[test]
    fn text_is_aligned() {
        let expected = "method                    loss\na|b, \"c\"  0.253 [0.250, 0.261]\n\
                        joint                    0.123\nnone                         –\n";
        assert_eq!(table().to_text(), expected);
    }

    #[test]
    fn a_matrix_is_a_table_of_stages_and_sets() {
        let matrix = Matrix::from_fn(2, 2, |k, j| (j <= k).then_some((k + j) as f64 / 10.0));
        let names = ["base".to_owned(), "pbmc".to_owned()];
        let csv = "after stage,base,pbmc\nbase,0,\npbmc,0.1,0.2\n";
        assert_eq!(Table::of_matrix(&matrix, &names).to_csv(), csv);
    }

    #[test]
    fn counts_have_separators() {
        let shown = [0, 999, 1_000, 25_630, 1_234_567].map(thousands);
        assert_eq!(shown, ["0", "999", "1,000", "25,630", "1,234,567"]);
    }

    #[test]
    fn an_interval_has_the_same_decimals_throughout() {
        let show = |value, low, high| with_bounds(&Interval { value, low, high });
        assert_eq!(show(0.02763, 0.01482, 0.04044), "0.028 [0.015, 0.040]");
        assert_eq!(show(-0.00348, -0.0244, 0.0174), "−0.003 [−0.024, 0.017]");
        assert_eq!(show(123.4, 100.0, 150.0), "123.4 [100.0, 150.0]");
        assert_eq!(show(0.2531, 0.2529, 0.2533), "0.25310 [0.25290, 0.25330]");
        assert_eq!(show(0.5, 0.5, 0.5), "0.500 [0.500, 0.500]");
        assert_eq!(show(0.5, f64::NAN, f64::NAN), "0.500");
        assert_eq!(show(0.5, 0.5, 1e300), "0.500 [0.500, 1.0e300]", "absurd numbers are no reason to panic");
    }

    #[test]
    fn digits_are_sensible() {
        let cases = [
            (0.0, "0.000"),
            (0.25, "0.250"),
            (-0.0004, "−0.00040"),
            (0.00567, "0.0057"),
            (0.01234, "0.012"),
            (2.34567, "2.346"),
            (1234.56, "1234.6"),
            (123456.0, "123456"),
            (1e-9, "1.0e−9"),
            (-0.0, "0.000"),
            (f64::NAN, "–"),
            (f64::INFINITY, "–"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text, "{value}");
        }
    }
}
