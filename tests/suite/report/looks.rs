//! The page in a real browser.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::browser::{Browser, Theme};
use super::{made, picture, size, written};
use crate::support::root;

/// The widths of a window on a desk and of a phone, with their heights.
const WINDOWS: [(u32, u32); 2] = [(1400, 1000), (400, 800)];
const THEMES: [Theme; 2] = [Theme::Light, Theme::Dark];

/// The most bytes of the screenshot in the README.
const MOST_BYTES: u64 = 200_000;

/// Evaluates a function of `page.js`.
fn ask(browser: &mut Browser, function: &str) -> Value {
    browser.evaluate(&format!("({}).{function}()", include_str!("page.js").trim_end()))
}

/// Returns the parts of visible tables that a screen reader does not find as such.
fn without_roles(browser: &mut Browser) -> Vec<String> {
    let tables = ask(browser, "tables");
    let roles = browser.roles();
    let count = |role: &String| roles.get(role).copied().unwrap_or_default();
    let wrong = tables.as_object().unwrap().iter().filter(|(role, expected)| **expected != count(role));
    wrong.map(|(role, expected)| format!("{} nodes have the role {role} instead of {expected}", count(role))).collect()
}

/// Opens a page in every window and theme, and returns what is wrong with it.
pub(crate) fn faults(browser: &mut Browser, page: impl AsRef<Path> + Copy, name: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for ((width, height), theme) in WINDOWS.into_iter().flat_map(|window| THEMES.map(|theme| (window, theme))) {
        let place = format!("{name}-{width}-{}", theme.word());
        browser.look(width, height, theme);
        browser.open(page);
        faults.extend(browser.noise(page).into_iter().map(|noise| format!("{place}: {noise}")));
        let is_wider = browser.evaluate("document.documentElement.scrollWidth > innerWidth");
        if is_wider == true {
            faults.push(format!("{place}: the page is wider than the window"));
        }
        // A target has a color of its own.
        for anchor in ["", "w1", "f0", "e0"] {
            browser.evaluate(&format!("location.hash = '{anchor}'"));
            let contrast = ask(browser, "contrast");
            assert!(contrast["count"].as_u64().unwrap() > 20, "{contrast}");
            let low = contrast["faults"].as_array().unwrap().iter().filter_map(Value::as_str);
            faults.extend(low.map(|fault| format!("{place}#{anchor}: contrast {fault}")));
        }
        let structure = ask(browser, "structure");
        faults.extend(structure.as_array().unwrap().iter().filter_map(Value::as_str).map(|fault| format!("{place}: {fault}")));
        faults.extend(without_roles(browser).into_iter().map(|fault| format!("{place}: {fault}")));
        browser.evaluate("location.hash = 'matrix'");
        browser.screenshot(&picture(&format!("{place}.png")), None);
    }
    faults
}

#[test]
fn the_page_is_quiet_and_readable_in_every_window_and_theme() {
    let (_folder, file) = written(&[], "");
    let mut browser = Browser::start();
    let faults = faults(&mut browser, &file, "canon");
    assert!(faults.is_empty(), "{faults:#?}");
    let connections = ask(&mut browser, "connections");
    assert_eq!(connections["cells"], connections["pairs"], "each connection of the data is a cell");
    assert_eq!(connections["edges"], 13, "each connection inside between two endpoints is an edge");
    browser.pdf(&picture("canon.pdf"));
    assert!(fs::read(picture("canon.pdf")).unwrap().starts_with(b"%PDF"));
    // As high as the whole matrix.
    browser.look(1400, 1600, Theme::Light);
    browser.open(&file);
    let screenshot = picture("readme.webp");
    browser.screenshot(&screenshot, Some(("#matrix", "svg")));
    assert!(size(&screenshot) < MOST_BYTES, "{} bytes", size(&screenshot));
    if std::env::var_os("NETPOL_BLESS").is_some() {
        fs::copy(&screenshot, root().join("docs/report.webp")).unwrap();
    }
}

#[test]
fn a_page_that_runs_or_requests_something_or_has_no_roles_is_noticed() {
    let (folder, file) = written(&[], "");
    let page = fs::read_to_string(&file).unwrap();
    let mut browser = Browser::start();
    for planted in ["<script>console.log(1)</script>", "<img src='http://127.0.0.1:9/x.png'>", "<p style='color: red'>red</p>"] {
        let other = folder.path().join("planted.html");
        fs::write(&other, page.replacen("<main>", &format!("<main>{planted}"), 1)).unwrap();
        browser.open(&other);
        let noise = browser.noise(&other);
        assert!(noise.iter().any(|noise| noise.contains("Content Security Policy")), "{planted}: {noise:?}");
    }
    // On a phone, the parts of tables are blocks.
    let plain = folder.path().join("plain.html");
    let roles = ["table", "rowgroup", "row", "cell", "rowheader", "columnheader"];
    fs::write(&plain, roles.iter().fold(page.clone(), |page, role| page.replace(&format!(" role=\"{role}\""), ""))).unwrap();
    for ((width, height), expected) in WINDOWS.into_iter().zip([&[][..], &roles]) {
        browser.look(width, height, Theme::Light);
        browser.open(&plain);
        let wrong = ask(&mut browser, "structure").to_string();
        for role in roles {
            assert_eq!(wrong.contains(&format!("\"a part of a table has no role: {role}\"")), expected.contains(&role), "{wrong}");
        }
    }
    let headless = folder.path().join("headless.html");
    let style = "<main><style>.why thead { display: none !important; }</style>";
    fs::write(&headless, page.replace("http-equiv", "data-was").replacen("<main>", style, 1)).unwrap();
    browser.open(&headless);
    let wrong = without_roles(&mut browser);
    assert!(wrong.iter().any(|fault| fault.contains("the role columnheader instead of")), "{wrong:?}");
    let pale = folder.path().join("pale.html");
    fs::write(&pale, page.replace("http-equiv", "data-was").replacen("<main>", "<main><p style='color: #999'>pale</p>", 1)).unwrap();
    browser.look(1400, 1000, Theme::Light);
    browser.open(&pale);
    let contrast = ask(&mut browser, "contrast");
    assert_eq!(contrast["faults"], serde_json::json!(["2.85 pale"]));
}

#[test]
fn the_keyboard_leads_from_a_cell_to_its_explanation() {
    let (_folder, file) = written(&[], "");
    let mut browser = Browser::start();
    for (width, height) in WINDOWS {
        browser.look(width, height, Theme::Light);
        browser.open(&file);
        browser.evaluate("location.hash = 'matrix'");
        let mut focus = Value::Null;
        for _ in 0..20 {
            browser.press("Tab");
            focus = ask(&mut browser, "focus");
            assert_eq!(focus["seen"], true, "{focus}");
            if focus["isCell"] == true {
                break;
            }
        }
        assert_eq!(focus["label"], "router to pyos: TCP 8000", "{focus}");
        browser.press("Enter");
        let target = ask(&mut browser, "target");
        assert_eq!(target["seen"], true, "{target}");
        assert_eq!(format!("#{}", target["id"].as_str().unwrap()), focus["href"]);
        let text = target["text"].as_str().unwrap();
        assert!(text.contains("pyos-permits rule 1 allows TCP 8000 to pods run=pyos-od"), "{text}");
    }
    // A denied cell leads into a part that was closed.
    browser.evaluate("document.querySelector('.matrix td a.no').click()");
    let target = ask(&mut browser, "target");
    assert_eq!(target["seen"], true, "{target}");
    assert!(target["text"].as_str().unwrap().contains("denied"), "{target}");
}

#[test]
fn hostile_names_break_nothing() {
    let (_folder, file) = written(&["-f", "-"], &made::hostile());
    let mut browser = Browser::start();
    let faults = faults(&mut browser, &file, "hostile");
    assert!(faults.is_empty(), "{faults:#?}");
    let names = browser.evaluate("JSON.parse(document.getElementById('data').textContent).policies.map(policy => policy.name)");
    let names: Vec<&str> = names.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let expected = made::HOSTILE.map(|name| {
        name.replace("\\u202e", "\u{202e}").replace("\\u2066", "\u{2066}").replace("\\u200f", "\u{200f}").replace("\\\"", "\"")
    });
    assert_eq!(names[..expected.len()], expected);
    let page = fs::read_to_string(&file).unwrap();
    let marks = ['\u{202e}', '\u{2066}', '\u{200f}'];
    assert!(!page.contains(marks), "marks of direction are shown by their numbers");
}

#[test]
fn a_large_set_has_lists_instead_of_a_matrix() {
    let (_folder, file) = written(&["-f", "-"], &made::large());
    let mut browser = Browser::start();
    let faults = faults(&mut browser, &file, "large");
    assert!(faults.is_empty(), "{faults:#?}");
    assert_eq!(browser.evaluate("document.querySelectorAll('.matrix, svg').length"), 0);
    assert_eq!(browser.evaluate("document.querySelectorAll('article h3[id^=e]').length"), 60);
    assert!(size(&file) < 2_000_000, "{} bytes", size(&file));
}
