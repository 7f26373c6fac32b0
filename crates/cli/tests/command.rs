//! Snapshots of help and errors: what a person reads at the terminal.

#[test]
fn help_and_errors_read_as_they_should() {
    trycmd::TestCases::new().case("tests/cmd/*.trycmd");
}
