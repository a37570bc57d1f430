//! A reader of markup that is strict where browsers forgive, for tests; it knows no HTML beyond
//! elements that are never closed.

/// Elements without an end.
const VOID: [&str; 4] = ["meta", "img", "br", "hr"];

/// Gives the text back if every element ends where it must and every quote and ampersand is
/// escaped.
#[track_caller]
pub(super) fn check_well_formed(markup: &str) -> String {
    if let Err(reason) = parse(markup) {
        panic!("{reason}\n\nin\n\n{markup}");
    }
    markup.to_owned()
}

fn parse(markup: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = markup;
    while let Some((text, after)) = rest.split_once('<') {
        check_text(text)?;
        let (tag, after) = after.split_once('>').ok_or_else(|| format!("no end of <{after}"))?;
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> ends nothing"));
            }
            continue;
        }
        if tag.eq_ignore_ascii_case("!doctype html") {
            continue;
        }
        let (tag, is_closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let name = tag.split_whitespace().next().unwrap_or_default();
        check_attributes(&tag[name.len()..])?;
        if name == "style" {
            let (_, after) = rest.split_once("</style>").ok_or("no end of <style>")?;
            rest = after;
        } else if !is_closed && !VOID.contains(&name) {
            open.push(name);
        }
    }
    check_text(rest)?;
    if open.is_empty() { Ok(()) } else { Err(format!("never closed: {open:?}")) }
}

fn check_text(text: &str) -> Result<(), String> {
    for (at, _) in text.match_indices('&') {
        let is_named = text[at..].find(';').is_some_and(|end| end <= 8);
        if !is_named {
            return Err(format!("a bare & in {text:?}"));
        }
    }
    if text.contains('>') { Err(format!("a bare > in {text:?}")) } else { Ok(()) }
}

fn check_attributes(attributes: &str) -> Result<(), String> {
    let mut rest = attributes.trim();
    while !rest.is_empty() {
        let broken = || format!("attributes {attributes:?}");
        let (name, after) = rest.split_once("=\"").ok_or_else(broken)?;
        let is_name = !name.is_empty() && name.chars().all(|it| it.is_alphanumeric() || it == '-');
        let (value, after) = after.split_once('"').ok_or_else(broken)?;
        if !is_name {
            return Err(broken());
        }
        check_text(value)?;
        rest = after.trim_start();
    }
    Ok(())
}

mod tests {
    use super::*;

    #[test]
    fn broken_markup_is_noticed() {
        let broken = [
            "<a><b></a></b>",
            "<a>",
            "</a>",
            "<a b=c></a>",
            "<a b=\"c></a>",
            "<a \"b\"=\"c\"></a>",
            "a & b",
            "a > b",
            "<a",
            "<a b=\"c\"d\"></a>",
        ];
        for markup in broken {
            assert!(parse(markup).is_err(), "{markup}");
        }
    }

    #[test]
    fn sound_markup_is_let_through() {
        let sound = "<!doctype html><a b=\"c\" d-e=\"1 &amp; 2\"><img src=\"x\"><p>1 &lt; 2</p><i/></a>\
                     <style>a > b { c: \"d\" }</style>";
        assert_eq!(check_well_formed(sound), sound);
    }
}
