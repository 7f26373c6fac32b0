//! A strict little reader of markup: every tag closed in its turn, every attribute quoted, every `&` an entity.

const VOID: [&str; 4] = ["meta", "link", "input", "br"];

/// Panics where `text` is not well-formed.
pub fn check(text: &str) {
    let mut open: Vec<String> = Vec::new();
    let mut rest = text.strip_prefix("<!DOCTYPE html>").unwrap_or(text);
    while let Some(at) = rest.find('<') {
        check_words(&rest[..at]);
        let end = rest[at..].find('>').map(|end| at + end).expect("a tag ends");
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closed in turn");
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap();
        assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()), "<{tag}>");
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        if tag.ends_with('/') || VOID.contains(&name) {
            continue;
        }
        open.push(name.to_owned());
        if name == "script" || name == "style" {
            let end = rest.find(&format!("</{name}>")).expect("raw text ends");
            rest = &rest[end..];
        }
    }
    check_words(rest);
    assert!(open.is_empty(), "left open: {open:?}");
}

fn check_words(text: &str) {
    assert!(!text.contains('>'), "{text}");
    for (at, _) in text.match_indices('&') {
        let entity = text[at + 1..].split_once(';').map(|(name, _)| name);
        assert!(matches!(entity, Some("amp" | "lt" | "gt" | "quot" | "apos")), "{text}");
    }
}
