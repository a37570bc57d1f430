//! The page that a report is: text, tables, figures and pictures in one file that needs no other;
//! it does not know what was measured.

use super::escape::{escape, escape_prose};
use super::pictures::{PicturePair, Tile, pair_item, tile_item};

const STYLE: &str = include_str!("page.css");
/// Even a name that slipped through unescaped could fetch or run nothing.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";
/// A value of more characters, such as a digest or a command, has a row of facts for itself.
const MAX_SHORT_FACT: usize = 34;

/// A page that is built from top to bottom.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    title: String,
    subtitle: String,
    facts: String,
    sections: Vec<String>, // their titles
    body: String,
    has_pictures: bool,
}

/// A figure of the experiment that is to be seen first.
#[derive(Clone, Debug)]
pub(crate) struct Highlight {
    /// What it is.
    pub(crate) label: String,
    /// The figure.
    pub(crate) value: String,
    /// Its interval, or what it rests on.
    pub(crate) detail: String,
}

/// How a note is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoteKind {
    /// Mind this before relying on the figures.
    Caution,
    /// Something went wrong, and figures lack it.
    Problem,
}

impl Page {
    /// An empty page.
    pub(crate) fn new(title: &str, subtitle: &str) -> Self {
        Self {
            title: title.to_owned(),
            subtitle: subtitle.to_owned(),
            facts: String::new(),
            sections: Vec::new(),
            body: String::new(),
            has_pictures: false,
        }
    }

    /// What was measured on what: labels and values, above all sections. What stands between
    /// backticks in a value is set as code.
    pub(crate) fn facts(&mut self, facts: &[(&str, &str)]) -> &mut Self {
        self.facts.extend(facts.iter().map(|(label, value)| {
            let class = if value.chars().count() > MAX_SHORT_FACT { " class=\"long\"" } else { "" };
            let (label, value) = (escape(label), escape_prose(value));
            format!("<div{class}><dt>{label}</dt><dd>{value}</dd></div>\n")
        }));
        self
    }

    /// Begins a section; an empty line in the introduction begins a paragraph, and what stands
    /// between backticks is set as code.
    pub(crate) fn section(&mut self, title: &str, introduction: &str) -> &mut Self {
        self.end_section();
        self.sections.push(title.to_owned());
        let number = self.sections.len();
        let title = escape(title);
        self.add(&format!(
            "<section id=\"section-{number}\" aria-labelledby=\"title-{number}\">\n\
             <h2 id=\"title-{number}\">{title}</h2>\n"
        ));
        for paragraph in introduction.split("\n\n").filter(|it| !it.trim().is_empty()) {
            self.add(&format!("<p class=\"intro\">{}</p>\n", escape_prose(paragraph)));
        }
        self
    }

    /// The few figures to be seen first, large.
    pub(crate) fn highlights(&mut self, highlights: &[Highlight]) -> &mut Self {
        self.add("<dl class=\"highlights\">\n");
        for Highlight { label, value, detail } in highlights {
            let [label, value, detail] = [label, value, detail].map(|text| escape(text));
            self.add(&format!(
                "<div><dt>{label}</dt><dd class=\"value\">{value}</dd>\
                 <dd class=\"detail\">{detail}</dd></div>\n"
            ));
        }
        self.add("</dl>\n");
        self
    }

    /// A table. The first column names the rows; a column of numbers stands right-aligned.
    pub(crate) fn table(
        &mut self,
        caption: &str,
        headers: &[&str],
        rows: &[Vec<String>],
    ) -> &mut Self {
        let class = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let mut cells = cells.filter(|cell| !cell.is_empty()).peekable();
            let is_number = column > 0 && cells.peek().is_some() && cells.all(|it| is_number(it));
            if is_number { " class=\"number\"" } else { "" }
        };
        let caption = escape(caption);
        self.add(&format!(
            "<div class=\"table scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\">\n\
             <table><caption>{caption}</caption>\n<thead><tr>"
        ));
        for (column, header) in headers.iter().enumerate() {
            self.add(&format!("<th scope=\"col\"{}>{}</th>", class(column), escape(header)));
        }
        self.add("</tr></thead>\n<tbody>\n");
        for row in rows {
            self.add("<tr>");
            for (column, cell) in row.iter().enumerate() {
                let cell = escape(cell);
                if column == 0 {
                    self.add(&format!("<th scope=\"row\">{cell}</th>"));
                } else {
                    self.add(&format!("<td{}>{cell}</td>", class(column)));
                }
            }
            self.add("</tr>\n");
        }
        self.add("</tbody></table></div>\n");
        self
    }

    /// A plot (from [`plot`](super::plot); any other SVG is taken as it is, too) with its caption.
    pub(crate) fn figure(&mut self, svg: &str, caption: &str) -> &mut Self {
        self.add(&format!(
            "<figure class=\"chart\"><div class=\"scroll\">{svg}</div>\
             <figcaption>{}</figcaption></figure>\n",
            escape_prose(caption)
        ));
        self
    }

    /// Plots with their captions, side by side where the page is wide enough.
    pub(crate) fn figures(&mut self, figures: &[(String, &str)]) -> &mut Self {
        self.add("<div class=\"figures\">\n");
        for (svg, caption) in figures {
            self.figure(svg, caption);
        }
        self.add("</div>\n");
        self
    }

    /// Pairs of pictures, such as the worst false matches, each pair with its score.
    pub(crate) fn pictures(&mut self, caption: &str, pairs: &[PicturePair]) -> &mut Self {
        self.tiles("tiles", caption, pairs.iter().map(pair_item).collect())
    }

    /// Pictures in rows, such as all of one identity, or what searches found.
    pub(crate) fn picture_strip(&mut self, caption: &str, tiles: &[Tile]) -> &mut Self {
        self.tiles("tiles strip", caption, tiles.iter().map(tile_item).collect())
    }

    fn tiles(&mut self, class: &str, caption: &str, items: Vec<String>) -> &mut Self {
        let caption = escape(caption);
        self.add(&format!("<figure class=\"{class}\"><figcaption>{caption}</figcaption>\n"));
        if items.is_empty() {
            self.add("<p>None.</p></figure>\n");
            return self;
        }
        self.has_pictures = true;
        self.add("<ul>\n");
        self.body.extend(items);
        self.add("</ul></figure>\n");
        self
    }

    /// A remark that stands out.
    pub(crate) fn note(&mut self, kind: NoteKind, text: &str) -> &mut Self {
        let (class, word) = match kind {
            NoteKind::Caution => ("note caution", "Caution"),
            NoteKind::Problem => ("note problem", "Problem"),
        };
        let text = escape_prose(text);
        self.add(&format!(
            "<div class=\"{class}\" role=\"note\"><p><strong>{word}.</strong> {text}</p></div>\n"
        ));
        self
    }

    /// What the words mean, such as [`glossary::VERIFICATION`](super::glossary::VERIFICATION).
    pub(crate) fn glossary(&mut self, words: &[(&str, &str)]) -> &mut Self {
        self.add("<dl class=\"glossary\">\n");
        for (word, meaning) in words {
            let (word, meaning) = (escape(word), escape_prose(meaning));
            self.add(&format!("<div><dt>{word}</dt><dd>{meaning}</dd></div>\n"));
        }
        self.add("</dl>\n");
        self
    }

    /// The whole page.
    pub(crate) fn finish(mut self) -> String {
        self.end_section();
        let (title, subtitle) = (escape(&self.title), escape(&self.subtitle));
        let links = self.sections.iter().zip(1..).map(|(title, number)| {
            format!("<li><a href=\"#section-{number}\">{}</a></li>\n", escape(title))
        });
        let links: String = links.collect();
        let contents = wrapped("<nav aria-label=\"Contents\"><ol>\n", &links, "</ol></nav>\n");
        let facts = wrapped("<dl class=\"facts\">\n", &self.facts, "</dl>\n");
        let privacy = if self.has_pictures {
            " It holds pictures of faces, which are personal data: keep and pass it on as such."
        } else {
            ""
        };
        let body = &self.body;
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"/>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
             <meta name=\"color-scheme\" content=\"light dark\"/>\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
             <header>\n<h1>{title}</h1>\n<p class=\"subtitle\">{subtitle}</p>\n\
             {facts}{contents}</header>\n<main>\n{body}</main>\n\
             <footer><p>Written by Verisim. This file is complete: it loads nothing from \
             elsewhere and runs no script.{privacy}</p></footer>\n</body>\n</html>\n"
        )
    }

    fn add(&mut self, html: &str) {
        self.body += html;
    }

    fn end_section(&mut self) {
        if !self.sections.is_empty() {
            self.add("</section>\n");
        }
    }
}

/// The text between its ends; nothing if there is none.
fn wrapped(start: &str, text: &str, end: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{start}{text}{end}") }
}

/// Whether a cell holds digits and what goes with them, and no words.
fn is_number(cell: &str) -> bool {
    let is_part = |char: char| char.is_ascii_digit() || " .,+-−–±%[]()∞×/\u{202F}".contains(char);
    cell.chars().all(is_part)
        && cell.chars().any(|char| char.is_ascii_digit() || "–∞".contains(char))
}

#[cfg(test)]
mod tests {
    use verisim_face::Picture;

    use super::super::glossary;
    use super::super::markup::check_well_formed;
    use super::super::plot::{RankCurve, cmc};
    use super::*;

    const SCRIPT: &str = "<script>alert(\"1\")</script>";

    fn picture() -> Picture {
        Picture::new(2, 2, vec![100; 12])
    }

    /// A page with everything on it, all texts being `text`.
    fn page_of(text: &str) -> String {
        let owned = || text.to_owned();
        let mut page = Page::new(text, text);
        page.facts(&[(text, text)]).section(text, text).table(text, &[text], &[vec![owned()]]);
        page.highlights(&[Highlight { label: owned(), value: owned(), detail: owned() }]);
        let svg = cmc(&[RankCurve { name: text, rates: &[0.5] }]);
        page.figure(&svg, text).figures(&[(svg.clone(), text)]);
        let names = [owned(), owned()];
        let pair = PicturePair { left: picture(), right: picture(), names, label: owned() };
        page.section(text, "").pictures(text, &[pair]);
        page.picture_strip(text, &[Tile { picture: picture(), label: owned(), verdict: None }]);
        page.note(NoteKind::Caution, text).glossary(&[(text, text)]);
        check_well_formed(&page.finish())
    }

    #[test]
    fn nothing_that_a_person_typed_becomes_markup() {
        let page = page_of(SCRIPT);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.matches("&lt;script&gt;").count() >= 20, "{page}");
    }

    #[test]
    fn a_page_loads_nothing() {
        let page = page_of("https://example.org/ is a name, too");
        for loading in [" src=\"", " href=\"", " action=\"", "url(", "@import"] {
            for (at, _) in page.match_indices(loading) {
                let target = &page[at + loading.len()..];
                let is_own =
                    target.starts_with("data:image/jpeg;base64,") || target.starts_with('#');
                assert!(is_own, "{}", &target[..80.min(target.len())]);
            }
        }
        assert!(page.contains(POLICY) && !page.contains("<link"), "{page}");
    }

    #[test]
    fn sections_are_closed_and_linked() {
        let mut page = Page::new("t", "s");
        page.section("One", "first\n\nsecond").section("Two & more", "");
        let page = check_well_formed(&page.finish());
        assert_eq!(page.matches("<section ").count(), 2);
        assert!(page.contains("<a href=\"#section-2\">Two &amp; more</a>"), "{page}");
        assert!(page.contains("<p class=\"intro\">second</p>"), "{page}");
    }

    #[test]
    fn an_empty_page_is_one() {
        let page = check_well_formed(&Page::new("t", "s").finish());
        assert!(!page.contains("<nav") && !page.contains("<dl"), "{page}");
    }

    #[test]
    fn columns_of_numbers_stand_right() {
        let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        let mut page = Page::new("t", "s");
        let rows = [row(["1", "98.20\u{202F}%", "a", ""]), row(["2", "–", "3", "\u{2212}0.5"])];
        page.table("c", &["n", "TAR", "text", "score"], &rows);
        let page = check_well_formed(&page.finish());
        assert!(page.contains("<th scope=\"col\" class=\"number\">TAR</th>"), "{page}");
        assert!(page.contains("<td class=\"number\">\u{2212}0.5</td>"), "{page}");
        assert!(page.contains("<td>3</td>") && page.contains("<th scope=\"row\">1</th>"), "{page}");
    }

    #[test]
    fn a_page_with_pictures_says_that_they_are_personal_data() {
        assert!(page_of("x").contains("personal data"));
        let mut page = Page::new("t", "s");
        page.pictures("worst false matches", &[]).glossary(&glossary::VERIFICATION);
        let page = check_well_formed(&page.finish());
        assert!(!page.contains("personal data") && page.contains("<p>None.</p>"), "{page}");
    }
}
