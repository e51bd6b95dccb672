//! Edits that name their place: what is said of them, and that several are one.

use crate::tests::values;
use crate::{Edit, FileEdits, Mark, NotAMark, NotASelector, Place, Refusal, Selector, edit, edit_all, set};

fn at(path: &str, value: &str) -> Edit {
    Edit {
        selector: Selector::default(),
        place: Place::Path(path.parse().unwrap()),
        value: value.to_owned(),
        create: false,
        text: false,
        anchored: false,
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
    let expected = [("a.yaml", "x: 'new' # one\ny: {z: new}\n"), ("b.yaml", "x: new\nw: 2\n")];
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

#[test]
fn a_truth_value_takes_another_one_and_nothing_else() {
    let change = |content: &str, value: &str| {
        let edited = edit("app.yaml", content.as_bytes(), &at("on", value));
        edited.map(|edited| String::from_utf8(edited.content.into_owned()).unwrap()).map_err(|error| error.to_string())
    };
    for (old, new) in [
        ("true", "false"),
        ("True", "false"),
        ("TRUE", "false"),
        ("False", "true"),
        ("true", "False"),
        ("yes", "no"),
        ("no", "yes"),
        ("Yes", "no"),
        ("on", "off"),
        ("off", "on"),
        ("OFF", "On"),
        ("yes", "off"),
        ("y", "n"),
        ("N", "y"),
    ] {
        assert_eq!(change(&format!("on: {old} # x\n"), new).unwrap(), format!("on: {new} # x\n"), "{old}");
    }
    for (old, new) in [("true", "no"), ("True", "yes"), ("true", "\"false\""), ("true", "1"), ("false", "tRue")] {
        let refused = change(&format!("on: {old}\n"), new).unwrap_err();
        assert!(refused.contains("this value is a truth value without quotes"), "{refused}");
        assert!(refused.contains("write `true` or `false`"), "{refused}");
    }
    for (old, new) in [("yes", "false"), ("on", "true"), ("no", "n"), ("off", "0")] {
        let refused = change(&format!("on: {old}\n"), new).unwrap_err();
        let expected = format!("`{old}` is a truth value to readers of YAML 1.1 and a text to all others, and");
        assert!(refused.contains(&expected) && refused.contains("write `yes`, `no`, `on` or `off`"), "{refused}");
    }
    let refused = change("on: y\n", "no").unwrap_err();
    assert!(refused.contains("some readers of YAML 1.1") && refused.contains("write `y` or `n`"), "{refused}");
}

#[test]
fn an_item_is_found_by_any_key_of_it() {
    let content = b"items:\n- {id: a, v: one}\n- id: b.c\n  v: two\n- v: none\n";
    let changed = |path: &str| {
        let edited = edit("app.yaml", content, &at(path, "new"));
        edited.map(|edited| String::from_utf8(edited.content.into_owned()).unwrap()).map_err(|error| error.to_string())
    };
    assert!(changed("items[id=a].v").unwrap().contains("{id: a, v: new}"));
    for path in ["items[\"id\"=\"b.c\"].v", "items[\"id\"=b.c].v", "items[id=b.c].v"] {
        assert!(changed(path).unwrap().contains("id: b.c\n  v: new"), "{path}");
    }
    assert!(changed("items[id=\"b.c\"].v").unwrap().contains("id: b.c\n  v: new"));
    let missing = changed("items[id=z].v").unwrap_err();
    assert!(missing.contains("no item whose `id` is `z`, it holds `a`, `b.c`"), "{missing}");
}

#[test]
fn an_anchored_value_changes_for_all_its_aliases_when_that_is_asked_for() {
    let content = b"base: &base\n  tag: &tag 1.0.0 # x\nweb: {image: *tag}\nworker:\n  <<: *base\n";
    let wanted = at("base.tag", "2.0.0");
    let refused = edit("app.yaml", content, &wanted).unwrap_err().to_string();
    assert!(refused.contains("`--anchored`"), "{refused}");
    let edited = edit("app.yaml", content, &Edit { anchored: true, ..wanted }).unwrap();
    assert_eq!(&*edited.content, b"base: &base\n  tag: &tag 2.0.0 # x\nweb: {image: *tag}\nworker:\n  <<: *base\n");
    // An alias itself is no place to write to.
    for path in ["web.image", "worker.<<.tag"] {
        let refused = edit("app.yaml", content, &Edit { anchored: true, ..at(path, "2.0.0") }).unwrap_err().to_string();
        let line = if path == "web.image" { 2 } else { 1 };
        assert!(refused.contains(&format!("its anchor on line {line}")), "{refused}");
        assert!(refused.contains("with `--anchored`"), "{refused}");
    }
    let added = edit("app.yaml", content, &Edit { anchored: true, create: true, ..at("base.new", "x") }).unwrap();
    let expected = "base: &base\n  tag: &tag 1.0.0 # x\n  new: x\nweb: {image: *tag}\nworker:\n  <<: *base\n";
    assert_eq!(String::from_utf8_lossy(&added.content), expected);
}

#[test]
fn a_marked_value_changes_for_all_its_aliases_when_that_is_asked_for() {
    let content = b"tag: &tag old # {\"slipway\": \"fashion:version\"}\nimage: *tag\n";
    let wanted = Edit { place: Place::Mark("fashion:version".parse().unwrap()), ..at("x", "v2") };
    let refused = edit("app.yaml", content, &wanted).unwrap_err().to_string();
    assert!(refused.contains("change it for all with `--anchored`"), "{refused}");
    let edited = edit("app.yaml", content, &Edit { anchored: true, ..wanted }).unwrap();
    let expected = "tag: &tag v2 # {\"slipway\": \"fashion:version\"}\nimage: *tag\n";
    assert_eq!(String::from_utf8_lossy(&edited.content), expected);
    // A promotion asks nobody, and is not told of an option that it has not.
    let refused = set("app.yaml", content, "fashion", &values()).unwrap_err().to_string();
    assert!(
        !refused.contains("--anchored") && refused.contains("a promotion changes marked places alone"),
        "{refused}"
    );
}

#[test]
fn a_file_without_values_gets_its_first_one_where_that_is_asked_for() {
    let create = |content: &str, path: &str| {
        let edited = edit("app.yaml", content.as_bytes(), &Edit { create: true, ..at(path, "1.10") });
        edited.map(|edited| String::from_utf8(edited.content.into_owned()).unwrap()).map_err(|error| error.to_string())
    };
    assert_eq!(create("", "image.tag").unwrap(), "image:\n  tag: \"1.10\"\n");
    assert_eq!(create("# only this", "a").unwrap(), "# only this\na: \"1.10\"\n");
    assert_eq!(create("# one\r\n---\r\n", "a.b").unwrap(), "# one\r\n---\r\na:\r\n  b: \"1.10\"\r\n");
    assert!(edit("app.yaml", b"", &at("a", "1")).is_err(), "only where it is asked for");
    for (content, expected) in [
        ("# c\n", "# c\na: \"1.10\"\n"),
        ("---\n", "---\na: \"1.10\"\n"),
        ("---", "---\na: \"1.10\"\n"),
        ("...\n", "a: \"1.10\"\n...\n"),
        ("# c\n---\n...\n", "# c\n---\na: \"1.10\"\n...\n"),
        ("---\n# c\n...\n# d\n", "---\n# c\na: \"1.10\"\n...\n# d\n"),
        ("# c\r\n---\r\n...\r\n", "# c\r\n---\r\na: \"1.10\"\r\n...\r\n"),
        ("\u{feff}", "\u{feff}a: \"1.10\"\n"),
        ("\n\n", "\n\na: \"1.10\"\n"),
    ] {
        assert_eq!(create(content, "a").as_deref(), Ok(expected), "{content:?}");
    }
    let place = edit("app.yaml", b"# c\n---\n...\n", &Edit { create: true, ..at("a.b", "x") }).unwrap();
    assert_eq!(place.changes[0].position.line, 3);
    for (content, path, said) in [
        ("", "a[0]", "the file holds no values, and items of lists are not created"),
        ("# c\n", "items[name=x].v", "write the list by hand first"),
        ("a: !!str\n", "a.b", "`a` is empty, expected a mapping with the key `b`"),
        ("a:\n", "a.b[0]", "list items below a new key are not created"),
        ("a:\n", "a[0]", "write the list there by hand first"),
        ("a: ~\n", "a[x=y].b", "write the list there by hand first"),
    ] {
        let refused = create(content, path).unwrap_err();
        assert!(refused.contains(said), "{content:?} {path}: {refused}");
    }
    assert_eq!(create("a:\n", "b").unwrap(), "a:\nb: \"1.10\"\n");
    let select = Edit { create: true, selector: "kind=X".parse().unwrap(), ..at("a", "1") };
    let refused = edit("app.yaml", b"", &select).unwrap_err().to_string();
    assert!(refused.contains("added with `--create`, and without `--select`"), "{refused}");
    assert!(create("---\n---\n", "a").is_err(), "in which of the two?");
}

#[test]
fn a_null_is_the_place_of_a_first_value_where_that_is_asked_for() {
    let create = |content: &str, path: &str| {
        let edited = edit("app.yaml", content.as_bytes(), &Edit { create: true, ..at(path, "3") });
        edited.map(|edited| String::from_utf8(edited.content.into_owned()).unwrap()).map_err(|error| error.to_string())
    };
    for (content, path, expected) in [
        ("a:\nb: 1\n", "a.c", "a:\n  c: 3\nb: 1\n"),
        ("a:", "a.c", "a:\n  c: 3"),
        ("a: # why\n  # c: 2\nb: 1\n", "a.c", "a: # why\n  c: 3\n  # c: 2\nb: 1\n"),
        ("a:   \r\nb: 1\r\n", "a.c.d", "a:   \r\n  c:\r\n    d: 3\r\nb: 1\r\n"),
        ("a: null\nb: 1\n", "a.c", "a:\n  c: 3\nb: 1\n"),
        ("a: ~\n", "a.c.d", "a:\n  c:\n    d: 3\n"),
        ("a: null # why\n", "a.c.d", "a: {c: {d: 3}} # why\n"),
        ("x:\n  a:\n  b: 1\n", "x.a.c", "x:\n  a:\n    c: 3\n  b: 1\n"),
        ("- n: x\n  a:\n- n: y\n", "[n=x].a.c", "- n: x\n  a:\n    c: 3\n- n: y\n"),
        ("- a:\n  n: x\n", "[0].a.c", "- a:\n    c: 3\n  n: x\n"),
        ("x: {a: null, b: 1}\n", "x.a.c", "x: {a: {c: 3}, b: 1}\n"),
        ("x: {b: 1, a: }\n", "x.a.c", "x: {b: 1, a: {c: 3} }\n"),
        ("{\"a\": null}\n", "a.c.d", "{\"a\": {\"c\": {\"d\": 3}}}\n"),
        ("- null\n", "[0].c", "- {c: 3}\n"),
        ("null\n", "a", "a: 3\n"),
        ("---\n~\n", "a.b", "---\na:\n  b: 3\n"),
        ("--- null\n", "a", "---\na: 3\n"),
        ("a:\n", "a", "a: 3\n"),
        ("a: # why\n", "a", "a: 3 # why\n"),
        ("a: null # why\n", "a", "a: 3 # why\n"),
        ("{\"a\": null}\n", "a", "{\"a\": 3}\n"),
    ] {
        assert_eq!(create(content, path).as_deref(), Ok(expected), "{content:?} {path}");
        assert_eq!(create(expected, path).as_deref(), Ok(expected), "a second edit changes nothing");
    }
    for (content, path, said) in [
        ("a: &x\nb: *x\n", "a.c", "is used elsewhere through an alias"),
        ("a: &x\nb: 1\n", "a.c", "what stands in its place has an anchor"),
        ("a:\na: 1\n", "a.c", "duplicate key `a`"),
    ] {
        let refused = create(content, path).unwrap_err();
        assert!(refused.contains(said), "{content:?} {path}: {refused}");
    }
    let refused = edit("app.yaml", b"a:\n", &at("a.c", "3")).unwrap_err().to_string();
    assert!(refused.contains("there is no key `c` here") && refused.contains("`--create`"), "{refused}");
    let refused = edit("app.yaml", b"a:\n", &at("a", "3")).unwrap_err().to_string();
    assert!(refused.contains("give it its first value with `--create`"), "{refused}");
    let text = edit("app.json", b"{\"a\": null}\n", &Edit { create: true, ..at("a", "v1") }).unwrap();
    assert_eq!(&*text.content, b"{\"a\": \"v1\"}\n");
    let change = &edit("app.yaml", b"a: ~\n", &Edit { create: true, ..at("a.c", "3") }).unwrap().changes[0];
    assert_eq!((change.position.line, change.position.column, change.old.as_deref()), (1, 4, Some("~")));
}
