//! What a name looks like.

/// Months as spreadsheets write them, in lower case.
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Whether a spreadsheet made a date of a gene (`MARCH1` → `1-Mar`, `Mar-01`, `01/03/2021`, `2021-03-01`) or a number
/// (`2310009E13` → `2.31E+19`).
pub fn is_date(name: &str) -> bool {
    let name = name.split([' ', 'T']).next().unwrap_or_default();
    let parts: Vec<&str> = name.split(['-', '/']).collect();
    let number = |text: &str| (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let month = |text: &str| MONTHS.contains(&text.to_lowercase().as_str());
    match parts[..] {
        [a, b] if (month(a) && number(b)) || (number(a) && month(b)) => return true,
        [a, b, c] if number(a) && (number(b) || month(b)) && number(c) => return true,
        _ => {}
    }
    let scientific = |(digits, exponent): (&str, &str)| {
        digits.contains('.') && digits.parse::<f64>().is_ok() && exponent.parse::<u32>().is_ok()
    };
    name.split_once("E+").is_some_and(scientific)
}

/// A name without what a genome or an id adds to it: `GRCh38_CD3E`, `GRCh38______CD3E`, `CD3E_ENSG00000198851`,
/// `CD3E|ENSG00000198851`.
pub fn without_decoration(name: &str) -> impl Iterator<Item = &str> {
    let cut = |separator: char| {
        let before = name.split_once(separator).map(|(before, _)| before);
        let after = name.rsplit_once(separator).map(|(_, after)| after);
        after.into_iter().chain(before)
    };
    ['_', '|', ';'].into_iter().flat_map(cut).filter(|part| !part.is_empty())
}

/// A name without the number that made it unique: `CD3E.1`, `CD3E-1`.
pub fn without_number(name: &str) -> Option<&str> {
    let (stem, number) = name.rsplit_once(['.', '-'])?;
    (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some(stem)
}

/// Whether a name is written as mouse genes are: `Cd3e`.
pub fn is_mixed_case(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit())
        && name.contains(|c: char| c.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_told_from_genes() {
        for date in ["1-Mar", "Mar-01", "01-Sep", "2-SEP", "2021-03-01", "01/03/2021", "1-Mar-21", "2.31E+19"]
        {
            assert!(is_date(date), "{date}");
        }
        for date in ["2021-03-01 00:00:00", "2021-03-01T00:00:00"] {
            assert!(is_date(date), "{date}");
        }
        for gene in
            ["MARCH1", "HLA-A", "NKX2-1", "MAR-1A", "7SK", "MT-ND1", "H2-K1", "1810009E02Rik", "E2F1", ""]
        {
            assert!(!is_date(gene), "{gene}");
        }
    }

    #[test]
    fn a_name_is_found_within_what_is_around_it() {
        let found = |name| without_decoration(name).collect::<Vec<_>>();
        assert!(found("GRCh38______CD3E").contains(&"CD3E"));
        assert!(found("CD3E_ENSG00000198851").contains(&"CD3E"));
        assert!(found("CD3E").is_empty());
        assert_eq!(without_number("CD3E-1"), Some("CD3E"));
        assert_eq!(without_number("HLA-A"), None);
    }
}
