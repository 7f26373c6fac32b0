//! Tables of numbers with their intervals in small print, sortable where asked for.

use genil_score::table::{bounded, number};
use genil_score::{Cell, Table};
use maud::{Markup, Render, html};

/// A table on the page.
pub struct Shown<'a> {
    table: &'a Table,
    classes: String,
}

/// A table whose first column names the rows.
pub fn table(table: &Table) -> Shown<'_> {
    Shown { table, classes: String::new() }
}

impl Shown<'_> {
    /// With heads that sort it.
    pub fn sortable(mut self) -> Self {
        self.classes += " sorts";
        self
    }

    /// With intervals beside the numbers where the screen is wide enough.
    pub fn ample(mut self) -> Self {
        self.classes += " ample";
        self
    }
}

impl Render for Shown<'_> {
    fn render(&self) -> Markup {
        let classes = self.classes.trim();
        html! {
            div.wide { table class=[(!classes.is_empty()).then_some(classes)] {
                thead { tr { @for name in &self.table.header { th scope="col" { (name) } } } }
                tbody {
                    @for row in &self.table.rows {
                        tr {
                            @for (c, cell) in row.iter().enumerate() {
                                @let words = matches!(cell, Cell::Text(_));
                                @if c == 0 { th scope="row" { (cell.for_people()) } }
                                @else { td class=[words.then_some("words")] data-v=[exact(cell)] { (value(cell)) } }
                            }
                        }
                    }
                }
            } }
        }
    }
}

/// What a script sorts by, where that is not the words.
fn exact(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Count(n) => Some(n.to_string()),
        Cell::Number(v) => Some(v.to_string()),
        Cell::Interval(it) => Some(it.value.to_string()),
        Cell::Text(_) => None,
        Cell::Missing => Some(String::new()),
    }
}

/// A number, its interval in small print.
pub fn value(cell: &Cell) -> Markup {
    match cell {
        Cell::Interval(it) => html! {
            @match bounded(it) {
                Some([value, low, high]) => { (value) " " small { (low) " to " (high) } }
                None => (number(it.value)),
            }
        },
        other => html! { (other.for_people()) },
    }
}
