//! Many people in and out of a gallery: every format, refusals by line, and going on after a kill.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::cli::{Scratch, verisim};
use crate::doctor::{DIGEST, line};
use crate::flow::{Trained, text};

/// A gallery of everybody in these lines.
fn filled(scratch: &Scratch, name: &str, lines: &str) -> String {
    let file = scratch.write(&format!("{name}.ndjson"), lines);
    let g = text(&scratch.path(name)).to_owned();
    verisim(["gallery", "import", &g, text(&file), "--model-digest", DIGEST]).ok();
    g
}

/// People of two pictures each, a right angle apart.
fn people(n: usize) -> String {
    let angle = |idx: usize| (idx / 2) as f64 * 360.0 / n as f64 + 90.0 * (idx % 2) as f64;
    (0..n).map(|idx| line(&format!("p{}", idx / 2), &format!("{idx}.jpg"), angle(idx))).collect()
}

/// All that an export says, without ids, which are drawn anew.
fn exported(scratch: &Scratch, g: &str, name: &str) -> Vec<Value> {
    let file = scratch.path(name);
    verisim(["gallery", "export", g, text(&file)]).ok();
    let lines = fs::read_to_string(&file).unwrap();
    let mut lines: Vec<Value> = lines.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    for line in &mut lines {
        let line = line.as_object_mut().unwrap();
        line.remove("template").unwrap();
        line.remove("enrolled_at").unwrap();
    }
    lines.sort_by_key(|it| it["label"].to_string());
    lines
}

#[test]
fn what_is_exported_is_imported_the_same_in_every_format() {
    let scratch = Scratch::new();
    let external =
        r#"{"name":"Zoe","external_id":"7","label":"z","quality":80,"embedding":[0.6,-0.8]}"#;
    let g = filled(&scratch, "g", &(people(40) + external));
    let expected = exported(&scratch, &g, "all.ndjson");
    assert_eq!(expected.len(), 41);
    for ending in ["ndjson", "npy", "parquet"] {
        let (file, to) = (scratch.path(&format!("out.{ending}")), scratch.path(ending));
        let said = verisim(["gallery", "export", &g, text(&file)]);
        assert!(said.stderr.contains("warning: embeddings are biometric data"), "{}", said.stderr);
        let mut import =
            vec!["gallery", "import", text(&to), text(&file), "--model-digest", DIGEST];
        let names = scratch.path("out.names.csv");
        if ending == "npy" {
            import.extend(["--names", text(&names)]);
        }
        verisim(import).ok();
        assert_eq!(
            exported(&scratch, text(&to), &format!("{ending}.ndjson")),
            expected,
            "{ending}"
        );
        assert_eq!(verisim(["gallery", "export", &g, text(&file)]).status, 2, "never replaced");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
    let log = verisim(["audit", "show", &g]).ok();
    assert_eq!(log.matches("\"action\":\"exported\"").count(), 4, "{log}");
}

#[test]
fn refused_rows_are_named_and_the_others_are_enrolled() {
    let scratch = Scratch::new();
    let lines = [
        line("Ann", "1", 0.0),
        "nonsense\n".to_owned(),
        line("Bob", "2", 90.0).replace('[', "[1.0,"),
        line(" Cy", "3", 180.0),
        "{\"name\":\"Dee\",\"embedding\":[0,0]}\n".to_owned(),
        line("Eve", "5", 270.0),
    ];
    let file = scratch.write("people.ndjson", lines.concat());
    let (g, errors) = (scratch.path("g"), scratch.path("errors.csv"));
    let asked = ["gallery", "import", text(&g), text(&file), "--model-digest", DIGEST, "--errors"];
    let ran = verisim(asked.iter().chain(&[text(&errors)]));
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("4 of 6 rows were not enrolled"), "{}", ran.stderr);
    assert_eq!(verisim(["gallery", "list", text(&g)]).ok(), "Ann\t1\nEve\t1\n");
    let errors = fs::read_to_string(errors).unwrap();
    for part in [
        "place,name,reason\n",
        "line 2,,no JSON",
        "line 3,Bob,\"its embedding has 3 components, but those of the gallery 2\"",
        "line 4, Cy,",
        "line 5,Dee,",
    ] {
        assert!(errors.contains(part), "{part} in\n{errors}");
    }
}

#[test]
fn pictures_of_a_list_are_embedded_once() {
    let (scratch, trained) = (Scratch::new(), Trained::get());
    let picture = |person, number, name: &str| {
        scratch.write(name, fs::read(trained.face(person, number)).unwrap());
    };
    picture(1, 1, "in/ada/1.png");
    picture(1, 2, "in/ada/2.png");
    picture(2, 1, "in/bob.png");
    let list =
        "name,external_id,path\nAda,E-1,ada/1.png\nAda,,ada/2.png\nBob,E-2,bob.png\nCy,,cy.png\n";
    let list = scratch.write("in/people.csv", list);
    let (g, model) = (scratch.path("g"), trained.model());
    let asked = ["gallery", "import", text(&g), text(&list), "--model", text(&model), "--json"];
    let first = verisim(asked);
    assert_eq!(first.status, 2);
    assert!(first.stderr.contains("line 5 (Cy): cannot read"), "{}", first.stderr);
    let said: Value = serde_json::from_str(&first.stdout).unwrap();
    assert_eq!((&said["templates_added"], &said["refused"]), (&3.into(), &1.into()));
    // The gallery remembers the model.
    let again = verisim(["gallery", "import", text(&g), text(&list), "--json"]);
    let said: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!((&said["templates_added"], &said["already_there"]), (&0.into(), &3.into()));
    let listed = verisim(["gallery", "list", text(&g), "--json"]).ok();
    assert!(listed.contains("\"external_id\":\"E-1\"") && listed.contains("\"identity\":\"Bob\""));
}

#[test]
fn files_that_do_not_fit_are_refused() {
    let scratch = Scratch::new();
    let g = filled(&scratch, "g", &people(4));
    let n = |name: &str| text(&scratch.path(name)).to_owned();
    scratch.write("names.txt", "Ann\nBob\n");
    scratch.write("a.zip", "");
    scratch.write("a.ndjson", line("Ann", "1", 1.0));
    verisim(["gallery", "export", &g, &n("e.npy")]).ok();
    for (arguments, said) in [
        (vec![n("a.zip")], "is no file of many faces"),
        (vec![n("missing.csv")], "cannot read"),
        (vec![n("e.npy")], "say whose they are with --names"),
        (vec![n("e.npy"), "--names".to_owned(), n("names.txt")], "names 2 people, but"),
        (vec![n("a.ndjson"), "--names".to_owned(), n("names.txt")], "names its people itself"),
        (
            vec![n("a.ndjson"), "--model-digest".to_owned(), DIGEST.replace('1', "2")],
            "different models",
        ),
    ] {
        let asked =
            ["gallery", "import", &g].into_iter().chain(arguments.iter().map(String::as_str));
        let ran = verisim(asked);
        assert_eq!(ran.status, 2, "{said}");
        assert!(ran.stderr.contains(said), "{said} in {}", ran.stderr);
    }
    let new = verisim(["gallery", "import", &n("new"), &n("a.ndjson")]);
    assert!(new.stderr.contains("--model or --model-digest"), "{}", new.stderr);
}

#[test]
fn an_import_that_was_killed_goes_on_and_enrolls_nothing_twice() {
    let scratch = Scratch::new();
    let lines = people(3000);
    let file = scratch.write("people.ndjson", &lines);
    let g = scratch.path("killed");
    let asked =
        ["gallery", "import", text(&g), text(&file), "--model-digest", DIGEST, "--batch", "20"];
    let mut delay = 30;
    let mut n_killed = 0;
    loop {
        let mut command = Command::new(env!("CARGO_BIN_EXE_verisim"));
        let mut child = command.args(asked).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            break;
        }
        n_killed += 1;
        delay += delay / 3;
    }
    assert!(n_killed >= 2, "it was killed {n_killed} times");
    let again = verisim(asked).ok();
    assert!(again.starts_with("enrolled 0 new templates of 3000 rows (3000 were there"), "{again}");
    verisim(["gallery", "check", text(&g)]).ok();
    let whole = filled(&scratch, "whole", &lines);
    let [killed, whole] = [text(&g), &whole].map(|g| verisim(["gallery", "list", g]).ok());
    assert!(killed == whole && killed.lines().count() == 1500);
}
