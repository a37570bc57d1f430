//! Bad input is normal input: each case is a sentence that says what and where, and an exit status.

use std::fs;
use std::path::Path;
use std::process::Command;

use verisim_face::Picture;
use verisim_face::image::{encode_jpeg, encode_png};

use crate::cli::{Scratch, ran, shared, verisim};
use crate::flow::{Trained, text};

/// One wrong command: what is typed, and what standard error must say.
struct Case<'a> {
    what: &'a str,
    arguments: Vec<&'a str>,
    says: &'a [&'a str],
}

#[track_caller]
fn check(cases: &[Case]) {
    let mut wrong = Vec::new();
    for Case { what, arguments, says } in cases {
        let ran = verisim(arguments);
        let is_said = says.iter().all(|it| ran.stderr.contains(it));
        let panicked = ran.stderr.contains("panicked");
        if ran.status != 2 || !is_said || panicked {
            let said = ran.stderr;
            wrong.push(format!("{what}: status {}, expected {says:?}, said:\n{said}", ran.status));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A PNG whose header promises 60,000 x 60,000 pixels.
fn bomb() -> Vec<u8> {
    let mut png = encode_png(&Picture::new(2, 2, vec![0; 12])).unwrap();
    png[16..24].copy_from_slice(&[0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60]);
    let crc = !png[12..29].iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    });
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    png
}

#[test]
fn pictures_that_cannot_be_used_are_named_with_the_reason() {
    let trained = Trained::get();
    let scratch = Scratch::new();
    let jpeg = encode_jpeg(&Picture::new(64, 64, vec![120; 3 * 64 * 64]), 90).unwrap();
    let letter = scratch.write("letter.jpg", "Dear Sir or Madam");
    let cut = scratch.write("cut.jpg", &jpeg[..200]);
    let bomb = scratch.write("bomb.png", bomb());
    let empty = scratch.write("empty.jpg", "");
    let missing = scratch.path("missing.jpg");
    let (model, good) = (trained.model(), trained.face(1, 1));
    let verify =
        |probe| vec!["verify", "--model", text(&model), text(&good), probe, "--threshold", "0.5"];
    check(&[
        Case {
            what: "a text",
            arguments: verify(text(&letter)),
            says: &["letter.jpg", "no picture of a known format"],
        },
        Case {
            what: "a cut JPEG",
            arguments: verify(text(&cut)),
            says: &["cut.jpg", "JPEG file is damaged or cut off"],
        },
        Case {
            what: "a bomb",
            arguments: verify(text(&bomb)),
            says: &["bomb.png", "60000 x 60000 pixels, but at most 40000000"],
        },
        Case { what: "nothing", arguments: verify(text(&empty)), says: &["empty.jpg", "empty"] },
        Case {
            what: "no file",
            arguments: verify(text(&missing)),
            says: &["cannot read", "missing.jpg"],
        },
    ]);
}

#[test]
fn pictures_of_every_kind_are_used() {
    let trained = Trained::get();
    let scratch = Scratch::new();
    let model = trained.model();
    for (name, bytes) in pictures_of_every_kind() {
        let picture = scratch.write(name, bytes);
        let printed = verisim(["embed", "--model", text(&model), text(&picture)]).ok();
        assert!(printed.contains("\"embedding\":["), "{name}: {printed}");
    }
}

/// Gray, 16 bits, transparent and CMYK, as small files made by hand or by the encoders.
fn pictures_of_every_kind() -> Vec<(&'static str, Vec<u8>)> {
    let gray: Vec<u8> = b"P5 8 8 255\n".iter().copied().chain((0..64).map(|it| it * 3)).collect();
    let deep: Vec<u8> =
        b"P5 8 8 65535\n".iter().copied().chain((0..128).map(|it| it * 2)).collect();
    vec![
        ("gray.pgm", gray),
        ("deep.pgm", deep),
        ("alpha.png", include_bytes!("data/alpha.png").to_vec()),
        ("deep.png", include_bytes!("data/gray16.png").to_vec()),
        ("cmyk.jpg.bin", include_bytes!("data/cmyk.bin").to_vec()),
    ]
}

#[test]
fn folders_that_cannot_be_used_are_named_with_what_was_expected() {
    let trained = Trained::get();
    let scratch = Scratch::new();
    let empty = scratch.path("empty");
    fs::create_dir(&empty).unwrap();
    let face = fs::read(trained.face(1, 1)).unwrap();
    for number in 1..4 {
        scratch.write(&format!("one/Ann/{number}.png"), &face);
    }
    let one = scratch.path("one");
    scratch.write("mixed/Ann/1.jpg", "no picture");
    scratch.write("mixed/Ann/2.png", &face);
    scratch.write("mixed/Bob/1.png", &face);
    let mixed = scratch.path("mixed");
    let missing = scratch.path("missing");
    let (model, gallery, out) = (trained.model(), scratch.path("g"), scratch.path("run"));
    let recipe = trained.run().join("recipe.toml");
    let train = |data| vec!["train", text(&recipe), "--data", data, "--out", text(&out)];
    let evaluate = |data| vec!["evaluate", text(&model), "--data", data];
    let enroll = |data| vec!["enroll", "--gallery", text(&gallery), "--model", text(&model), data];
    let expected = "one folder for each identity is expected: NAME/1.jpg";
    check(&[
        Case { what: "train, empty", arguments: train(text(&empty)), says: &["empty", expected] },
        Case { what: "evaluate, empty", arguments: evaluate(text(&empty)), says: &[expected] },
        Case { what: "enroll, empty", arguments: enroll(text(&empty)), says: &[expected] },
        Case {
            what: "train, missing",
            arguments: train(text(&missing)),
            says: &["cannot read", "missing"],
        },
        Case {
            what: "train, one identity",
            arguments: train(text(&one)),
            says: &[
                "validation and test ask for 8 identities with two images or more, but there are 1",
            ],
        },
        Case {
            what: "evaluate, one identity",
            arguments: evaluate(text(&one)),
            says: &["must be non-mated"],
        },
        Case {
            what: "train, a text among pictures",
            arguments: train(text(&mixed)),
            says: &["1 of 3 pictures cannot be read", "1.jpg", "--skip-unreadable"],
        },
    ]);
    assert!(!out.exists(), "a run was begun");
    assert!(!gallery.exists(), "a gallery was begun");
}

#[test]
fn models_and_recipes_that_cannot_be_used_are_named() {
    let trained = Trained::get();
    let scratch = Scratch::new();
    let (faces, good, out) = (trained.faces(), trained.face(1, 1), scratch.path("run"));
    let text_model = scratch.write("text.onnx", "this is no model");
    let bare = scratch.write("bare.onnx", fs::read(trained.model()).unwrap());
    let other_card = scratch.write(
        "other.toml",
        "name = 'x'\nlicense = 'x'\nembedding_dim = 32\n[input]\nwidth = 112\nheight = 112\n\
         channels = 'RGB'\nmean = [0, 0, 0]\nstd = [1, 1, 1]\n",
    );
    let typo = fs::read_to_string(trained.run().join("recipe.toml")).unwrap();
    let typo = scratch.write("typo.toml", typo.replace("epochs = 3", "epoch = 3"));
    let broken = scratch.write("broken.toml", "name = ");
    let verify = |model| vec!["embed", "--model", model, text(&good)];
    let train = |recipe| vec!["train", recipe, "--data", text(&faces), "--out", text(&out)];
    check(&[
        Case {
            what: "a text as a model",
            arguments: verify(text(&text_model)),
            says: &["text.onnx", "no ONNX model that can be run"],
        },
        Case {
            what: "the card of another model",
            arguments: vec![
                "embed",
                "--model",
                text(&bare),
                "--card",
                text(&other_card),
                text(&good),
            ],
            says: &["bare.onnx takes an input of 3 x 48 x 48, but its card says 3 x 112 x 112"],
        },
        Case {
            what: "a typo",
            arguments: train(text(&typo)),
            says: &["typo.toml", "unknown field `epoch`", "hint: did you mean `epochs`?"],
        },
        Case { what: "no TOML", arguments: train(text(&broken)), says: &["broken.toml", "line 1"] },
        Case {
            what: "an impossible threshold",
            arguments: vec![
                "verify",
                "--model",
                text(&bare),
                text(&good),
                text(&good),
                "--threshold",
                "2",
            ],
            says: &["--threshold is 2, but a score is a cosine from -1 to 1"],
        },
        Case {
            what: "a rate that was not measured",
            arguments: vec![
                "verify",
                "--model",
                text(&bare),
                text(&good),
                text(&good),
                "--fmr",
                "1e-9",
            ],
            says: &["a false match rate of 0.000000001 was demanded", "at the lowest"],
        },
    ]);
    assert!(!out.exists(), "a run was begun");
}

#[test]
fn galleries_that_cannot_be_used_are_named() {
    let trained = Trained::get();
    let scratch = Scratch::new();
    let gallery = scratch.path("g");
    scratch.write("known/Ann/1.png", fs::read(trained.face(1, 1)).unwrap());
    let (known, model) = (scratch.path("known"), trained.model());
    let enroll = ["enroll", "--gallery", text(&gallery), "--model", text(&model), text(&known)];
    verisim(enroll).ok();
    // The same network with another card is another file, hence another model.
    let other = scratch.path("other.onnx");
    let mut bytes = fs::read(&model).unwrap();
    let place = bytes.windows(4).rposition(|it| it == b"flow").unwrap();
    bytes[place..place + 4].copy_from_slice(b"wolf");
    fs::write(&other, bytes).unwrap();
    let missing = scratch.path("missing");
    let good = trained.face(1, 2);
    check(&[
        Case {
            what: "a gallery of another model, searched",
            arguments: vec![
                "identify",
                "--gallery",
                text(&gallery),
                "--model",
                text(&other),
                text(&good),
            ],
            says: &["holds templates of model", "templates of different models cannot be compared"],
        },
        Case {
            what: "a gallery of another model, enrolled",
            arguments: vec![
                "enroll",
                "--gallery",
                text(&gallery),
                "--model",
                text(&other),
                text(&known),
            ],
            says: &["model"],
        },
        Case {
            what: "no gallery",
            arguments: vec!["identify", "--gallery", text(&missing), text(&good)],
            says: &["missing"],
        },
        Case {
            what: "nobody of that name",
            arguments: vec!["forget", "--gallery", text(&gallery), "ann"],
            says: &["ann", "Ann"],
        },
    ]);
}

/// Runs the program where files may not grow past some blocks, as on a disk without space.
pub(crate) fn without_space(arguments: &[&str]) -> crate::cli::Ran {
    let quoted: Vec<String> = arguments.iter().map(|it| format!("'{it}'")).collect();
    let program = env!("CARGO_BIN_EXE_verisim");
    let script = format!("trap '' XFSZ; ulimit -f 8; '{program}' {}", quoted.join(" "));
    ran(Command::new("bash").args(["-c", &script]))
}

#[test]
#[cfg(unix)]
fn without_space_or_permission_nothing_is_half_written() {
    let trained = Trained::get();
    let scratch = Scratch::new();
    let (model, faces, run) = (trained.model(), trained.faces(), trained.run());

    let out = scratch.path("full.onnx");
    let full = without_space(&["export", text(&run), "--out", text(&out)]);
    assert_eq!(full.status, 2, "{}", full.stderr);
    assert!(
        full.stderr.contains("cannot write") && full.stderr.contains("full.onnx"),
        "{}",
        full.stderr
    );
    let out = scratch.path("full.npy");
    let full =
        without_space(&["embed", "--model", text(&model), text(&faces), "--out", text(&out)]);
    assert_eq!(full.status, 2, "{}", full.stderr);
    assert!(
        full.stderr.contains("cannot write") && full.stderr.contains("full.npy"),
        "{}",
        full.stderr
    );
    let gallery = scratch.path("g");
    let full = without_space(&[
        "enroll",
        "--gallery",
        text(&gallery),
        "--model",
        text(&model),
        text(&faces),
    ]);
    assert_eq!(full.status, 2, "{}", full.stderr);
    assert!(full.stderr.contains(text(&gallery)), "{}", full.stderr);

    // Where even root may not write.
    let nowhere = Path::new("/proc/verisim/model.onnx");
    let refused = verisim(["export", text(&run), "--out", text(nowhere)]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("cannot write /proc/verisim/model.onnx"), "{}", refused.stderr);

    let left: Vec<_> =
        fs::read_dir(scratch.path("")).unwrap().map(|it| it.unwrap().file_name()).collect();
    // What was embedded before the disk was full is where the next run looks for it.
    let is_whole = |name: &std::ffi::OsString| name == "g" || name == "full.npy.part";
    assert!(left.iter().all(is_whole), "half-written: {left:?}");
}

#[test]
fn a_model_for_elsewhere_needs_its_card_and_says_so() {
    let Some(model) = shared("models/mobilefacenet_foamliu.onnx") else { return };
    let scratch = Scratch::new();
    // Another byte at its end, which the format passes over: no longer the model that is known.
    let mut bytes = fs::read(model).unwrap();
    bytes.extend([0xFA, 0x01, 0x00]);
    let model = scratch.write("unknown.onnx", bytes);
    check(&[Case {
        what: "no card",
        arguments: vec!["models", "show", text(&model)],
        says: &["unknown.onnx has no card", "unknown.toml", "--card"],
    }]);
}
