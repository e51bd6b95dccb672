//! `slipway policy`: plans the test rows that a policy needs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::Value;
use slipway_contract::counted;

use super::exit::{self, Exit, Failure};
use super::form::Format;
use super::output::{self, text, things};
use slipway_gate::policy::{self, Assumptions, Policy, in_thousands};

/// Plan test sets for a policy.
#[derive(Debug, Args)]
pub(super) struct PolicyCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show how many labelled test rows each check needs, or what a number of them can show
    Plan(Plan),
}

/// Show how many labelled test rows each check needs, or what a number of them can show.
#[derive(Debug, Args)]
struct Plan {
    /// The policy file
    policy: PathBuf,
    /// Number of test rows; without it, the required number is shown
    #[arg(long, value_name = "N")]
    rows: Option<u64>,
    /// Share of rows on which exactly one of candidate and champion is right
    #[arg(long, value_name = "SHARE", default_value_t = Assumptions::with_defaults().disagreement)]
    disagreement: f64,
    /// The champion's value of the metric
    #[arg(long, value_name = "FIGURE", default_value_t = Assumptions::with_defaults().expected)]
    expected: f64,
    /// Standard deviation of the contribution of one row to a metric that is not a share of rows; for comparisons, of the
    /// difference on a row
    #[arg(long, value_name = "FIGURE")]
    deviation: Option<f64>,
    /// Number of slices into which `slice: {by: …}` divides the rows
    #[arg(long, value_name = "N", default_value_t = Assumptions::with_defaults().slices)]
    slices: u32,
    /// A true difference for which the power is shown; may be repeated
    #[arg(long, value_name = "FIGURE")]
    difference: Vec<f64>,
    /// Number of uses of the test set to plan for, instead of the policy's
    #[arg(long, value_name = "N")]
    uses: Option<u32>,
    #[command(flatten)]
    format: Format,
}

impl PolicyCommand {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Action::Plan(plan) = self.action;
        plan.run()
    }
}

impl Plan {
    fn run(self) -> Result<Exit, Failure> {
        let Self { policy, rows, disagreement, expected, deviation, slices, difference, uses, format } = self;
        let assumptions =
            Assumptions { rows, disagreement, expected, deviation, slices, differences: difference, uses };
        if let Some(flaw) = assumptions.flaw() {
            return Err(exit::invalid(flaw));
        }
        let plan = read_policy(&policy)?.plan(&assumptions);
        let document = serde_json::to_value(&plan).map_err(exit::defect)?;
        format.show(&document, |plan, _| as_text(plan))?;
        Ok(Exit::Done)
    }
}

/// Reads a policy and the policies that it extends. Paths are relative to the file that contains them.
pub(super) fn read_policy(path: &Path) -> Result<Policy, Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| exit::invalid(format!("{name}: {error}")))?;
    let find = |from: &str, path: &str| {
        let path = Path::new(from).parent().unwrap_or(Path::new("")).join(path);
        let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
        Ok((path.display().to_string(), text))
    };
    Policy::read_with(&name, &text, &find).map_err(|problems| exit::invalid(super::check::join(&problems)))
}

fn as_text(plan: &Value) -> String {
    let mut blocks = vec![heading(plan)];
    blocks.extend(things(plan, "checks").iter().map(|check| of_check(check, plan["rows"].is_u64())));
    blocks.join("\n\n")
}

fn heading(plan: &Value) -> String {
    let units: BTreeSet<&str> = things(plan, "checks")
        .iter()
        .filter(|check| check["skipped"].is_null())
        .map(|check| text(check, "unit"))
        .collect();
    let given = match units.first() {
        Some(unit) if units.len() == 1 && *unit != "rows" => *unit,
        _ => "test rows",
    };
    let mut lines = vec![match plan["rows"].as_u64() {
        Some(rows) => format!("{} on {} {given}", text(plan, "policy"), in_thousands(rows)),
        None => text(plan, "policy").to_owned(),
    }];
    if let Some(uses) = plan["uses"].as_u64() {
        let adaptivity = text(plan, "adaptivity");
        lines.push(format!(
            "one test set judges {} (adaptivity: {adaptivity}); the bounds are wider for that",
            counted(uses, "candidate")
        ));
    }
    let needed = plan["needed"].as_object().into_iter().flatten();
    let needed: Vec<String> =
        needed.filter_map(|(unit, count)| Some(format!("{} {unit}", in_thousands(count.as_u64()?)))).collect();
    if !needed.is_empty() {
        lines.push(format!("all checks need about {}", needed.join(" and ")));
    }
    lines.join("\n")
}

fn of_check(check: &Value, with_rows: bool) -> String {
    let name = check["name"].as_str().map_or_else(String::new, |name| format!("{name}: "));
    let line = check["line"].as_u64().unwrap_or_default();
    let mut lines = vec![format!(
        "{name}{} {} ({}:{line})",
        text(check, "metric"),
        text(check, "requirement"),
        text(check, "file")
    )];
    if let Some(why) = check["skipped"].as_str() {
        lines.push(format!("  not planned: {why}"));
        return lines.join("\n");
    }
    let unit = text(check, "unit");
    let confidence = check["confidence"].as_f64().unwrap_or_default();
    lines.push(format!("  each bound at a confidence of {}", policy::precise(confidence)));
    for assumed in things(check, "assumptions").iter().filter_map(Value::as_str) {
        lines.push(format!("  assumed: {assumed}"));
    }
    if let Some(rows) = check["rows_at_best"].as_u64() {
        lines.push(format!("  no model passes on fewer than {} {unit}", in_thousands(rows)));
    }
    if with_rows {
        lines.push(match check["passes_from"].as_f64() {
            Some(figure) => format!("  passes at a measured value of {} or better", figure_of(figure)),
            None => format!("  no value passes on so few {unit}"),
        });
        lines.push(match check["smallest_difference"].as_f64() {
            Some(difference) => format!("  smallest true difference shown with 80 % power: {}", figure_of(difference)),
            None => "  no true difference is shown with 80 % power".to_owned(),
        });
    }
    lines.push(indented(&differences(check, unit, with_rows)));
    lines.push(indented(&uses(check, unit)));
    lines.join("\n")
}

fn differences(check: &Value, unit: &str, with_rows: bool) -> String {
    let rows = things(check, "differences");
    let has = |key: &str| rows.iter().any(|row| row[key].is_u64());
    let (sliced, paired) = (has("rows_per_slice"), has("rows_unpaired"));
    let mut header = vec!["BETTER BY"];
    let for_power = format!("{} FOR 80 %", unit.to_uppercase());
    let optional =
        [(with_rows, "POWER"), (true, for_power.as_str()), (sliced, "IN EACH SLICE"), (paired, "IF NOT PAIRED")];
    header.extend(optional.iter().filter(|(is_shown, _)| *is_shown).map(|(_, name)| *name));
    let row = |row: &Value| {
        let count = |key: &str| row[key].as_u64().map_or_else(|| "–".to_owned(), in_thousands);
        let power = row["power"].as_f64().map_or_else(|| "–".to_owned(), |power| format!("{:.0} %", power * 100.0));
        let mut cells = vec![figure_of(row["difference"].as_f64().unwrap_or_default())];
        let optional = [
            (with_rows, power),
            (true, count("rows_needed")),
            (sliced, count("rows_per_slice")),
            (paired, count("rows_unpaired")),
        ];
        cells.extend(optional.into_iter().filter(|(is_shown, _)| *is_shown).map(|(_, cell)| cell));
        cells
    };
    let rows: Vec<Vec<String>> = rows.iter().map(row).collect();
    output::table(&header, &rows)
}

fn uses(check: &Value, unit: &str) -> String {
    let at = figure_of(check["uses_at"].as_f64().unwrap_or_default());
    let row = |row: &Value| {
        let count = |key: &str| row[key].as_u64().map_or_else(|| "–".to_owned(), in_thousands);
        vec![row["uses"].as_u64().unwrap_or_default().to_string(), count("none"), count("full")]
    };
    let rows: Vec<Vec<String>> = things(check, "uses").iter().map(row).collect();
    let [none, full] = ["NONE", "FULL"].map(|adaptivity| format!("{}, ADAPTIVITY {adaptivity}", unit.to_uppercase()));
    let table = output::table(&["USES", &none, &full], &rows);
    format!("{unit} for 80 % power if better by {at}, by uses of one test set:\n{table}")
}

fn indented(block: &str) -> String {
    block.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// Formats a figure without trailing zeros.
fn figure_of(figure: f64) -> String {
    let shown = format!("{figure:.5}");
    shown.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_shown_in_the_units_of_the_metric() {
        let written = |checks: &str| {
            format!(
                "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {{name: p}}\nspec: {{checks: [{checks}]}}\n"
            )
        };
        let shown = |checks: &str, rows: Option<u64>| {
            let policy = Policy::read("p.yaml", &written(checks)).expect("a policy");
            let plan = policy.plan(&Assumptions { rows, deviation: Some(0.2), ..Assumptions::with_defaults() });
            as_text(&serde_json::to_value(&plan).expect("a document"))
        };
        let ndcg = "{metric: {ndcg: {k: 10, query: query}}, no_worse_than_champion: {margin: 0.01}}";
        let of_ndcg = shown(ndcg, Some(5_000));
        for expected in [
            "p.yaml on 5,000 queries",
            " queries\n",
            "rows with one value of `query` count as one: queries are counted, also by `--rows`",
            "a query adds to the figure with a standard deviation of 0.2",
            "no model passes on fewer than 30 queries",
            "QUERIES FOR 80 %",
            "queries for 80 % power if better by 0, by uses of one test set:",
            "QUERIES, ADAPTIVITY NONE",
        ] {
            assert!(of_ndcg.contains(expected), "expected `{expected}`, came:\n{of_ndcg}");
        }
        assert!(!of_ndcg.contains("ROWS"), "{of_ndcg}");
        let mase = shown("{metric: {mase: {series: shop}}, no_worse_than_champion: {margin: 0.01}}", None);
        assert!(mase.contains("SERIES FOR 80 %") && mase.contains("a series adds"), "{mase}");
        let grouped = shown(
            "{metric: {ndcg: {k: 10, query: query}}, group_by: user, no_worse_than_champion: {margin: 0.01}}",
            None,
        );
        assert!(grouped.contains("GROUPS FOR 80 %") && grouped.contains("`user`"), "{grouped}");
        let both = shown(&format!("{ndcg}, {{metric: accuracy, no_worse_than_champion: {{margin: 0.01}}}}"), Some(100));
        assert!(both.starts_with("p.yaml on 100 test rows\nall checks need about "), "{both}");
        let needed = both.lines().nth(1).unwrap_or_default();
        assert!(needed.contains(" queries and ") && needed.ends_with(" rows"), "{needed}");
        let area = shown("{metric: {roc_auc: {class: cat}}, no_worse_than_champion: {margin: 0.01}}", None);
        assert!(area.contains("rows are those of the class, or all others if these are fewer"), "{area}");
    }

    #[test]
    fn figures_are_formatted_for_people() {
        assert_eq!([0.01, 0.0, 1.5].map(figure_of), ["0.01", "0", "1.5"]);
        assert_eq!([7, 1_234, 1_000_000].map(in_thousands), ["7", "1,234", "1,000,000"]);
    }
}
