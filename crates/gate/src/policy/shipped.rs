//! The policies that ship with Slipway, which others can extend as `slipway:NAME`.

/// Every shipped policy with its text.
pub const SHIPPED: [(&str, &str); 6] = [
    ("image-classification", include_str!("../../../../policies/image-classification.yaml")),
    ("credit-risk", include_str!("../../../../policies/credit-risk.yaml")),
    ("forecasting", include_str!("../../../../policies/forecasting.yaml")),
    ("medical-screening", include_str!("../../../../policies/medical-screening.yaml")),
    ("quality-inspection", include_str!("../../../../policies/quality-inspection.yaml")),
    ("serving-budget", include_str!("../../../../policies/serving-budget.yaml")),
];

/// The text of a shipped policy, or an error with the existing names.
pub(super) fn text_of(name: &str) -> Result<&'static str, String> {
    let names: Vec<&str> = SHIPPED.iter().map(|(name, _)| *name).collect();
    SHIPPED
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
        .ok_or_else(|| format!("no such policy ships, expected one of `slipway:{}`", names.join("`, `slipway:")))
}
