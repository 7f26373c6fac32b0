//! The vocabulary doctor: why the genes of a file are not those that a model knows, and what mends it.
//!
//! * `aliases`: other names of a gene, from HGNC's table;
//! * `names`: what a name looks like: a date, a mouse gene, a name with something around it.
//!
//! A gene that the model does not know gets the first reason that explains it, in the order of [`Reason`].

mod aliases;
mod names;

pub use aliases::Aliases;

use genil_data::Gene;
use genil_data::genes::{is_ensembl, without_version};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Examples of a finding.
const EXAMPLES: usize = 5;

/// How the genes of a file and those of a model meet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosis {
    /// In one word.
    pub verdict: Verdict,
    /// Genes of the file, each once.
    pub file_genes: usize,
    /// Genes of the model.
    pub model_genes: usize,
    /// Genes that both have, found by symbol or Ensembl id.
    pub shared_genes: usize,
    /// Genes of the file that one of [`Self::renames`] would add to these.
    pub mendable_genes: usize,
    /// What was found, the most frequent first.
    pub findings: Vec<Finding>,
    /// Names that should be others, in the file's order.
    pub renames: Vec<Rename>,
    /// Genes of the model that the file lacks: some.
    pub missing_examples: Vec<String>,
}

/// The doctor's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The names agree: what the model does not know is new to it.
    Ready,
    /// At least one gene in twenty has another name in the model.
    Mend,
    /// Fewer than one gene in five is known, on either side: probably other names or another species.
    Wrong,
}

/// Something that several genes have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub reason: Reason,
    /// How many genes.
    pub genes: usize,
    /// Some of them; `old → new` where there is a name to take instead.
    pub examples: Vec<String>,
}

/// A name of the file and what the model calls the gene.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rename {
    /// In the file.
    pub from: String,
    /// In the model.
    pub to: String,
    /// Why.
    pub reason: Reason,
}

/// What may be with a gene's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A spreadsheet made a date or a number of it: `1-Mar`, `2.31E+13`.
    Date,
    /// The model knows it without what stands around it: `GRCh38_CD3E`, `CD3E_ENSG00000198851`.
    Decorated,
    /// The model knows it without the number that made it unique: `CD3E.1`, `CD3E-1`.
    MadeUnique,
    /// The model knows another symbol of the gene, by HGNC's table.
    Alias,
    /// HGNC's table has several genes of this name that the model knows.
    Ambiguous,
    /// The model knows it in upper case: `Cd3e`, as mouse genes are written.
    Mouse,
    /// The model knows symbols, and this is an Ensembl id.
    Ensembl,
    /// Nothing of these: the gene is new to the model.
    New,
    /// Several columns of the file are this gene.
    Duplicate,
    /// No gene at all: an antibody, a guide.
    NoGene,
}

impl Reason {
    /// What it is and what to do, in a sentence.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Date => {
                "a spreadsheet made dates or numbers of them: take the names from the original file"
            }
            Self::Decorated => "the model knows them without what stands around: rename them",
            Self::MadeUnique => {
                "the model knows them without the number at the end: further rows of a gene; rename \
                them back and their counts are added up"
            }
            Self::Alias => "the model knows them by another symbol of the gene: rename them",
            Self::Ambiguous => "several genes of the model have had this symbol: decide by Ensembl id",
            Self::Mouse => {
                "the model knows them in upper case: these look like mouse genes, and a mouse gene is \
                not the human gene of its name; map them by a table of orthologues"
            }
            Self::Ensembl => {
                "Ensembl ids where the model knows symbols: add a column of symbols to var, or give \
                HGNC's table"
            }
            Self::New => "new to the model: it drops them, and can learn them in a stage of their own",
            Self::Duplicate => "several columns are the same gene: their counts are added up",
            Self::NoGene => "features that are no genes are set aside",
        }
    }
}

/// Looks at the `columns` of a file with a model that knows the genes called `model`.
pub fn diagnose(columns: &[Option<Gene>], model: &[String], aliases: Option<&Aliases>) -> Diagnosis {
    let known: HashMap<&str, &str> =
        model.iter().map(|name| (without_version(name), name.as_str())).collect();
    let model_has_symbols = model.iter().filter(|name| is_ensembl(name)).count() * 2 < model.len();
    let mut notes = Notes::default();
    let (mut seen, mut shared, mut unknown) = (HashMap::new(), HashSet::new(), Vec::new());
    for gene in columns {
        let Some(gene) = gene else {
            notes.add(Reason::NoGene, None);
            continue;
        };
        let times: &mut usize = seen.entry(gene.symbol.as_str()).or_default();
        *times += 1;
        if *times > 1 {
            // Each gene that is there more than once is reported once.
            if *times == 2 {
                notes.add(Reason::Duplicate, Some(gene.symbol.clone()));
            }
            continue;
        }
        let names = [Some(gene.symbol.as_str()), gene.ensembl.as_deref()];
        match names.into_iter().flatten().find_map(|name| known.get(name)) {
            Some(&name) => {
                shared.insert(name);
            }
            None => unknown.push(gene),
        }
    }
    let mut renames = Vec::new();
    let mut mendable: HashSet<&str> = HashSet::new();
    for gene in unknown {
        let name = gene.symbol.as_str();
        let (reason, to) = explain(gene, &known, model_has_symbols, aliases);
        let example = to.map_or_else(|| name.to_owned(), |to| format!("{name} → {to}"));
        notes.add(reason, Some(example));
        if let Some(to) = to {
            if !shared.contains(to) {
                mendable.insert(to);
            }
            renames.push(Rename { from: name.to_owned(), to: to.to_owned(), reason });
        }
    }
    let missing = model.iter().filter(|name| !shared.contains(name.as_str()));
    let mut it = Diagnosis {
        verdict: Verdict::Ready,
        file_genes: seen.len(),
        model_genes: model.len(),
        shared_genes: shared.len(),
        mendable_genes: mendable.len(),
        findings: notes.findings(),
        renames,
        missing_examples: missing.take(EXAMPLES).cloned().collect(),
    };
    it.verdict = verdict(&it);
    it
}

fn verdict(it: &Diagnosis) -> Verdict {
    let few = |of: usize| it.shared_genes * 5 < of.max(1);
    let mouse = it.findings.iter().filter(|f| f.reason == Reason::Mouse).map(|f| f.genes).sum::<usize>();
    match () {
        () if few(it.file_genes) && few(it.model_genes) => Verdict::Wrong,
        () if (it.mendable_genes + mouse) * 20 >= it.file_genes.max(1) => Verdict::Mend,
        () => Verdict::Ready,
    }
}

/// Why the model does not know a gene, and the name that it knows instead.
fn explain<'m>(
    gene: &Gene,
    known: &HashMap<&str, &'m str>,
    model_has_symbols: bool,
    aliases: Option<&Aliases>,
) -> (Reason, Option<&'m str>) {
    let name = gene.symbol.as_str();
    let find = |name: &str| known.get(name).copied();
    if names::is_date(name) {
        return (Reason::Date, None);
    }
    if let Some(to) = names::without_decoration(name).find_map(find) {
        return (Reason::Decorated, Some(to));
    }
    if let Some(to) = names::without_number(name).and_then(find) {
        return (Reason::MadeUnique, Some(to));
    }
    if let Some(aliases) = aliases {
        let others: HashSet<&str> = aliases
            .others(name)
            .chain(gene.ensembl.iter().flat_map(|id| aliases.others(id)))
            .filter_map(find)
            .collect();
        match (others.len(), others.into_iter().next()) {
            (1, Some(to)) => return (Reason::Alias, Some(to)),
            (2.., _) => return (Reason::Ambiguous, None),
            _ => {}
        }
    }
    if names::is_mixed_case(name) && find(&name.to_uppercase()).is_some() {
        return (Reason::Mouse, None);
    }
    if model_has_symbols && is_ensembl(name) {
        return (Reason::Ensembl, None);
    }
    (Reason::New, None)
}

/// Findings in the making.
#[derive(Default)]
struct Notes(BTreeMap<Reason, (usize, Vec<String>)>);

impl Notes {
    fn add(&mut self, reason: Reason, example: Option<String>) {
        let (count, examples) = self.0.entry(reason).or_default();
        *count += 1;
        examples.extend(example.filter(|_| *count <= EXAMPLES));
    }

    fn findings(self) -> Vec<Finding> {
        let finding = |(reason, (genes, examples))| Finding { reason, genes, examples };
        let mut all: Vec<Finding> = self.0.into_iter().map(finding).collect();
        all.sort_by_key(|finding| std::cmp::Reverse(finding.genes));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(symbols: &[&str]) -> Vec<Option<Gene>> {
        symbols.iter().map(|name| Some(Gene { symbol: (*name).into(), ensembl: None })).collect()
    }

    fn model(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn reasons(it: &Diagnosis) -> Vec<(Reason, usize)> {
        let mut all: Vec<_> = it.findings.iter().map(|f| (f.reason, f.genes)).collect();
        all.sort();
        all
    }

    #[test]
    fn every_gene_gets_the_reason_that_explains_it() {
        let table = "symbol\talias_symbol\tprev_symbol\tensembl_gene_id\n\
                     PTPRC\tCD45\t\tENSG00000081237\nMARCHF1\t\tMARCH1\tENSG00000145416\n\
                     SEPTIN2\tDIFF6\tSEPT2\t\nA1\tTWIN\t\t\nA2\tTWIN\t\t\n";
        let aliases = Aliases::parse(table.as_bytes()).unwrap();
        let model = model(&["CD3E", "LYZ", "PTPRC", "MARCH1", "GNLY", "NKG7", "A1", "A2", "CD8A", "MS4A1"]);
        let file = columns(&[
            "CD3E",
            "LYZ",
            "LYZ",
            "CD45",
            "MARCHF1",
            "1-Mar",
            "GRCh38_GNLY",
            "NKG7.1",
            "TWIN",
            "Cd8a",
            "XYZ1",
            "ENSG00000156738",
        ]);
        let it = diagnose(&file, &model, Some(&aliases));
        let expected = [
            (Reason::Date, 1),
            (Reason::Decorated, 1),
            (Reason::MadeUnique, 1),
            (Reason::Alias, 2),
            (Reason::Ambiguous, 1),
            (Reason::Mouse, 1),
            (Reason::Ensembl, 1),
            (Reason::New, 1),
            (Reason::Duplicate, 1),
        ];
        assert_eq!(reasons(&it), expected);
        let renames: Vec<(&str, &str)> =
            it.renames.iter().map(|rename| (rename.from.as_str(), rename.to.as_str())).collect();
        // The model is older than the table for one gene and younger for the other.
        let expected =
            [("CD45", "PTPRC"), ("MARCHF1", "MARCH1"), ("GRCh38_GNLY", "GNLY"), ("NKG7.1", "NKG7")];
        assert_eq!(renames, expected);
        assert_eq!((it.file_genes, it.shared_genes, it.mendable_genes), (11, 2, 4));
        assert_eq!(it.verdict, Verdict::Mend);
    }

    #[test]
    fn the_verdict_follows_the_share_of_known_genes() {
        let names: Vec<String> = (0..40).map(|i| format!("GENE{i}")).collect();
        let some = |n: usize| names[..n].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(diagnose(&columns(&some(40)), &names, None).verdict, Verdict::Ready);
        assert_eq!(
            diagnose(&columns(&some(10)), &names, None).verdict,
            Verdict::Ready,
            "few genes, but known"
        );
        let mouse: Vec<String> = (0..40).map(|i| format!("Gene{i}")).collect();
        let mouse: Vec<&str> = mouse.iter().map(String::as_str).collect();
        let it = diagnose(&columns(&mouse), &names, None);
        assert_eq!((it.verdict, reasons(&it)), (Verdict::Wrong, vec![(Reason::Mouse, 40)]));
        assert!(it.renames.is_empty(), "a mouse gene is not renamed to a human one");
        assert_eq!(diagnose(&[], &names, None).verdict, Verdict::Wrong);
    }

    #[test]
    fn an_ensembl_id_of_the_file_is_known_by_itself_or_by_the_table() {
        let file = columns(&["ENSG00000081237", "ENSG00000145416"]);
        let by_id = diagnose(&file, &model(&["ENSG00000081237.4", "ENSG00000145416"]), None);
        assert_eq!((by_id.shared_genes, by_id.verdict), (2, Verdict::Ready));
        let table = "symbol\tensembl_gene_id\nPTPRC\tENSG00000081237\n";
        let aliases = Aliases::parse(table.as_bytes()).unwrap();
        let it = diagnose(&file, &model(&["PTPRC"]), Some(&aliases));
        assert_eq!(it.renames[0].to, "PTPRC");
    }
}
