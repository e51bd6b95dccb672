//! Hints for unknown names: the similar ones among those that exist.

use slipway_contract::table::did_you_mean;

/// The most names that a hint lists.
const MAX_NAMES: usize = 8;

/// The end of a sentence that says that there is no such name: the similar name, or else the first names that exist.
pub fn hint_at(name: &str, known: &[&str]) -> String {
    if let Some(help) = did_you_mean(name, known) {
        return format!("; {help}");
    }
    let shown: Vec<String> = known.iter().take(MAX_NAMES).map(|known| format!("`{known}`")).collect();
    match known.len().saturating_sub(MAX_NAMES) {
        _ if shown.is_empty() => "; none is known yet".to_owned(),
        0 => format!("; known: {}", shown.join(", ")),
        more => format!("; known: {} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_similar_name_is_named_and_else_a_few_of_those_that_exist() {
        assert_eq!(hint_at("chrun", &["churn", "digits"]), "; did you mean `churn`?");
        assert_eq!(hint_at("fraud", &["churn", "digits"]), "; known: `churn`, `digits`");
        assert_eq!(hint_at("fraud", &[]), "; none is known yet");
        let many: Vec<String> = (10..30).map(|number| format!("model-{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let hint = hint_at("fraud", &many);
        assert!(hint.ends_with("`model-17` and 12 more"), "{hint}");
    }
}
