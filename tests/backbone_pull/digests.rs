//! Which file is the right one.

use super::server::{Page, Server};
use super::site::{Site, content, known, sha256, unknown};

#[test]
fn another_file_than_the_registry_s_is_not_kept() {
    let (wanted, served) = (content(1), content(2));
    let server = Server::start();
    server.serve("a.pth", Page::of(&served));
    let site = Site::new(&known(&server.url("a.pth"), &wanted));
    site.pull(&[]).ends(1, &[&sha256(&wanted), &sha256(&served), "in the registry", "backbones.toml"]);
    assert_eq!(site.files(), Vec::<String>::new());
    site.register(&format!("{}\nsize = 1000", known(&server.url("a.pth"), &wanted)));
    site.pull(&[]).ends(1, &["has 200000 bytes, expected 1000"]);
    assert_eq!(site.files(), Vec::<String>::new());
}

#[test]
fn an_unknown_digest_is_recorded_and_asked_of_later_pulls() {
    let (old, new) = (content(3), content(4));
    let server = Server::start();
    server.serve("a.pth", Page::of(&old));
    let site = Site::new(&unknown(&server.url("a.pth")));
    let first = site.pull(&[]);
    first.ends(0, &["net.pth was not verified", &sha256(&old), "net.pth.sha256"]);
    assert_eq!(first.row()["verified"], "no");
    let record = String::from_utf8(site.read("net.pth.sha256")).unwrap();
    assert_eq!(record, format!("{}  net.pth\n", sha256(&old)));
    assert_eq!(site.pull(&[]).row()["verified"], "record");
    // The file here changes.
    std::fs::write(site.cached("net.pth"), &new).unwrap();
    site.pull(&[]).ends(1, &["is another file", &sha256(&old), &sha256(&new), "--force"]);
    assert_eq!(site.read("net.pth"), new);
    // The file there changes.
    std::fs::remove_file(site.cached("net.pth")).unwrap();
    server.serve("a.pth", Page::of(&new));
    site.pull(&[]).ends(1, &["recorded at an earlier pull", &sha256(&old), &sha256(&new), "--force"]);
    assert_eq!(site.files(), ["net.pth.sha256"]);
    site.pull(&["--force"]).ends(0, &["net.pth was not verified", &sha256(&new)]);
    assert_eq!(site.pull(&[]).row()["verified"], "record");
}

#[test]
fn a_file_copied_by_hand_is_checked_without_a_network() {
    let body = content(5);
    let site = Site::new(&known("http://127.0.0.1:9/a.pth", &body));
    std::fs::create_dir_all(site.cached("")).unwrap();
    std::fs::write(site.cached("net.pth"), &body).unwrap();
    assert_eq!(site.pull(&[]).row()["verified"], "registry");
    std::fs::write(site.cached("net.pth"), "something else").unwrap();
    site.pull(&[]).ends(1, &["is another file", &sha256(&body)]);
}

#[test]
fn a_mirror_comes_first_and_is_trusted_no_more_than_the_address() {
    let (body, other) = (content(6), content(7));
    let (public, mirror) = (Server::start(), Server::start());
    public.serve("a.pth", Page::of(&body));
    mirror.serve("pub/net.pth", Page::of(&body));
    let bases = format!("{} {}", mirror.url("empty"), mirror.url("pub/"));
    let from = [("AT2SELD_MIRROR", bases.as_str())];
    let keys = known(&public.url("a.pth"), &body);
    let site = Site::new(&keys);
    let run = site.pull_with(&[], &from);
    run.ends(0, &["empty/net.pth: HTTP 404 Not Found; trying the next address"]);
    assert_eq!(run.row()["source"], mirror.url("pub/net.pth"));
    assert_eq!((site.read("net.pth"), public.asked().len()), (body, 0));
    // Another file there: the public address has the right one.
    mirror.serve("pub/net.pth", Page::of(&other));
    let site = Site::new(&keys);
    let run = site.pull_with(&[], &from);
    run.ends(0, &[&sha256(&other), "trying the next address"]);
    assert_eq!(run.row()["source"], public.url("a.pth"));
    // Nothing to check it by.
    let site = Site::new("");
    site.pull_with(&[], &from).ends(0, &["not verified", "came from a mirror"]);
    site.pull(&["--mirror", "ftp://x"]).ends(0, &["is there already"]);
    site.pull(&["--force", "--mirror", "ftp://x"]).ends(2, &["mirror 1", "ftp:"]);
}

#[test]
fn class_names_come_along_when_they_are_names() {
    let body = content(8);
    let server = Server::start();
    server.serve("a.pth", Page::of(&body));
    let list = |count: usize| {
        let rows: String =
            (0..count).map(|class| format!("{class},/m/{class},\"Sound {class}, loud\"\n")).collect();
        Page::of(format!("index,mid,display_name\n{rows}").as_bytes())
    };
    let keys = format!("{}\nclasses_url = \"{}\"", known(&server.url("a.pth"), &body), server.url("c.csv"));
    let site = Site::new(&keys);
    server.serve("c.csv", list(526));
    let few = site.pull(&[]);
    few.ends(0, &["called by their numbers", "names 526 classes, expected 527"]);
    assert_eq!((few.row()["classes"].is_null(), site.files()), (true, vec!["net.pth".to_owned()]));
    let page =
        Page { headers: vec![("content-type", "text/html; charset=utf-8".into())], ..Page::of(b"<p>log in") };
    server.serve("c.csv", page);
    site.pull(&[]).ends(0, &["is a web page"]);
    server.serve("c.csv", list(527));
    let row = site.pull(&[]).row();
    assert_eq!(row["classes"], site.cached("net_classes.csv").to_str().unwrap());
    let before = server.asked().len();
    site.pull(&[]).row();
    assert_eq!(server.asked().len(), before);
}
