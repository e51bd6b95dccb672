//! Output of `slipway init`: its choices and their reasons, the result of each file, and the next command.

use serde_json::json;
use slipway_contract::{Task, counted};

use super::columns::LeftOut;
use super::files::Became;
use super::local::Local;
use super::specification::Chosen;
use super::{Form, Init, table};
use crate::cli::exit::{self, Failure};
use crate::cli::output;
use crate::deprecated::complete_output;

impl Init {
    pub(super) fn question(chosen: &Chosen<'_>) -> String {
        format!(
            "predict `{}` ({}) from {}, with {} and {}: write the files?",
            table::shown(chosen.label),
            match chosen.task() {
                Task::Classification => counted(chosen.classes.len(), "class"),
                Task::Regression => "a number".to_owned(),
            },
            counted(chosen.features.len(), "column"),
            counted(chosen.train.rows, "training row"),
            counted(chosen.test.rows, "test row")
        )
    }

    pub(super) fn print_result(
        &self,
        chosen: &Chosen<'_>,
        made: &[(String, Became)],
        local: Option<&Local>,
    ) -> Result<(), Failure> {
        let next = local.map_or_else(|| vec!["slipway train".to_owned()], Local::next);
        if self.output == Form::Json {
            let files: Vec<_> =
                made.iter().map(|(path, became)| json!({"file": path, "result": became.as_str()})).collect();
            let left_out: Vec<_> =
                chosen.left_out.iter().map(|left| json!({"column": left.name, "reason": left.reason})).collect();
            let names: Vec<&str> = chosen.features.iter().map(|feature| feature.name.as_str()).collect();
            let columns: serde_json::Map<_, _> =
                chosen.features.iter().map(|feature| (feature.name.clone(), json!(feature.column))).collect();
            let mut document = json!({
                "model": chosen.model, "task": chosen.task(), "label": chosen.label, "features": names, "columns": columns, "left_out": left_out,
                "classes": chosen.classes.iter().map(|(class, rows)| json!({"class": class, "rows": rows})).collect::<Vec<_>>(),
                "train": {"file": chosen.train.file, "rows": chosen.train.rows},
                "test": {"file": chosen.test.file, "rows": chosen.test.rows},
                "files": files, "next": next,
            });
            complete_output("slipway init", &mut document);
            output::say(&serde_json::to_string_pretty(&document).map_err(exit::defect)?);
            return Ok(());
        }
        let labels = match chosen.task() {
            Task::Classification => {
                let first = chosen.classes.iter().take(8);
                first.map(|(class, rows)| format!("{} {rows}", table::shown(class))).collect::<Vec<_>>().join(", ")
            }
            Task::Regression => chosen.labels(),
        };
        output::say(&format!(
            "{}: predicts `{}` ({}) from {}; {}, {}",
            chosen.model,
            table::shown(chosen.label),
            labels,
            counted(chosen.features.len(), "column"),
            counted(chosen.train.rows, "training row"),
            counted(chosen.test.rows, "test row")
        ));
        for LeftOut { name, reason, .. } in chosen.left_out {
            output::say(&format!("excluded `{}`: {reason}", table::shown(name)));
        }
        for (path, became) in made {
            output::say(&format!("{} {path}", became.as_str()));
        }
        output::say(&format!("next:\n  {}", next.join("\n  ")));
        Ok(())
    }
}
