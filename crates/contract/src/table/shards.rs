//! Globs of the files of one table: `*` and `?` in a file's name.

/// Whether a path is a glob of several files.
pub fn is_glob(path: &str) -> bool {
    path.contains(['*', '?'])
}

/// Whether a glob matches a path. `*` stands for any characters of the file's name and `?` for one. A name that begins with a dot
/// is matched only by a dot, as in a shell.
pub fn glob_matches(glob: &str, path: &str) -> bool {
    let split = |path: &str| match path.rsplit_once('/') {
        Some((folder, name)) => (folder.to_owned(), name.to_owned()),
        None => (String::new(), path.to_owned()),
    };
    let ((folder, pattern), (path_folder, name)) = (split(glob), split(path));
    let is_hidden = name.starts_with('.') && !pattern.starts_with('.');
    folder == path_folder && !is_hidden && matches(&pattern, &name)
}

/// Whether a pattern matches a name. The time is at most the product of both lengths.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut place) = (0, 0);
    // Where the last star is, and the place in the name up to which it reaches.
    let mut star = None;
    while place < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(character) if *character == '?' || *character == name[place] => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((star_at, reached)) = star else { return false };
                star = Some((star_at, reached + 1));
                at = star_at + 1;
                place = reached + 1;
            }
        }
    }
    pattern[at..].iter().all(|character| *character == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_matches_names_in_its_folder_alone() {
        for (glob, path, expected) in [
            ("data/part-*.csv", "data/part-01.csv", true),
            ("data/part-*.csv", "data/part-.csv", true),
            ("data/part-*.csv", "data/more/part-01.csv", false),
            ("data/part-*.csv", "data/part-01.csv.gz", false),
            ("data/part-?.csv", "data/part-é.csv", true),
            ("data/part-?.csv", "data/part-10.csv", false),
            ("*.csv", ".hidden.csv", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxbxxa", false),
            ("train.csv", "train.csv", true),
        ] {
            assert_eq!(glob_matches(glob, path), expected, "{glob} {path}");
        }
        assert!(!glob_matches(&"*a".repeat(50), &"a".repeat(40)), "and it ends");
        assert!(is_glob("a*.csv") && is_glob("a?.csv") && !is_glob("a[1].csv"));
    }
}
