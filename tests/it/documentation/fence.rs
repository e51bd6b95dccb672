//! The fenced blocks of a page.

use super::read;

/// A fenced block, without its fences and without their indentation.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) page: String,
    /// The line of its first fence, from 1.
    pub(crate) line: usize,
    /// The word behind the first fence.
    pub(crate) language: String,
    pub(crate) lines: Vec<String>,
    /// Whether it stands between the marks of a generated part; see `is_current`.
    pub(crate) is_generated: bool,
}

impl Block {
    /// Its text, with a newline behind every line.
    pub(crate) fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }

    /// What names it in its page.
    pub(crate) fn first_line(&self) -> &str {
        self.lines.first().map_or("", |line| line)
    }

    /// The place for messages.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}: the block `{}`", self.page, self.line, self.first_line())
    }
}

/// All fenced blocks of a page, in their order.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    blocks_of(page, &read(page))
}

fn blocks_of(page: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(Block, usize)> = None;
    let mut is_generated = false;
    for (index, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let fence = line.trim_start().strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(language)) => {
                let language = language.trim().to_owned();
                let block = Block { page: page.to_owned(), line: index + 1, language, lines: Vec::new(), is_generated };
                open = Some((block, indent));
            }
            (Some(_), Some("")) => blocks.extend(open.take().map(|(block, _)| block)),
            (Some((block, indent)), _) => {
                let kept = line.get(*indent..).filter(|_| line[..*indent].trim().is_empty());
                block.lines.push(kept.unwrap_or(line.trim_start()).to_owned());
            }
            (None, None) if line.starts_with("<!-- ") => is_generated = line.ends_with(": begin -->"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{page}: a block is not closed");
    blocks
}

/// The commands of a console block, each with the lines that are shown below it.
pub(crate) fn commands(block: &Block) -> Vec<(String, Vec<String>)> {
    let mut commands: Vec<(String, Vec<String>)> = Vec::new();
    for line in &block.lines {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_owned(), Vec::new())),
            (None, Some((_, shown))) => shown.push(line.clone()),
            (None, None) => panic!("{} does not begin with a command", block.place()),
        }
    }
    commands
}

#[test]
fn blocks_lose_their_fences_and_their_indentation_and_nothing_else() {
    let text = "a\n```console\n$ b\nc\n\n  d\n```\n<!-- x: begin -->\n   ```yaml\n   a:\n     b: 1\n\n   ```\n<!-- x: end -->\n```\n```";
    let [console, yaml, empty] = &blocks_of("p", text)[..] else { panic!("three blocks") };
    assert_eq!((console.line, &*console.language, console.is_generated), (2, "console", false));
    assert_eq!(commands(console), [("$ b"[2..].to_owned(), vec!["c".to_owned(), String::new(), "  d".to_owned()])]);
    assert_eq!((yaml.text(), yaml.is_generated), ("a:\n  b: 1\n\n".to_owned(), true));
    assert_eq!((empty.lines.len(), &*empty.language, empty.is_generated), (0, "", false));
}
