//! Connections that break, processes that end, disks that are full.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::server::{Fault, Page, Server};
use super::site::{Site, content, known, sha256, unknown};

/// Long enough that what waits for it was not in time.
const LONG: Duration = Duration::from_secs(30);

fn serving(body: &[u8]) -> (Server, Site) {
    let server = Server::start();
    server.serve("a.pth", Page::of(body));
    let site = Site::new(&known(&server.url("a.pth"), body));
    (server, site)
}

/// Starts a pull, and waits until it has so many bytes.
fn pull_until(site: &Site, bytes: u64) -> Child {
    let mut command = site.command(&["pull", "net"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while std::fs::metadata(site.cached("net.pth.part")).map_or(0, |part| part.len()) < bytes {
        assert!(started.elapsed() < LONG, "the pull does not get on");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn a_file_is_fetched_once() {
    let body = content(1);
    let (server, site) = serving(&body);
    let row = site.pull(&[]).row();
    assert_eq!(row["file"], site.cached("net.pth").to_str().unwrap());
    assert_eq!((&row["bytes"], &row["name"]), (&body.len().into(), &"net".into()));
    assert_eq!((&row["sha256"], &row["verified"]), (&sha256(&body).into(), &"registry".into()));
    assert_eq!(row["source"], server.url("a.pth"));
    assert_eq!((site.read("net.pth"), site.files()), (body, vec!["net.pth".to_owned()]));
    let again = site.pull(&[]);
    again.ends(0, &["is there already"]);
    assert_eq!((again.row()["source"].is_null(), server.asked().len()), (true, 1));
}

#[test]
fn a_broken_connection_is_continued() {
    let body = content(2);
    let (server, site) = serving(&body);
    server.faults([Fault::Cut(70_000), Fault::Status(503, "retry-after: 0"), Fault::Cut(1_000)]);
    site.pull(&[]).ends(0, &["the connection broke after", "HTTP 503", "after the 70000 bytes"]);
    assert_eq!(site.read("net.pth"), body);
    let asked = server.asked();
    let firsts: Vec<Option<usize>> = asked.iter().map(|request| request.first()).collect();
    assert_eq!(firsts, [None, Some(70_000), Some(70_000), Some(71_000)]);
    let etag = &Page::of(&body).headers[0].1;
    assert!(asked[1..].iter().all(|request| request.header("if-range") == Some(etag)));
}

#[test]
fn without_ranges_it_begins_anew() {
    let body = content(3);
    let (server, site) = serving(&body);
    server.serve("a.pth", Page { ranges: false, ..Page::of(&body) });
    server.faults([Fault::Cut(70_000)]);
    site.pull(&[]).row();
    assert_eq!((site.read("net.pth"), server.asked().len()), (body, 2));
}

#[test]
fn a_killed_pull_is_continued_by_the_next() {
    let body = content(4);
    let (server, site) = serving(&body);
    server.faults([Fault::Pause(90_000, LONG)]);
    let mut child = pull_until(&site, 90_000);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!site.cached("net.pth").exists());
    site.pull(&[]).ends(0, &["after the 90000 bytes"]);
    assert_eq!(server.asked()[1].first(), Some(90_000));
    assert_eq!(site.read("net.pth"), body);
}

#[test]
fn an_interrupted_pull_says_what_it_keeps() {
    let body = content(5);
    let (server, site) = serving(&body);
    server.faults([Fault::Pause(90_000, LONG)]);
    let child = pull_until(&site, 90_000);
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(String::from_utf8(output.stderr).unwrap().contains("90000 bytes of net.pth are kept"));
    assert_eq!(site.read("net.pth.part"), body[..90_000]);
}

#[test]
fn parts_of_two_files_are_never_put_together() {
    let (old, new) = (content(6), content(7));
    let server = Server::start();
    let interrupted = |site: &Site| {
        server.serve("a.pth", Page::of(&old));
        server.faults([Fault::Cut(80_000)]);
        site.pull(&["--retries", "0"]).ends(1, &["the connection broke after 80000 bytes"]);
        server.serve("a.pth", Page::of(&new));
        server.serve("b.pth", Page::of(&new));
    };
    // Another version at the same address.
    let site = Site::new(&unknown(&server.url("a.pth")));
    interrupted(&site);
    site.pull(&[]).row();
    assert_eq!(server.asked().last().unwrap().first(), Some(80_000));
    assert_eq!(site.read("net.pth"), new);
    // Another address.
    let site = Site::new(&unknown(&server.url("a.pth")));
    interrupted(&site);
    site.register(&unknown(&server.url("b.pth")));
    site.pull(&[]).row();
    assert_eq!(server.asked().last().unwrap().first(), None);
    assert_eq!(site.read("net.pth"), new);
    // A shorter file, where the rest cannot be had and nothing tells versions apart.
    let site = Site::new(&known(&server.url("a.pth"), &new[..70_000]));
    let plain = |body: &[u8]| Page { headers: Vec::new(), ..Page::of(body) };
    server.serve("a.pth", plain(&old));
    server.faults([Fault::Cut(80_000)]);
    site.pull(&["--retries", "0"]).ends(1, &["the connection broke"]);
    server.serve("a.pth", plain(&new[..70_000]));
    site.pull(&[]).ends(0, &["the file there changed"]);
    assert_eq!(site.read("net.pth"), new[..70_000]);
}

#[test]
fn a_silent_server_is_not_waited_for() {
    let body = content(8);
    let (server, site) = serving(&body);
    server.faults([Fault::Pause(50_000, LONG)]);
    site.pull(&["--timeout", "0.4"]).ends(0, &["no answer for 0.4 s", "after the 50000 bytes"]);
    assert_eq!(site.read("net.pth"), body);
}

#[test]
fn two_pulls_at_once_fetch_once() {
    let body = content(9);
    let (server, site) = serving(&body);
    server.faults([Fault::Pause(60_000, Duration::from_millis(1500))]);
    let first = pull_until(&site, 60_000);
    site.pull(&[]).ends(0, &["is being pulled by another process", "is there already"]);
    assert!(first.wait_with_output().unwrap().status.success());
    assert_eq!((site.read("net.pth"), server.asked().len()), (body, 1));
}

#[test]
fn a_file_larger_than_the_disk_is_not_begun() {
    let body = content(10);
    let (server, site) = serving(&body);
    server.faults([Fault::Announce(1 << 60)]);
    let bytes = (1u64 << 60).to_string();
    site.pull(&[]).ends(1, &["no space for net.pth in", &bytes, "are free"]);
    assert_eq!(site.files(), Vec::<String>::new());
}

#[test]
fn a_disk_that_is_full_in_the_middle_is_said_so() {
    if !Path::new("/dev/full").exists() {
        eprintln!("skipped: this system has no /dev/full");
        return;
    }
    let body = content(11);
    let (_server, site) = serving(&body);
    std::fs::create_dir_all(site.cached("")).unwrap();
    std::os::unix::fs::symlink("/dev/full", site.cached("net.pth.part")).unwrap();
    site.pull(&[]).ends(1, &["no space for net.pth in", "200000 more bytes are needed", "make room"]);
    assert!(!site.cached("net.pth").exists());
}
