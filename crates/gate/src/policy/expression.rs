//! Conditions in the Common Expression Language (CEL). They are type-checked and bounded when the policy is read, so an
//! evaluation only walks a small tree without loops.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cel::common::ast::{CallExpr, Expr, LiteralValue, SelectExpr};
use cel::{Context, IdedExpr, Program, Value};
use slipway_contract::metrics::NAMES;

use super::evidence::Evidence;

/// The most characters of an expression, and its deepest nesting.
const MAX_CHARACTERS: usize = 1_000;
const MAX_DEPTH: usize = 16;

/// The names of whole numbers, numbers and texts besides metrics.
const WHOLE: [&str; 3] = ["artifact.bytes", "artifact.parameters", "run.seed"];
const NUMBERS: [&str; 4] =
    ["artifact.training_seconds", "artifact.device_seconds", "artifact.latency_p50", "artifact.latency_p99"];
const TEXTS: [&str; 4] = ["run.model", "run.branch", "run.device", "environment.name"];

/// A condition that has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expression {
    source: String,
    names: Vec<String>,
}

/// The type of a part of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Truth,
    Whole,
    Number,
    Text,
}

impl Kind {
    fn describe(self) -> &'static str {
        match self {
            Self::Truth => "a truth value",
            Self::Whole => "a whole number",
            Self::Number => "a number",
            Self::Text => "a text",
        }
    }
}

impl Expression {
    /// Reads a condition. Returns the reason if it is not valid CEL, uses an unknown name or a forbidden construct, or is not a
    /// truth value.
    pub(super) fn read(source: &str) -> Result<Self, String> {
        bounded(source)?;
        let program = compile(source)?;
        match kind_of(program.expression(), 0)? {
            Kind::Truth if names_in(program.expression()).is_empty() => {
                Err("this condition looks at nothing, so it could never change; name a metric or a fact".to_owned())
            }
            Kind::Truth => Ok(Self { source: source.to_owned(), names: names_in(program.expression()) }),
            other => Err(format!(
                "the expression is {}, expected a truth value such as `artifact.bytes < 1000`",
                other.describe()
            )),
        }
    }

    /// The text as written.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// The names that it uses, such as `artifact.bytes`.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether the condition holds, or why it cannot be evaluated.
    pub(super) fn holds(&self, evidence: &Evidence<'_>) -> Result<bool, String> {
        let program = compile(&self.source)?;
        let mut context = Context::default();
        for (name, members) in members(evidence) {
            context.add_variable_from_value(name, Value::from(members));
        }
        let value = catch_unwind(AssertUnwindSafe(|| program.execute(&context)))
            .map_err(|_| "the expression broke its evaluator".to_owned())?;
        match value {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(_) => Err("the expression came out as no truth value".to_owned()),
            Err(cel::ExecutionError::NoSuchKey(name)) => Err(format!("`{name}` is not known of this candidate")),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The evidence as the variables of an expression.
fn members(evidence: &Evidence<'_>) -> HashMap<String, HashMap<String, Value>> {
    let mut variables: HashMap<String, HashMap<String, Value>> = HashMap::new();
    let mut add = |name: &str, value: Value| {
        if let Some((variable, member)) = name.split_once('.') {
            variables.entry(variable.to_owned()).or_default().insert(member.to_owned(), value);
        }
    };
    for (metric, value) in &evidence.candidate.report.metrics {
        add(&format!("metrics.{metric}"), Value::Float(*value));
    }
    for (name, value) in &evidence.facts.figures {
        let whole = WHOLE.contains(name);
        #[expect(clippy::cast_possible_truncation, reason = "sizes stay far below 2^53")]
        add(name, if whole { Value::Int(*value as i64) } else { Value::Float(*value) });
    }
    for (name, text) in &evidence.facts.texts {
        add(name, Value::String(text.clone().into()));
    }
    for variable in ["metrics", "artifact", "run", "environment"] {
        variables.entry(variable.to_owned()).or_default();
    }
    variables
}

fn bounded(source: &str) -> Result<(), String> {
    let characters = source.chars().count();
    if !(1..=MAX_CHARACTERS).contains(&characters) {
        return Err(format!("an expression of {characters} characters, expected 1 to {MAX_CHARACTERS}"));
    }
    let mut depth = 0_usize;
    for letter in source.chars() {
        match letter {
            // A nested conditional opens no bracket.
            '(' | '[' | '{' | '?' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} brackets and conditions deep, expected fewer"));
        }
    }
    Ok(())
}

fn compile(source: &str) -> Result<Program, String> {
    // The parser has panicked on unusual input before. Such an expression is rejected.
    let compiled = catch_unwind(AssertUnwindSafe(|| Program::compile(source)));
    let compiled = compiled.map_err(|_| "this is no CEL that can be parsed".to_owned())?;
    compiled.map_err(|errors| {
        let first = errors.errors.first().map_or_else(|| errors.to_string(), |error| error.msg.clone());
        format!("this is no CEL: {}", first.lines().next().unwrap_or("it cannot be parsed"))
    })
}

/// The names that an expression uses, such as `artifact.bytes`.
fn names_in(expression: &IdedExpr) -> Vec<String> {
    match &expression.expr {
        Expr::Select(select) => match &select.operand.expr {
            Expr::Ident(variable) => vec![format!("{variable}.{}", select.field)],
            _ => Vec::new(),
        },
        Expr::Call(call) => call.args.iter().flat_map(names_in).collect(),
        Expr::List(list) => list.elements.iter().flat_map(names_in).collect(),
        _ => Vec::new(),
    }
}

fn kind_of(expression: &IdedExpr, depth: usize) -> Result<Kind, String> {
    // A chain of operators nests without brackets.
    if depth > MAX_CHARACTERS {
        return Err("the expression nests too deep".to_owned());
    }
    match &expression.expr {
        Expr::Literal(LiteralValue::Boolean(_)) => Ok(Kind::Truth),
        Expr::Literal(LiteralValue::Int(_)) => Ok(Kind::Whole),
        Expr::Literal(LiteralValue::Double(_)) => Ok(Kind::Number),
        Expr::Literal(LiteralValue::String(_)) => Ok(Kind::Text),
        Expr::Select(select) if !select.test => kind_of_name(select),
        Expr::Call(call) if call.target.is_none() => kind_of_call(call, depth + 1),
        Expr::Ident(name) => Err(format!("unknown name `{name}`, expected one of {}", variables())),
        _ => Err("only comparisons, arithmetic, `&&`, `||`, `!`, `?:` and `in` may be used".to_owned()),
    }
}

fn variables() -> String {
    "`metrics.…`, `artifact.…`, `run.…` and `environment.…`".to_owned()
}

fn kind_of_name(select: &SelectExpr) -> Result<Kind, String> {
    let Expr::Ident(variable) = &select.operand.expr else {
        return Err(format!("`….{}` is not known, expected a name such as `artifact.bytes`", select.field));
    };
    let name = format!("{variable}.{}", select.field);
    if variable == "metrics" && NAMES.contains(&select.field.as_str()) {
        return Ok(Kind::Number);
    }
    let known = [(&WHOLE[..], Kind::Whole), (&NUMBERS[..], Kind::Number), (&TEXTS[..], Kind::Text)];
    if let Some((_, kind)) = known.iter().find(|(names, _)| names.contains(&name.as_str())) {
        return Ok(*kind);
    }
    let all: Vec<&str> = known.iter().flat_map(|(names, _)| names.iter().copied()).collect();
    let close = all
        .iter()
        .copied()
        .map(str::to_owned)
        .chain(NAMES.iter().map(|metric| format!("metrics.{metric}")))
        .min_by_key(|candidate| strsim::damerau_levenshtein(candidate, &name))
        .unwrap_or_default();
    Err(format!("unknown name `{name}`; did you mean `{close}`?"))
}

fn kind_of_call(call: &CallExpr, depth: usize) -> Result<Kind, String> {
    let operator = call.func_name.as_str();
    if operator == "@in"
        && let [item, container] = call.args.as_slice()
        && let Expr::List(list) = &container.expr
    {
        let kind = kind_of(item, depth)?;
        for element in &list.elements {
            alike(kind, kind_of(element, depth)?, "in")?;
        }
        return Ok(Kind::Truth);
    }
    let kinds = call.args.iter().map(|argument| kind_of(argument, depth)).collect::<Result<Vec<_>, _>>()?;
    match (operator, kinds.as_slice()) {
        ("!_", [Kind::Truth]) | ("_&&_" | "_||_", [Kind::Truth, Kind::Truth]) => Ok(Kind::Truth),
        ("-_", [kind @ (Kind::Whole | Kind::Number)]) => Ok(*kind),
        ("_<_" | "_<=_" | "_>_" | "_>=_" | "_==_" | "_!=_", [one, other]) => {
            alike(*one, *other, operator.trim_matches('_')).map(|()| Kind::Truth)
        }
        ("_+_" | "_-_" | "_*_" | "_/_", [one, other]) if one == other && matches!(one, Kind::Whole | Kind::Number) => {
            Ok(*one)
        }
        ("_%_", [Kind::Whole, Kind::Whole]) => Ok(Kind::Whole),
        ("_?_:_", [Kind::Truth, one, other]) if one == other => Ok(*one),
        ("_+_" | "_-_" | "_*_" | "_/_", [Kind::Whole, Kind::Number] | [Kind::Number, Kind::Whole]) => {
            Err("a whole number and a number cannot be mixed in arithmetic; write `2.0` for `2`".to_owned())
        }
        _ => {
            let kinds: Vec<&str> = kinds.iter().map(|kind| kind.describe()).collect();
            Err(format!("`{}` cannot be applied to {}", operator.trim_matches('_'), kinds.join(" and ")))
        }
    }
}

fn alike(one: Kind, other: Kind, operator: &str) -> Result<(), String> {
    let is_number = |kind: Kind| matches!(kind, Kind::Whole | Kind::Number);
    if one == other || (is_number(one) && is_number(other)) {
        return Ok(());
    }
    Err(format!("`{operator}` cannot compare {} with {}", one.describe(), other.describe()))
}
