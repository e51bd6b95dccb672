//! Random rows, steps and layers for tests, from a seed.

use serde_json::{Map, Value as Json, json};
use slipway_contract::{LayerStack, Shape};
use tch::Tensor;

use crate::data::{Rows, Target};

/// Numbers that look random and are the same for the same seed (xorshift64*, Marsaglia, 2003; Vigna, 2016).
pub(super) struct Draw(u64);

impl Draw {
    pub(super) fn seeded(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// A whole number from zero up to, and not including, `limit`.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit as u64).expect("below the limit")
    }

    pub(super) fn within(&mut self, low: f64, high: f64) -> f64 {
        let share = f64::from(u32::try_from(self.below(1 << 30)).expect("30 bits")) / f64::from(1 << 30);
        low + (high - low) * share
    }

    pub(super) fn chance(&mut self, share: f64) -> bool {
        self.within(0.0, 1.0) < share
    }

    fn size(&mut self, low: usize, high: usize) -> u32 {
        u32::try_from(low + self.below(high - low + 1)).expect("small")
    }
}

/// Rows as the trainer reads them, and as a caller of the graph gives them.
pub(super) struct DrawnRows {
    pub(super) rows: Rows,
    /// The typed columns of the specification.
    pub(super) columns: Option<Map<String, Json>>,
    /// The type, the shape and the values of each input.
    given: Vec<(&'static str, Vec<usize>, Vec<Json>)>,
    /// The names of columns of numbers.
    numbers: Vec<String>,
}

const ROWS: usize = 60;
/// Rising, because a specification has columns in the order of their names.
const NAMES: [&str; 8] = ["Größe (m²)", "a", "label", "prediction", "probabilities", "weird \"name\",", "x.y", "年齢"];
const TEXTS: [&str; 7] = ["rent", "own", "größer, oder", "日本", "a b", "0", "Rent"];

impl DrawnRows {
    pub(super) fn drawn(draw: &mut Draw) -> Self {
        match draw.below(4) {
            0 => Self::pictures(draw),
            1 => Self::plain_table(draw),
            _ => Self::typed_table(draw),
        }
    }

    fn pictures(draw: &mut Draw) -> Self {
        let shape = [draw.size(1, 3), draw.size(4, 9), draw.size(4, 9)];
        let values: Vec<u8> =
            (0..ROWS * product(&shape)).map(|_| u8::try_from(draw.below(256)).expect("a byte")).collect();
        let sizes: Vec<usize> = std::iter::once(ROWS).chain(shape.iter().map(|size| *size as usize)).collect();
        let given = vec![("uint8", sizes.clone(), values.iter().map(|value| json!(value)).collect())];
        let rows = rows_of(&Tensor::from_slice(&values), &sizes, None, Vec::new());
        Self { rows, columns: None, given, numbers: Vec::new() }
    }

    fn plain_table(draw: &mut Draw) -> Self {
        let width = [1, 3, 16, 24][draw.below(4)];
        let names: Vec<String> = (0..width).map(|place| format!("c{place:02}")).collect();
        let columns: Vec<Vec<f64>> = (0..width).map(|_| numbers(draw)).collect();
        let values: Vec<f64> = (0..ROWS).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
        let given = vec![("double", vec![ROWS, width], values.iter().map(|value| json!(value)).collect())];
        let rows = rows_of(&Tensor::from_slice(&values), &[ROWS, width], Some(names.clone()), Vec::new());
        Self { rows, columns: None, given, numbers: names }
    }

    fn typed_table(draw: &mut Draw) -> Self {
        let names: Vec<&str> = NAMES.into_iter().filter(|_| draw.chance(0.6)).collect();
        let names = if names.is_empty() { vec!["a"] } else { names };
        let (mut columns, mut given, mut values, mut texts, mut number_names) =
            (Map::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for name in &names {
            let is_number = draw.chance(0.5);
            let missing = [json!([]), json!(["NA", "-7"])][draw.below(2)].clone();
            let is_spelt = missing != json!([]);
            let share = [0.0, 0.2][draw.below(2)];
            if is_number {
                let all = numbers(draw);
                let of_row = |(row, value): (usize, f64)| {
                    // The first row is a training row that has a value.
                    if row > 0 && draw.chance(share) {
                        (f64::NAN, if is_spelt && draw.chance(0.5) { json!(-7.0) } else { Json::Null })
                    } else {
                        (value, json!(value))
                    }
                };
                let (column, shown): (Vec<f64>, Vec<Json>) = all.into_iter().enumerate().map(of_row).unzip();
                columns.insert((*name).to_owned(), json!({"type": "number", "missing": missing}));
                given.push(("double", vec![ROWS, 1], shown));
                values.push(column);
                texts.push(None);
                number_names.push((*name).to_owned());
                continue;
            }
            let is_binary = draw.chance(0.4);
            let known = if is_binary { 2 } else { draw.below(4) + 1 };
            let of_row = |row: usize| {
                if row > 1 && draw.chance(share) {
                    return (f64::NAN, json!(["", "NA"][usize::from(is_spelt && draw.chance(0.5))]));
                }
                // Rows behind the training rows also have texts that those do not have.
                let code = if row < 2 { 0 } else { draw.below(if row < ROWS / 2 { known } else { TEXTS.len() }) };
                (f64::from(u32::try_from(code).expect("few")), json!(TEXTS[code]))
            };
            let (column, shown): (Vec<f64>, Vec<Json>) = (0..ROWS).map(of_row).unzip();
            let kind = if is_binary {
                json!({"type": "binary", "missing": missing, "values": TEXTS[..2]})
            } else {
                json!({"type": "category", "missing": missing})
            };
            columns.insert((*name).to_owned(), kind);
            given.push(("string", vec![ROWS, 1], shown));
            values.push(column);
            texts.push(Some(TEXTS.map(str::to_owned).to_vec()));
        }
        let values: Vec<f64> = (0..ROWS).flat_map(|row| values.iter().map(move |column| column[row])).collect();
        let whole: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let rows = rows_of(&Tensor::from_slice(&values), &[ROWS, names.len()], Some(whole), texts);
        Self { rows, columns: Some(columns), given, numbers: number_names }
    }

    /// Steps that fit the rows.
    pub(super) fn steps(&self, draw: &mut Draw) -> Json {
        let mut steps = Vec::new();
        if self.columns.is_some() {
            let strategy = ["mean", "median"][draw.below(2)];
            let steps_of_encoding = [
                json!({"impute": {"strategy": strategy, "add_indicator": draw.chance(0.5)}}),
                json!({"one_hot": {"min_frequency": draw.below(2) + 1}}),
            ];
            steps.extend(steps_of_encoding.into_iter().filter(|_| draw.chance(0.5)));
        }
        let logged: Vec<&String> = self.numbers.iter().filter(|_| draw.chance(0.4)).collect();
        if !logged.is_empty() {
            steps.push(json!({"log": {"columns": logged}}));
        }
        steps.push(match draw.below(3) {
            0 => json!("standardize"),
            1 => json!("robust_scale"),
            _ => json!({"scale": {"divide_by": draw.within(50.0, 300.0)}}),
        });
        if draw.chance(0.6) {
            steps.push(json!("smooth_clip"));
        }
        if self.columns.is_none() && draw.chance(0.7) {
            match self.rows.shape.0.as_slice() {
                [16] => steps.push(json!({"reshape": [1, 4, 4]})),
                [24] => steps.push(json!({"reshape": [2, 3, 4]})),
                [one, two, three] => steps.push(json!({"reshape": [two, one, three]})),
                _ => {}
            }
        }
        json!(steps)
    }

    /// The inputs of a graph whose inputs have these names.
    pub(super) fn inputs<'name>(&self, names: impl Iterator<Item = &'name str>) -> Vec<Json> {
        let inputs = names.zip(&self.given);
        let inputs = inputs
            .map(|(name, (kind, shape, values))| json!({"name": name, "type": kind, "shape": shape, "values": values}));
        inputs.collect()
    }
}

/// A column of numbers of any scale, with some at the edges of what floats keep.
fn numbers(draw: &mut Draw) -> Vec<f64> {
    let (centre, spread) = (draw.within(-100.0, 100.0), [1e-6, 1.0, 250.0][draw.below(3)]);
    let value = |row: usize| match row {
        50 => -0.0,
        51 => 16_777_217.0,
        52 => 1e-12,
        _ => centre + draw.within(-spread, spread),
    };
    (0..ROWS).map(value).collect()
}

fn product(sizes: &[u32]) -> usize {
    sizes.iter().map(|size| *size as usize).product()
}

fn rows_of(values: &Tensor, sizes: &[usize], columns: Option<Vec<String>>, texts: Vec<Option<Vec<String>>>) -> Rows {
    let shape = Shape(sizes[1..].iter().map(|size| u32::try_from(*size).expect("small")).collect());
    let sizes: Vec<i64> = sizes.iter().map(|size| i64::try_from(*size).expect("small")).collect();
    let target = Target::Numbers(vec![0.0; ROWS]);
    let features = values.reshape(sizes.as_slice());
    Rows { features, shape, target, columns, texts, origin: None, aside: Vec::new(), weights: Vec::new() }
}

/// Layers that fit rows of shape `input` and end with at least `outputs` outputs.
pub(super) fn layers(draw: &mut Draw, input: &Shape, outputs: usize) -> LayerStack {
    let mut layers: Vec<Json> = Vec::new();
    let shape_after = |layers: &[Json]| -> Option<Shape> {
        let stack: LayerStack = serde_json::from_value(json!({"sequential": layers})).expect("layers");
        stack.shapes(input).ok()?.pop()
    };
    let mut shape = input.clone();
    for _ in 0..draw.below(8) {
        let layer = match draw.below(7) {
            0 | 1 => json!({"conv2d": {
                "filters": draw.size(1, 5), "kernel_size": draw.size(1, 4), "stride": draw.size(1, 2), "padding": draw.size(0, 2),
            }}),
            2 => json!({"max_pool2d": draw.size(1, 3)}),
            3 => json!({"max_pool2d": {"kernel_size": draw.size(1, 3), "stride": draw.size(1, 3)}}),
            4 => [json!("relu"), json!({"dropout": 0.5})][draw.below(2)].clone(),
            5 => json!("batch_norm"),
            _ => json!({"linear": draw.size(1, 20)}),
        };
        layers.push(layer);
        match shape_after(&layers) {
            Some(after) => shape = after,
            None => drop(layers.pop()),
        }
    }
    if shape.0.len() > 1 || draw.chance(0.1) {
        layers.push(json!("flatten"));
    }
    layers.push(json!({"linear": outputs + draw.below(3)}));
    serde_json::from_value(json!({"sequential": layers})).expect("layers")
}
