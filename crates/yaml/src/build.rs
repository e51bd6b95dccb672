//! Builds the span tree from the parser's events, within limits.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, StructureStyle, Tag};

use slipway_domain::Diagnostic;

use super::lines::Lines;
use super::syntax::{Advice, advice};
use super::tree::{Comment, Entry, Kind, Node, Style, Tree};
use super::{MAX_BYTES, MAX_DEPTH, MAX_NODES};

/// The parser's limits beyond its own defaults. The size of the text already bounds comments.
fn options() -> granit_parser::Options {
    granit_parser::options! {
        max_buffered_comment_events: MAX_BYTES,
        block_nesting_limit: MAX_DEPTH,
        flow_nesting_limit: MAX_DEPTH,
    }
}

/// Builds the tree of all documents of a text.
pub(super) fn build(file: &str, text: &str) -> Result<Tree, Diagnostic> {
    if text.len() > MAX_BYTES {
        return Err(too_large(file, text.len()));
    }
    let mut builder = Builder::new(file, text);
    let mut parser = Parser::new_from_str_with_options(text, options());
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| builder.syntax(&error))?;
        let span = span.byte_range().unwrap_or_default();
        builder.take(event, span)?;
    }
    Ok(builder.finish())
}

fn too_large(file: &str, bytes: usize) -> Diagnostic {
    Diagnostic::new(file, format!("the file has {bytes} bytes, expected at most {MAX_BYTES}"))
        .help("split it into several files")
}

struct Builder<'name> {
    file: &'name str,
    lines: Lines,
    open: Vec<Open>,
    documents: Vec<Node>,
    comments: Vec<Comment>,
    aliased: BTreeSet<usize>,
    /// For each closed anchor, the number of values behind it and how deep they nest.
    weights: HashMap<usize, (usize, usize)>,
    total: usize,
}

/// A collection whose end was not read yet.
struct Open {
    start: usize,
    anchor: Option<usize>,
    tag: Option<String>,
    body: Body,
    /// The number of values before it.
    total_before: usize,
    /// How deep the values in it nest, with aliases expanded.
    height: usize,
}

enum Body {
    Mapping { entries: Vec<Entry>, key: Option<Node>, flow: bool },
    Sequence { items: Vec<Node>, flow: bool },
}

impl<'name> Builder<'name> {
    fn new(file: &'name str, text: &str) -> Self {
        Self {
            file,
            lines: Lines::of(text),
            open: Vec::new(),
            documents: Vec::new(),
            comments: Vec::new(),
            aliased: BTreeSet::new(),
            weights: HashMap::new(),
            total: 0,
        }
    }

    fn finish(self) -> Tree {
        let mut comments = self.comments;
        comments.sort_by_key(|comment| comment.span.start);
        Tree { documents: self.documents, comments, aliased: self.aliased, lines: self.lines }
    }

    fn take(&mut self, event: Event<'_>, span: Range<usize>) -> Result<(), Diagnostic> {
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                self.scalar(value.into_owned(), style, anchor, written(tag), span)
            }
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::MappingStart(style, anchor, tag) => {
                let body = Body::Mapping { entries: Vec::new(), key: None, flow: style == StructureStyle::Flow };
                self.begin(body, anchor, written(tag), &span)
            }
            Event::SequenceStart(style, anchor, tag) => {
                let body = Body::Sequence { items: Vec::new(), flow: style == StructureStyle::Flow };
                self.begin(body, anchor, written(tag), &span)
            }
            Event::MappingEnd | Event::SequenceEnd => {
                self.end(&span);
                Ok(())
            }
            Event::Comment(text, _) => {
                self.comments.push(Comment { span, text: text.into_owned() });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        value: String,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<String>,
        span: Range<usize>,
    ) -> Result<(), Diagnostic> {
        self.count(1, &span)?;
        let anchor = numbered(anchor);
        if let Some(anchor) = anchor {
            self.weights.insert(anchor, (1, 0));
        }
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::SingleQuoted,
            ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
        };
        let kind = Kind::Scalar { value, style };
        self.add(Node { span, anchor, tag, kind });
        Ok(())
    }

    fn alias(&mut self, anchor: usize, span: Range<usize>) -> Result<(), Diagnostic> {
        let Some((weight, height)) = self.weights.get(&anchor).copied() else {
            let message = "this alias refers to a value that contains it, expected a value that ends before the alias";
            return Err(self.mistake(message, span.start).help("write the value itself instead of the alias"));
        };
        self.count(weight, &span)?;
        if self.open.len() + height > MAX_DEPTH {
            return Err(self.too_deep(span.start));
        }
        self.grow(height);
        self.aliased.insert(anchor);
        self.add(Node { span, anchor: None, tag: None, kind: Kind::Alias(anchor) });
        Ok(())
    }

    fn begin(&mut self, body: Body, anchor: usize, tag: Option<String>, span: &Range<usize>) -> Result<(), Diagnostic> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.too_deep(span.start));
        }
        let total_before = self.total;
        self.count(1, span)?;
        self.open.push(Open { start: span.start, anchor: numbered(anchor), tag, body, total_before, height: 0 });
        Ok(())
    }

    fn end(&mut self, span: &Range<usize>) {
        let Some(Open { start, anchor, tag, body, total_before, height }) = self.open.pop() else {
            return;
        };
        if let Some(anchor) = anchor {
            self.weights.insert(anchor, (self.total - total_before, height + 1));
        }
        self.grow(height + 1);
        let kind = match body {
            Body::Mapping { entries, flow, .. } => Kind::Mapping { entries, flow },
            Body::Sequence { items, flow } => Kind::Sequence { items, flow },
        };
        let span = start..span.end;
        self.add(Node { span, anchor, tag, kind });
    }

    /// Adds a finished value to the innermost open collection, or to the documents.
    fn add(&mut self, node: Node) {
        match self.open.last_mut().map(|open| &mut open.body) {
            None => self.documents.push(node),
            Some(Body::Sequence { items, .. }) => items.push(node),
            Some(Body::Mapping { entries, key, .. }) => match key.take() {
                None => *key = Some(node),
                Some(key) => entries.push(Entry { key, value: node }),
            },
        }
    }

    /// Records how deep a value nests in the collection around it.
    fn grow(&mut self, height: usize) {
        if let Some(open) = self.open.last_mut() {
            open.height = open.height.max(height);
        }
    }

    fn too_deep(&self, offset: usize) -> Diagnostic {
        self.mistake(format!("values are nested too deep, expected at most {MAX_DEPTH} levels"), offset)
    }

    fn count(&mut self, weight: usize, span: &Range<usize>) -> Result<(), Diagnostic> {
        self.total = self.total.saturating_add(weight);
        if self.total > MAX_NODES {
            let message = format!("the file contains more than {MAX_NODES} values, counted with all aliases expanded");
            return Err(self.mistake(message, span.start));
        }
        Ok(())
    }

    fn mistake(&self, message: impl Into<String>, offset: usize) -> Diagnostic {
        Diagnostic::new(self.file, message).at(self.lines.position(offset))
    }

    fn syntax(&self, error: &ScanError) -> Diagnostic {
        let offset = error.marker().byte_offset().unwrap_or_default();
        let problem = error.info();
        match advice(&self.lines, offset, &problem) {
            Some(Advice { at, message, help }) => {
                self.mistake(format!("invalid YAML: {}", message.unwrap_or(&problem)), at).help(help)
            }
            None => self.mistake(format!("invalid YAML: {problem}"), offset),
        }
    }
}

/// The parser represents "no anchor" by zero.
fn numbered(anchor: usize) -> Option<usize> {
    (anchor != 0).then_some(anchor)
}

fn written(tag: Option<std::borrow::Cow<'_, Tag>>) -> Option<String> {
    tag.map(|tag| tag.original())
}
