//! Edits that name their place: what is said of them, and that several are one.

use crate::manifest::{Edit, FileEdits, Mark, NotAMark, NotASelector, Place, Refusal, Selector, edit, edit_all};

fn at(path: &str, value: &str) -> Edit {
    Edit {
        selector: Selector::default(),
        place: Place::Path(path.parse().unwrap()),
        value: value.to_owned(),
        create: false,
    }
}

fn file(name: &str, content: &str, edits: Vec<Edit>) -> FileEdits {
    FileEdits { file: name.to_owned(), content: content.as_bytes().to_vec(), edits }
}

#[test]
fn several_edits_of_several_files_are_one_tree() {
    let files = [
        file("a.yaml", "x: 'old' # one\ny: {z: old}\n", vec![at("x", "new"), at("y.z", "new")]),
        file("same.yaml", "x: new\n", vec![at("x", "new")]),
        file("b.yaml", "x: old\n", vec![Edit { create: true, ..at("w", "1") }, at("x", "new"), at("w", "2")]),
    ];
    let changed: Vec<(String, String)> =
        edit_all(&files).unwrap().into_iter().map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap())).collect();
    let expected = [("a.yaml", "x: 'new' # one\ny: {z: new}\n"), ("b.yaml", "x: new\nw: \"2\"\n")];
    assert_eq!(changed, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
}

#[test]
fn one_refused_edit_refuses_all_files() {
    let files = [
        file("a.yaml", "x: old\n", vec![at("x", "new")]),
        file("b.yaml", "x: old\n", vec![at("x", "new"), at("nothing", "new")]),
    ];
    let refusal = edit_all(&files).unwrap_err();
    assert!(matches!(refusal, Refusal::Missing(_)), "{refusal}");
    assert!(refusal.to_string().starts_with("b.yaml:1:1: "), "{refusal}");
}

#[test]
fn a_change_says_where_and_what() {
    let edited = edit("app.yaml", "ü: {b: 'it''s'}\n".as_bytes(), &at("ü.b", "new")).unwrap();
    let [change] = &edited.changes[..] else { panic!("one change, came {:?}", edited.changes) };
    assert_eq!((change.position.line, change.position.column), (1, 8));
    assert_eq!((change.place.to_string().as_str(), change.old.as_deref(), &*change.new), ("ü.b", Some("it's"), "new"));
    let edited = edit("app.yaml", b"a: b\n", &Edit { create: true, ..at("c", "new") }).unwrap();
    let [change] = &edited.changes[..] else { panic!("one change, came {:?}", edited.changes) };
    assert_eq!((change.position.line, change.old.as_deref(), &*change.new), (2, None, "new"));
}

#[test]
fn selectors_and_marks_are_read_strictly() {
    let selector: Selector = "kind=Deployment, name=api".parse().unwrap();
    assert_eq!(selector.to_string(), "kind=Deployment,name=api");
    let refused = |text: &str| text.parse::<Selector>().map_err(|error: NotASelector| error.to_string()).unwrap_err();
    assert_eq!(
        refused("kid=x"),
        "`kid=x` is not a selector: expected `apiVersion`, `kind`, `name` or `namespace`, as in `kind=Deployment,name=api`"
    );
    for (text, problem) in [
        ("kind", "expected `PROPERTY=VALUE`"),
        ("kind=", "a value after each `=`"),
        ("kind=a,kind=b", "each property once"),
    ] {
        assert!(refused(text).contains(problem), "{text}");
    }
    assert_eq!("fashion:digest".parse::<Mark>().unwrap().to_string(), "fashion:digest");
    let unknown = "fashion:tag".parse::<Mark>().unwrap_err();
    assert_eq!(unknown.to_string(), "unknown field `tag`, expected one of `uri`, `digest`, `version`, `run`");
    assert!(matches!("fashion".parse::<Mark>(), Err(NotAMark::Malformed(_))));
}

#[test]
fn hostile_files_are_refused_by_name() {
    assert!(matches!(edit("app.yaml", b"a: \xff\n", &at("a", "x")), Err(Refusal::NotUtf8(_))));
    let long = format!("a: x\n#{}", "x".repeat(1024 * 1024));
    assert!(matches!(edit("app.yaml", long.as_bytes(), &at("a", "x")), Err(Refusal::TooLarge(_))));
    let bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned()
        + &(b'b'..b'h').map(char::from).fold(String::new(), |text, key| {
            let before = char::from(key as u8 - 1);
            text + &format!("{key}: &{key} [{}]\n", vec![format!("*{before}"); 10].join(", "))
        });
    assert!(matches!(edit("app.yaml", bomb.as_bytes(), &at("a", "x")), Err(Refusal::InvalidYaml(_))));
}
