//! What is known of the data beside the project: figures that were measured elsewhere must come out.

use serde_json::Value;

use crate::cli::{shared, slow_tests, verisim};

fn number(json: &Value, pointer: &str) -> f64 {
    json.pointer(pointer)
        .and_then(Value::as_f64)
        .unwrap_or_else(|| panic!("no {pointer} in {json}"))
}

/// MobileFaceNet by foamliu on aligned LFW: 99.10 ± 0.29 %, AUC 0.99861, TAR 99.20 % at FAR 1e-2
/// (ONNX Runtime in Python). This checks decoding, preprocessing, the runtime and the protocol at once.
#[test]
fn a_public_model_has_its_known_accuracy_on_lfw() {
    let (Some(model), Some(data), Some(pairs)) = (
        shared("models/mobilefacenet_foamliu.onnx"),
        shared("data/lfw/aligned112"),
        shared("data/lfw/pairs.txt"),
    ) else {
        return;
    };
    if !slow_tests() {
        return;
    }
    let arguments = ["--data".as_ref(), data.as_os_str(), "--pairs".as_ref(), pairs.as_os_str()];
    let arguments =
        ["evaluate".as_ref(), model.as_os_str(), "--json".as_ref()].into_iter().chain(arguments);
    let json: Value = serde_json::from_str(&verisim(arguments).ok()).unwrap();
    let accuracy = 100.0 * number(&json, "/folds/mean_accuracy");
    assert!((accuracy - 99.10).abs() <= 0.1, "accuracy {accuracy} %");
    let auc = number(&json, "/verification/auc/value");
    assert!((auc - 0.99861).abs() <= 0.001, "AUC {auc}");
}

/// The same on a few pairs, in seconds: the mated ones match, the others do not.
#[test]
fn a_public_model_tells_people_apart() {
    let (Some(model), Some(data)) =
        (shared("models/mobilefacenet_foamliu.onnx"), shared("data/lfw/aligned112"))
    else {
        return;
    };
    let verify = |reference: &str, probe: &str| {
        let (reference, probe) = (data.join(reference), data.join(probe));
        let files = [model.as_os_str(), reference.as_os_str(), probe.as_os_str()];
        let ran = verisim(
            ["verify".as_ref(), "--threshold".as_ref(), "0.35".as_ref(), "--model".as_ref()]
                .into_iter()
                .chain(files),
        );
        ran.status
    };
    let colin = |number: usize| format!("Colin_Powell/Colin_Powell_{number:04}.jpg");
    assert_eq!(verify(&colin(1), &colin(2)), 0);
    assert_eq!(verify(&colin(1), "Tony_Blair/Tony_Blair_0001.jpg"), 1);
}
