//! Output of `slipway init`: its choices and their reasons, the result of each file, and the next command.

use serde_json::json;

use super::columns::LeftOut;
use super::files::Became;
use super::local::Local;
use super::specification::Chosen;
use super::{Form, Init, table};
use crate::cli::exit::{self, Failure};
use crate::cli::output;

impl Init {
    pub(super) fn question(chosen: &Chosen<'_>) -> String {
        format!(
            "predict `{}` ({}) from {} columns, with {} training rows and {} test rows: write the files?",
            table::shown(chosen.label),
            output::count(chosen.classes.len(), "class").replace("classs", "classes"),
            chosen.features.len(),
            chosen.train.rows,
            chosen.test.rows
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
                made.iter().map(|(path, became)| json!({"file": path, "became": became.as_str()})).collect();
            let left_out: Vec<_> =
                chosen.left_out.iter().map(|left| json!({"column": left.name, "reason": left.reason})).collect();
            let document = json!({
                "model": chosen.model, "label": chosen.label, "features": chosen.features, "left_out": left_out,
                "classes": chosen.classes.iter().map(|(class, rows)| json!({"class": class, "rows": rows})).collect::<Vec<_>>(),
                "train": {"file": chosen.train.file, "rows": chosen.train.rows},
                "test": {"file": chosen.test.file, "rows": chosen.test.rows},
                "files": files, "next": next,
            });
            output::say(&serde_json::to_string_pretty(&document).map_err(exit::defect)?);
            return Ok(());
        }
        let classes: Vec<String> =
            chosen.classes.iter().take(8).map(|(class, rows)| format!("{} {rows}", table::shown(class))).collect();
        output::say(&format!(
            "{}: predicts `{}` ({}) from {}; {} training rows, {} test rows",
            chosen.model,
            table::shown(chosen.label),
            classes.join(", "),
            output::count(chosen.features.len(), "column"),
            chosen.train.rows,
            chosen.test.rows
        ));
        for LeftOut { name, reason } in chosen.left_out {
            output::say(&format!("excluded `{}`: {reason}", table::shown(name)));
        }
        for (path, became) in made {
            output::say(&format!("{} {path}", became.as_str()));
        }
        output::say(&format!("next:\n  {}", next.join("\n  ")));
        Ok(())
    }
}
