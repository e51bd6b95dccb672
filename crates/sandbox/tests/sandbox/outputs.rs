//! Outputs are taken only if they are plain files of a bounded size. Whatever else a program leaves is refused and not followed.

use slipway_sandbox::Ended;

use crate::support::{Ran, SECRET, as_each_user};

#[test]
fn plain_files_are_taken_and_others_are_left() {
    as_each_user(|mut world| {
        world.outputs = vec!["model.bin".to_owned(), "out/predictions.csv".to_owned()];
        let Ran { ended, said } = world.run(
            r#"
os.mkdir("/slipway/output/out")
open("/slipway/output/model.bin", "wb").write(bytes(range(256)))
open("/slipway/output/out/predictions.csv", "w").write("row,prediction\n0,a\n")
open("/slipway/output/\x1b[31m\n..", "w").write("an odd name")
"#,
        );
        assert_eq!(ended, Ended::Exit { code: 0, refused: Vec::new() }, "{said}");
        assert_eq!(world.output(0), Some((0..=255).collect()));
        assert_eq!(world.output(1), Some(b"row,prediction\n0,a\n".to_vec()));
        assert_eq!(world.output(2), None);
    });
}

#[test]
fn links_devices_pipes_folders_and_giants_are_refused() {
    as_each_user(|mut world| {
        let state = world.path("state.txt").display().to_string();
        let cases = [
            (format!("os.symlink('{state}', o + '/x')"), "is reached by a link"),
            ("os.symlink('/etc/passwd', o + '/x')".to_owned(), "is reached by a link"),
            ("os.mkfifo(o + '/x')".to_owned(), "is a device, a pipe or a socket"),
            ("socket.socket(socket.AF_UNIX).bind(o + '/x')".to_owned(), "cannot be opened"),
            ("open(o + '/y', 'w').write('a'); os.link(o + '/y', o + '/x')".to_owned(), "has several names"),
            ("os.mkdir(o + '/x')".to_owned(), "is a folder"),
            (
                "os.truncate(os.open(o + '/x', os.O_CREAT | os.O_RDWR), 8 << 20); open(o + '/z', 'w').write('z')"
                    .to_owned(),
                "",
            ),
            ("pass".to_owned(), "does not exist"),
        ];
        world.outputs = vec!["x".to_owned()];
        for (action, expected) in &cases {
            let Ran { ended, said } = world.run(&format!("o = os.environ['SLIPWAY_OUTPUT']\n{action}"));
            let Ended::Exit { code: 0, refused } = ended else { panic!("{action}: {ended:?}: {said}") };
            if expected.is_empty() {
                assert_eq!(refused, Vec::<String>::new(), "{action}");
                continue;
            }
            assert!(refused.len() == 1 && refused[0].contains(expected), "{action}: {refused:?}");
            assert!(world.output(0).is_none_or(|taken| !String::from_utf8_lossy(&taken).contains(SECRET)), "{action}");
        }
        // A folder on the way that is a link, and outputs that are too large together.
        world.outputs = vec!["folder/x".to_owned()];
        let Ran { ended, .. } = world.run("os.symlink('/etc', '/slipway/output/folder')");
        assert!(
            matches!(&ended, Ended::Exit { refused, .. } if refused[0].contains("is reached by a link")),
            "{ended:?}"
        );
        world.outputs = vec!["x".to_owned(), "y".to_owned()];
        let holes = "[os.truncate(os.open('/slipway/output/' + n, os.O_CREAT | os.O_RDWR), 5 << 20) for n in 'xy']";
        let Ran { ended, .. } = world.run(holes);
        assert!(matches!(&ended, Ended::Exit { refused, .. } if refused[0].contains("expected at most")), "{ended:?}");
    });
}

#[test]
fn a_program_that_fails_or_does_not_exist_says_so() {
    as_each_user(|mut world| {
        world.outputs = vec!["x".to_owned()];
        let Ran { ended, said } = world.run("open('/slipway/output/x', 'w').write('x')\nsys.exit('no rows')");
        assert_eq!(ended, Ended::Exit { code: 1, refused: Vec::new() });
        assert!(said.contains("no rows") && world.output(0).is_none(), "{said}");
        let Ran { ended, .. } = world.run("os.kill(os.getpid(), signal.SIGSEGV)");
        assert_eq!(ended, Ended::Signal { signal: 11 });
    });
}
