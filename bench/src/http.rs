//! The client of W4: a plain socket that writes the same bytes and reads the answer, one connection kept alive.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::SystemTime;

/// One connection to a worker that serves.
pub struct Client {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
    header: String,
}

impl Client {
    /// Requests without a trace header.
    pub fn connect(port: u16) -> io::Result<Client> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        Ok(Client { stream: BufReader::new(stream), line: String::new(), body: Vec::new(), header: String::new() })
    }

    /// Requests that belong to a trace already.
    pub fn with_trace_header(mut self) -> Client {
        // A trace of today: one of long ago would be refused by some.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.header =
            format!("x-amzn-trace-id: Root=1-{now:08x}-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1\r\n");
        self
    }

    /// Asks for an order and reads the answer to its end.
    pub fn get_order(&mut self) -> io::Result<()> {
        self.get("/orders/4200")
    }

    /// Ends the server.
    pub fn quit(mut self) -> io::Result<()> {
        self.get("/quit")
    }

    fn get(&mut self, path: &str) -> io::Result<()> {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: orders.example.com\r\nuser-agent: bench\r\n{}\r\n", self.header);
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut length = 0;
        loop {
            self.line.clear();
            self.stream.read_line(&mut self.line)?;
            match self.line.trim_end().split_once(": ") {
                Some(("content-length", value)) => length = value.parse().unwrap_or(0),
                Some(_) => {}
                None if self.line.starts_with("HTTP/1.1 200") => {}
                None if self.line == "\r\n" => break,
                None => return Err(io::Error::other(format!("unexpected answer {:?}", self.line))),
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)
    }
}
