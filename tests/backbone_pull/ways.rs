//! Ways to a server, and what is said when there is none.

use super::server::{Fault, Identity, Page, Server};
use super::site::{Site, content, known, unknown};

#[test]
fn wrong_usage_is_told_from_failed_work() {
    let site = Site::new("");
    site.pull(&[]).ends(2, &["backbone net has no address to pull from"]);
    let site = Site::new("sha265 = 'x'");
    site.pull(&[]).ends(2, &["mine.toml: line 4: unknown field `sha265`"]);
    let site = Site::new("file = '../../x'");
    site.pull(&[]).ends(2, &["mine.toml: backbone 'net': file: '../../x' is no file name"]);
    std::fs::remove_file(site.path("mine.toml")).unwrap();
    site.pull(&[]).ends(2, &["cannot read registry", "mine.toml"]);
    let site = Site::new("");
    let output = site.command(&["pull", "nat"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("unknown backbone 'nat'"));
}

#[test]
fn a_failure_says_what_where_and_what_to_do() {
    let server = Server::start();
    let site = Site::new(&unknown(&server.url("a.pth")));
    let by_hand = format!("copy the file to {} by hand", site.cached("net.pth").display());
    site.pull(&[]).ends(1, &[&server.url("a.pth"), "HTTP 404 Not Found", "backbones.toml", &by_hand]);
    server.faults([Fault::Status(403, "")]);
    site.pull(&[]).ends(1, &["HTTP 403 Forbidden"]);
    server.faults([Fault::Status(500, ""), Fault::Status(503, "")]);
    site.pull(&["--retries", "1"]).ends(1, &["HTTP 503", "pull again later"]);
    server.faults(std::iter::repeat_n(Fault::Redirect("/a.pth".into()), 12));
    site.pull(&[]).ends(1, &["too many redirects"]);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    site.register(&unknown(&format!("http://{closed}/a.pth")));
    site.pull(&[]).ends(1, &["the connection is refused", "HTTPS_PROXY", "AT2SELD_MIRROR", &by_hand]);
    site.register(&unknown("http://nowhere.invalid/a.pth"));
    site.pull(&[]).ends(1, &["http://nowhere.invalid/a.pth: the host name cannot be resolved"]);
}

#[test]
fn redirects_are_followed() {
    let body = content(1);
    let (first, second) = (Server::start(), Server::start());
    second.serve("b.pth", Page::of(&body));
    first.faults([Fault::Redirect(second.url("b.pth?signature=s3cret"))]);
    let site = Site::new(&known(&first.url("a.pth"), &body));
    assert!(!site.pull(&[]).stderr.contains("s3cret"));
    assert_eq!(site.read("net.pth"), body);
}

#[test]
fn a_proxy_is_asked_for_the_whole_address() {
    let body = content(2);
    let proxy = Server::start();
    proxy.serve("x/a.pth", Page::of(&body));
    let site = Site::new(&known("http://weights.invalid/x/a.pth", &body));
    let through = format!("http://ann:s3cret@{}", proxy.host());
    let run = site.pull_with(&[], &[("HTTP_PROXY", &through), ("HTTPS_PROXY", "http://127.0.0.1:9")]);
    run.ends(0, &[]);
    let asked = &proxy.asked()[0];
    assert_eq!(asked.line, "GET http://weights.invalid/x/a.pth HTTP/1.1");
    assert_eq!(asked.header("proxy-authorization"), Some("Basic YW5uOnMzY3JldA=="));
    assert!(!run.stderr.contains("s3cret"));
    let refused = site.pull_with(&["--force"], &[("http_proxy", &through), ("NO_PROXY", ".invalid")]);
    refused.ends(1, &["cannot be resolved"]);
    assert_eq!(proxy.asked().len(), 1);
}

#[test]
fn a_proxy_that_does_not_let_through_is_named() {
    let proxy = Server::start();
    proxy.faults([Fault::Status(403, "")]);
    let site = Site::new(&unknown("https://weights.invalid/a.pth"));
    let through = format!("http://ann:s3cret@{}", proxy.host());
    let run = site.pull_with(&[], &[("HTTPS_PROXY", &through)]);
    run.ends(1, &["the proxy does not connect", "through the proxy of HTTPS_PROXY"]);
    assert_eq!(proxy.asked()[0].line, "CONNECT weights.invalid:443 HTTP/1.1");
    assert!(!run.stderr.contains("s3cret"), "{}", run.stderr);
}

#[test]
fn certificates_are_those_of_the_file_that_is_named() {
    let body = content(3);
    let identity = Identity::new();
    let (secure, plain) = (Server::start_tls(&identity), Server::start());
    secure.serve("a.pth", Page::of(&body));
    plain.serve("a.pth", Page::of(&body));
    let site = Site::new(&known(&secure.url("a.pth"), &body));
    let (own, other) = (site.path("own.pem"), site.path("other.pem"));
    std::fs::write(&own, &identity.authority).unwrap();
    std::fs::write(&other, Identity::new().authority).unwrap();
    let with =
        |authority: &std::path::Path| site.pull_with(&[], &[("SSL_CERT_FILE", authority.to_str().unwrap())]);
    with(&other).ends(1, &["no secure connection", "SSL_CERT_FILE"]);
    secure.faults([Fault::Redirect(plain.url("a.pth"))]);
    with(&own).ends(1, &["led from https to http"]);
    assert!(plain.asked().is_empty());
    with(&own).ends(0, &[]);
    assert_eq!(site.read("net.pth"), body);
}

#[test]
fn secrets_of_an_address_are_used_but_not_shown() {
    let body = content(4);
    let server = Server::start();
    let address = format!("http://ann:s3cret@{}/a.pth?token=s3cret", server.host());
    let site = Site::new(&known(&address, &body));
    let failed = site.pull(&[]);
    failed.ends(1, &["404"]);
    server.serve("a.pth", Page::of(&body));
    server.faults([Fault::Cut(1000)]);
    let broken = site.pull(&["--retries", "0"]);
    broken.ends(1, &["broke after 1000 bytes"]);
    let note = String::from_utf8(site.read("net.pth.part.json")).unwrap();
    let pulled = site.pull(&[]);
    let asked = server.asked();
    assert_eq!(asked[0].line, "GET /a.pth?token=s3cret HTTP/1.1");
    assert_eq!(asked[0].header("authorization"), Some("Basic YW5uOnMzY3JldA=="));
    let list = site.command(&["list", "--format", "json"]).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(list.contains(&format!("http://{}/a.pth\"", server.host())), "{list}");
    for run in [failed, broken, pulled] {
        assert!(!format!("{}{}", run.stdout, run.stderr).contains("s3cret"), "{}", run.stderr);
    }
    assert!(!note.contains("s3cret") && !list.contains("s3cret"));
}
