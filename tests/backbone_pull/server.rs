//! A small HTTP server on 127.0.0.1 that does what it is told, wrong things included, and remembers what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What a client asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET /a.pth HTTP/1.1`
    pub line: String,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// First byte of the range that was asked for.
    pub fn first(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// A file that is served.
#[derive(Debug, Clone)]
pub struct Page {
    pub body: Vec<u8>,
    pub headers: Vec<(&'static str, String)>,
    /// Whether parts of it can be asked for.
    pub ranges: bool,
}

impl Page {
    pub fn of(body: &[u8]) -> Self {
        let headers = vec![("etag", format!("\"{:x}\"", body.iter().map(|b| u64::from(*b)).sum::<u64>()))];
        Self { body: body.to_vec(), headers, ranges: true }
    }

    fn etag(&self) -> Option<&str> {
        self.headers.iter().find(|(name, _)| *name == "etag").map(|(_, value)| value.as_str())
    }
}

/// What goes wrong with one answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Another status, and no file.
    Status(u16, &'static str),
    /// The connection breaks after so many bytes.
    Cut(usize),
    /// Nothing comes for a time after so many bytes, then the rest.
    Pause(usize, Duration),
    /// The length is announced to be this one.
    Announce(u64),
    /// The client is sent elsewhere.
    Redirect(String),
}

#[derive(Debug, Default)]
struct State {
    pages: BTreeMap<String, Page>,
    faults: VecDeque<Fault>,
    asked: Vec<Request>,
}

/// A server; its threads end with the test.
#[derive(Debug, Clone)]
pub struct Server {
    state: Arc<Mutex<State>>,
    address: String,
}

/// A certificate for 127.0.0.1, and the authority that signed it, as PEM.
pub struct Identity {
    pub authority: String,
    config: Arc<ServerConfig>,
}

impl Identity {
    pub fn new() -> Self {
        use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let own = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&own, &issuer).unwrap();
        let key = PrivateKeyDer::try_from(own.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key);
        Self { authority, config: Arc::new(config.unwrap()) }
    }
}

impl Server {
    pub fn start() -> Self {
        Self::with("http", |stream| Box::new(stream))
    }

    pub fn start_tls(identity: &Identity) -> Self {
        let config = Arc::clone(&identity.config);
        Self::with("https", move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            Box::new(StreamOwned::new(connection, stream))
        })
    }

    fn with(scheme: &str, wrap: impl Fn(TcpStream) -> Box<dyn Duplex> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("{scheme}://{}", listener.local_addr().unwrap());
        let server = Self { state: Arc::default(), address };
        let serving = server.clone();
        let wrap = Arc::new(wrap);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (server, wrap) = (serving.clone(), Arc::clone(&wrap));
                // A client that went away is no fault of the server.
                std::thread::spawn(move || server.converse(wrap(stream)));
            }
        });
        server
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.address)
    }

    /// Host and port.
    pub fn host(&self) -> &str {
        self.address.split_once("://").unwrap().1
    }

    pub fn serve(&self, path: &str, page: Page) {
        self.state.lock().unwrap().pages.insert(format!("/{path}"), page);
    }

    /// What goes wrong with the next answers, one each.
    pub fn faults(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.lock().unwrap().faults.extend(faults);
    }

    pub fn asked(&self) -> Vec<Request> {
        self.state.lock().unwrap().asked.clone()
    }

    /// Answers requests until the other side or a fault ends it.
    fn converse(&self, stream: Box<dyn Duplex>) -> Option<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let request = read(&mut stream)?;
            let (page, fault) = {
                let mut state = self.state.lock().unwrap();
                state.asked.push(request.clone());
                let path = request.line.split(' ').nth(1)?.to_owned();
                let path = path.split_once("://").map_or(path.clone(), |(_, rest)| {
                    rest.find('/').map_or("/".to_owned(), |at| rest[at..].to_owned())
                });
                let path = path.split('?').next()?.to_owned();
                (state.pages.get(&path).cloned(), state.faults.pop_front())
            };
            answer(stream.get_mut(), &request, page, fault)?;
        }
    }
}

trait Duplex: Read + Write {}

impl<T: Read + Write> Duplex for T {}

fn read(stream: &mut impl BufRead) -> Option<Request> {
    let mut lines = stream.by_ref().lines();
    let line = lines.next()?.ok()?;
    let mut headers = BTreeMap::new();
    for header in lines {
        let header = header.ok()?;
        let Some((name, value)) = header.split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    Some(Request { line, headers })
}

/// `None` when the connection is to end.
fn answer(out: &mut impl Write, request: &Request, page: Option<Page>, fault: Option<Fault>) -> Option<()> {
    let mut head = |status: &str, headers: &[(&str, String)]| {
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        write!(out, "HTTP/1.1 {status}\r\n{lines}\r\n").ok()
    };
    match &fault {
        Some(Fault::Status(code, extra)) => {
            let (name, value) = extra.split_once(": ").unwrap_or(("x-none", ""));
            let headers = [(name, value.to_owned()), ("content-length", "0".to_owned())];
            return head(&format!("{code} Told So"), &headers);
        }
        Some(Fault::Redirect(to)) => {
            return head("302 Found", &[("location", to.clone()), ("content-length", "0".to_owned())]);
        }
        _ => {}
    }
    let Some(page) = page else { return head("404 Not Found", &[("content-length", "0".to_owned())]) };
    let is_same = request.header("if-range").is_none_or(|validator| Some(validator) == page.etag());
    let first = request.first().filter(|_| page.ranges && is_same);
    let mut headers = page.headers.clone();
    let whole = page.body.len();
    let status = match first {
        Some(first) if first >= whole => {
            headers
                .extend([("content-range", format!("bytes */{whole}")), ("content-length", "0".to_owned())]);
            return head("416 Range Not Satisfiable", &headers);
        }
        Some(first) => {
            headers.push(("content-range", format!("bytes {first}-{}/{whole}", whole - 1)));
            "206 Partial Content"
        }
        None => "200 OK",
    };
    let body = &page.body[first.unwrap_or(0)..];
    let announced = if let Some(Fault::Announce(length)) = fault { length } else { body.len() as u64 };
    headers.push(("content-length", announced.to_string()));
    head(status, &headers)?;
    match fault {
        Some(Fault::Cut(length)) => {
            out.write_all(&body[..length]).ok()?;
            out.flush().ok()?;
            None
        }
        Some(Fault::Pause(length, time)) => {
            out.write_all(&body[..length]).ok()?;
            out.flush().ok()?;
            std::thread::sleep(time);
            out.write_all(&body[length..]).ok()
        }
        _ => out.write_all(body).ok().and_then(|()| out.flush().ok()),
    }
}
