//! One error type, written for the person who meets it.

use std::fmt;
use std::path::Path;

/// The result of anything in genil that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// What was wrong, where, and what to do.
///
/// ```
/// use genil_base::Error;
/// let error = Error::new("the column 'cell_typ' does not exist")
///     .at("pbmc3k.store")
///     .help("the columns are: cell_type, donor");
/// assert_eq!(
///     error.to_string(),
///     "the column 'cell_typ' does not exist\n  in: pbmc3k.store\n  help: the columns are: cell_type, donor"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Parts>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    what: String,
    places: Vec<String>,
    help: Option<String>,
}

impl Error {
    /// An error that says what was wrong, as a sentence without a full stop.
    pub fn new(what: impl fmt::Display) -> Self {
        Self(Box::new(Parts { what: what.to_string(), places: Vec::new(), help: None }))
    }

    /// Adds where it happened (a file, a row, a gene); inner places come first.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.0.places.push(place.to_string());
        self
    }

    /// Adds the path where it happened.
    #[must_use]
    pub fn at_path(self, path: &Path) -> Self {
        self.at(path.display())
    }

    /// Adds what the reader can do; the innermost advice is kept.
    #[must_use]
    pub fn help(mut self, help: impl fmt::Display) -> Self {
        self.0.help.get_or_insert_with(|| help.to_string());
        self
    }

    /// What was wrong, without place and advice.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// An input or output error on `path`, with `doing` as in "read" or "create".
    pub fn io(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let it = Self::new(format!("cannot {doing} {}: {error}", path.display()));
        match error.kind() {
            ErrorKind::NotFound => it.help("check the path"),
            ErrorKind::PermissionDenied => it.help("check who may read and write there"),
            ErrorKind::ReadOnlyFilesystem => it.help("choose a place that may be written to"),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                it.help("free some disk space; nothing already written was lost")
            }
            ErrorKind::IsADirectory => it.help("name a file: this is a folder"),
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
                it.help("choose another place: a file is where a folder should be")
            }
            ErrorKind::InvalidFilename => it.help("choose a shorter name"),
            ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof => it.help(
                "the file is damaged or of another kind: check that it is the right one, or copy it again",
            ),
            _ => it.help("check the disk and the path, then run the command again"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.what)?;
        for place in &self.0.places {
            write!(f, "\n  in: {place}")?;
        }
        match &self.0.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
