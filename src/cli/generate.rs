//! `slipway generate`: writes or checks files that are generated from the code.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use schemars::transform::{RecursiveTransform, Transform as _};
use schemars::{JsonSchema, schema_for};
use serde_json::{Value, json};

use super::exit::{self, Exit, Failure};
use super::output;
use crate::config::{self, ServerFile};
use crate::deprecated::{OUTPUT_FIELDS, RenamedField};
use crate::web;
use slipway_domain::Verdict;
use slipway_gate::policy;

/// Write generated files, or check that they are current.
#[derive(Debug, Args)]
pub(super) struct Generate {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// JSON Schemas of all files that users write and programs exchange
    Schema(Files),
    /// The reference of the command line, as Markdown
    Cli(Files),
    /// The API's description (OpenAPI 3.1), as JSON
    Openapi(Files),
    /// Manual pages, one for each command
    Man(Files),
}

#[derive(Debug, Args)]
struct Files {
    /// Folder of the files; the default is `schemas`, `docs` or `man`
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Write nothing; exit 1 if a file is missing or not current
    #[arg(long)]
    check: bool,
}

impl Generate {
    pub(super) fn run(self, command: clap::Command) -> Result<Exit, Failure> {
        match self.what {
            What::Schema(files) => files.write_or_check("schemas", &schemas()?),
            What::Cli(files) => files.write_or_check("docs", &[("cli.md", describe(command))]),
            What::Openapi(files) => files.write_or_check("docs", &[("openapi.json", web::openapi().to_owned())]),
            What::Man(files) => files.write_or_check("man", &pages(command)?),
        }
    }
}

impl Files {
    fn write_or_check(&self, default: &str, contents: &[(impl AsRef<Path>, String)]) -> Result<Exit, Failure> {
        let folder = self.folder.as_deref().unwrap_or(Path::new(default));
        let mut stale = 0;
        for (name, content) in contents {
            let path = folder.join(name);
            if std::fs::read_to_string(&path).is_ok_and(|found| found == *content) {
                continue;
            }
            if self.check {
                stale += 1;
                output::complain(&format!(
                    "{} is not current\n  help: run `slipway generate` without `--check`, and commit",
                    path.display()
                ));
            } else {
                let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, content));
                written.map_err(|error| exit::invalid(format!("{}: {error}", path.display())))?;
                output::say(&format!("wrote {}", path.display()));
            }
        }
        Ok(if stale == 0 { Exit::Done } else { Exit::Refused })
    }
}

fn schemas() -> Result<Vec<(&'static str, String)>, Failure> {
    use slipway_contract::{
        BaselineReport, EvaluationReport, ExportReport, Job, Model, ModelCard, Progress, SelectionReport, Signature,
        TrainingReport,
    };
    Ok(vec![
        ("model.schema.json", text_of(&of_a_file("model", schema_for!(Model)))?),
        ("policy.schema.json", text_of(&of_a_file("policy", policy::schema()))?),
        ("verdict.schema.json", text_of(&with_both_names("slipway gate", schema_for!(Verdict)))?),
        ("server.schema.json", text_of(&of_a_file("server", schema_for!(ServerFile)))?),
        ("catalog.json", pretty(&catalog())?),
        ("job.schema.json", schema::<Job>()?),
        ("progress.schema.json", schema::<Progress>()?),
        ("training-report.schema.json", schema::<TrainingReport>()?),
        ("evaluation-report.schema.json", schema::<EvaluationReport>()?),
        ("baseline-report.schema.json", schema::<BaselineReport>()?),
        ("selection-report.schema.json", schema::<SelectionReport>()?),
        ("model-card.schema.json", schema::<ModelCard>()?),
        ("signature.schema.json", schema::<Signature>()?),
        ("export-report.schema.json", schema::<ExportReport>()?),
    ])
}

/// Address of the schemas, for editors.
const SCHEMAS: &str = "https://slipway.dev/schemas";

/// Returns the line by which editors find the schema of a file, such as `model`.
pub(super) fn schema_line(kind: &str) -> String {
    format!("# yaml-language-server: $schema={}", schema_address(kind))
}

fn schema_address(kind: &str) -> String {
    format!("{SCHEMAS}/{kind}.schema.json")
}

fn schema<T: JsonSchema>() -> Result<String, Failure> {
    text_of(&schema_for!(T))
}

/// Adds the other name of each renamed field to the schema of a command's output.
fn with_both_names(command: &str, mut schema: schemars::Schema) -> schemars::Schema {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return schema };
    for RenamedField { of: _, old, new } in OUTPUT_FIELDS.iter().filter(|field| field.of == command) {
        let Some(described) = properties.get(*old).or_else(|| properties.get(*new)).cloned() else { continue };
        let mut deprecated = described.clone();
        deprecated["description"] = format!("Deprecated: use `{new}`.").into();
        deprecated["deprecated"] = true.into();
        properties.insert((*old).to_owned(), deprecated);
        properties.insert((*new).to_owned(), described);
    }
    schema
}

fn text_of(schema: &schemars::Schema) -> Result<String, Failure> {
    pretty(schema)
}

fn pretty(document: &impl serde::Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(document).map_err(exit::defect)?;
    Ok(format!("{text}\n"))
}

/// Completes the schema of a file that people write: adds its address, and allows `x-` keys, which contain content that other
/// keys refer to. Removes `null`, because a key that is present has a value.
fn of_a_file(kind: &str, mut schema: schemars::Schema) -> schemars::Schema {
    RecursiveTransform(without_null).transform(&mut schema);
    schema.insert("$id".to_owned(), schema_address(kind).into());
    schema.insert("patternProperties".to_owned(), json!({"^x-": {}}));
    schema
}

/// Removes `null` from the types of a value.
fn without_null(schema: &mut schemars::Schema) {
    let Some(keys) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = keys.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            keys.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = keys.get_mut("anyOf") {
        choices.retain(|choice| choice["type"] != "null");
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            keys.remove("anyOf");
            keys.extend(only);
        }
    }
    if keys.get("default") == Some(&Value::Null) {
        keys.remove("default");
    }
    if let Some(default) = keys.get_mut("default") {
        without_null_keys(default);
    }
}

/// Removes keys without a value from a default.
fn without_null_keys(value: &mut Value) {
    if let Value::Object(keys) = value {
        keys.retain(|_, value| !value.is_null());
        keys.values_mut().for_each(without_null_keys);
    }
}

/// Returns the catalog of file names and schemas, in the form of `SchemaStore` (json.schemastore.org/schema-catalog.json).
/// Policies have arbitrary names, so a line in them names their schema; only these names are matched.
fn catalog() -> Value {
    let entry = |name: &str, description: &str, files: &[&str], kind: &str| json!({"name": name, "description": description, "fileMatch": files, "url": schema_address(kind)});
    json!({
        "$schema": "https://json.schemastore.org/schema-catalog.json",
        "version": 1,
        "schemas": [
            entry("Slipway model", "A model that Slipway trains, judges and promotes", &["slipway.yaml"], "model"),
            entry("Slipway policy", "The checks that a model must pass before Slipway promotes it", &["slipway-policy.yaml", "*.slipway-policy.yaml"], "policy"),
            entry("Slipway server", "Settings of a Slipway server", &[config::FILE], "server"),
        ],
    })
}

/// Formats the help of every command, one section each.
fn describe(mut command: clap::Command) -> String {
    command.build();
    let mut sections = vec![
        "# The command line\n\nGenerated by `slipway generate cli`; docs/troubleshooting.md lists the exit codes.\n"
            .to_owned(),
    ];
    let name = command.get_name().to_owned();
    add_command(&mut sections, &mut command, &name);
    sections.join("\n")
}

fn add_command(sections: &mut Vec<String>, command: &mut clap::Command, name: &str) {
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    sections.push(format!("## {name}\n\n```text\n{}\n```\n", help.join("\n")));
    let subcommands: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for subcommand in subcommands.iter().filter(|name| *name != "help") {
        if let Some(command) = command.find_subcommand_mut(subcommand) {
            add_command(sections, command, &format!("{name} {subcommand}"));
        }
    }
}

/// Creates a manual page of every command.
fn pages(mut command: clap::Command) -> Result<Vec<(String, String)>, Failure> {
    command.build();
    let mut pages = Vec::new();
    add_page(&mut pages, &command)?;
    Ok(pages)
}

fn add_page(pages: &mut Vec<(String, String)>, command: &clap::Command) -> Result<(), Failure> {
    let page = clap_mangen::Man::new(command.clone());
    let mut text = Vec::new();
    page.render(&mut text).map_err(exit::defect)?;
    pages.push((page.get_filename(), String::from_utf8(text).map_err(exit::defect)?));
    for subcommand in command.get_subcommands().filter(|command| command.get_name() != "help") {
        add_page(pages, subcommand)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_of_files_allow_no_key_without_a_value() {
        let schemas = schemas().expect("schemas");
        for kind in ["model", "policy", "server"] {
            let name = format!("{kind}.schema.json");
            let (_, text) = schemas.iter().find(|(file, _)| *file == name).expect("a schema");
            assert_eq!(text.matches("null").count(), text.matches("`null`").count(), "{name}");
        }
        let policy = schemas.iter().find(|(name, _)| *name == "policy.schema.json").map(|(_, text)| text);
        let policy: Value = serde_json::from_str(policy.expect("a schema")).expect("JSON");
        let check = &policy["$defs"]["CheckEntry"]["properties"];
        assert_eq!(
            (&check["at_least"]["type"], &check["slice"]["$ref"]),
            (&json!("number"), &json!("#/$defs/SliceEntry"))
        );
    }
}
