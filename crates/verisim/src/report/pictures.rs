//! Pictures within the page, with what is said of them; it does not know whom they show.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use verisim_face::{Picture, chip, image};

use super::escape::escape;

/// Longest side of an embedded picture in pixels: shown at 112, sharp on dense screens.
const MAX_SIDE: usize = 224;
/// Good enough to judge a face by; more doubles the size of the page.
const QUALITY: u8 = 85;

/// Two pictures that were compared.
#[derive(Clone, Debug)]
pub(crate) struct PicturePair {
    /// The reference.
    pub(crate) left: Picture,
    /// The probe.
    pub(crate) right: Picture,
    /// Whom or what the pictures show; said once if both are the same.
    pub(crate) names: [String; 2],
    /// The score, and what followed from it.
    pub(crate) label: String,
}

/// One picture with a few words.
#[derive(Clone, Debug)]
pub(crate) struct Tile {
    /// The picture.
    pub(crate) picture: Picture,
    /// Whom it shows, or what was found.
    pub(crate) label: String,
    /// How a search for it went, if it is a probe.
    pub(crate) verdict: Option<Verdict>,
}

/// How a search went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The right identity was found.
    Match,
    /// Nobody was found.
    Unknown,
    /// Somebody else was found.
    Wrong,
}

/// The item of a list that shows a pair.
pub(super) fn pair_item(pair: &PicturePair) -> String {
    let [left, right] = &pair.names;
    let name = |name: &str| format!("<span>{}</span>", escape(name));
    let (beneath, common) = if left == right {
        ([String::new(), String::new()], name(left))
    } else {
        ([name(left), name(right)], String::new())
    };
    let label = escape(&pair.label);
    format!(
        "<li class=\"pair\"><div><div>{}{}</div><div>{}{}</div></div>{common}\
         <span class=\"label\">{label}</span></li>\n",
        image_element(&pair.left, &format!("Reference: {left}")),
        beneath[0],
        image_element(&pair.right, &format!("Probe: {right}")),
        beneath[1],
    )
}

/// The item of a list that shows one picture. The verdict has a sign and a word, for those who do
/// not see its color.
pub(super) fn tile_item(tile: &Tile) -> String {
    let (class, verdict) = match tile.verdict {
        None => ("tile", ""),
        Some(Verdict::Match) => ("tile match", "<span class=\"verdict\">✓ match</span>"),
        Some(Verdict::Unknown) => ("tile unknown", "<span class=\"verdict\">? unknown</span>"),
        Some(Verdict::Wrong) => ("tile wrong", "<span class=\"verdict\">✗ wrong</span>"),
    };
    let image = image_element(&tile.picture, &tile.label);
    let label = escape(&tile.label);
    format!("<li class=\"{class}\">{image}{verdict}<span>{label}</span></li>\n")
}

fn image_element(picture: &Picture, description: &str) -> String {
    let description = escape(description);
    match image::encode_jpeg(&at_most(picture, MAX_SIDE), QUALITY) {
        Ok(jpeg) => {
            let data = STANDARD.encode(jpeg);
            format!("<img src=\"data:image/jpeg;base64,{data}\" alt=\"{description}\"/>")
        }
        // No picture of this size is refused, but a missing one must not break the page.
        Err(_) => format!("<span>({description}: no picture)</span>"),
    }
}

/// The picture with its longest side at most `max_side`.
fn at_most(picture: &Picture, max_side: usize) -> Picture {
    let longest = picture.width().max(picture.height());
    if longest <= max_side {
        return picture.clone();
    }
    let scaled = |side: usize| (side * max_side / longest).max(1);
    chip::resize(picture, scaled(picture.width()), scaled(picture.height()))
}

#[cfg(test)]
mod tests {
    use super::super::markup::check_well_formed;
    use super::*;

    fn flat(width: usize, height: usize) -> Picture {
        Picture::new(width, height, [90, 120, 200].repeat(width * height))
    }

    fn pair(names: [&str; 2]) -> String {
        let names = names.map(str::to_owned);
        let label = "score 0.61 > 0.43".to_owned();
        check_well_formed(&pair_item(&PicturePair {
            left: flat(8, 8),
            right: flat(8, 8),
            names,
            label,
        }))
    }

    #[test]
    fn a_pair_of_one_identity_is_named_once() {
        assert_eq!(pair(["ann", "ann"]).matches("<span>ann</span>").count(), 1);
        let two = pair(["ann", "bob"]);
        assert!(two.contains("<span>ann</span>") && two.contains("<span>bob</span>"), "{two}");
    }

    #[test]
    fn names_are_escaped_beneath_and_beside_pictures() {
        let item = pair(["<script>alert(1)</script>", "\" onerror=\"x"]);
        assert!(!item.contains("<script>") && !item.contains("\" onerror=\""), "{item}");
    }

    #[test]
    fn a_verdict_is_said_in_words() {
        let item = |verdict| {
            let tile = Tile { picture: flat(8, 8), label: "<ann>".to_owned(), verdict };
            check_well_formed(&tile_item(&tile))
        };
        assert!(item(Some(Verdict::Match)).contains("✓ match"));
        assert!(item(Some(Verdict::Unknown)).contains("? unknown"));
        assert!(item(Some(Verdict::Wrong)).contains("✗ wrong"));
        assert!(!item(None).contains("verdict"));
    }

    #[test]
    fn large_photographs_are_made_smaller() {
        let small = at_most(&flat(3000, 1500), 224);
        assert_eq!((small.width(), small.height()), (224, 112));
        let thin = at_most(&flat(3000, 1), 224);
        assert_eq!((thin.width(), thin.height()), (224, 1));
        assert_eq!(at_most(&flat(112, 100), 224).width(), 112);
    }
}
