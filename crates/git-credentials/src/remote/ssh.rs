//! Whether an SSH host is there at all, told apart before ssh runs, which says the same of many causes.

use std::io::ErrorKind;
use std::net::{TcpStream, ToSocketAddrs as _};

use super::RemoteError;
use super::target::Target;
use crate::bounded::{Deadline, detached};

/// What came of a try to connect.
enum Reach {
    Connected,
    NoSuchHost,
    Refused(String),
    TimedOut,
}

/// Resolves the host and connects to it.
pub(crate) async fn reach(target: &Target<'_>) -> Result<(), RemoteError> {
    let (host, port, deadline) =
        (target.address.host.clone(), target.address.port.unwrap_or(22), target.deadline);
    match detached(deadline, move || connect(&host, port, deadline)).await {
        Some(Reach::Connected) => Ok(()),
        Some(Reach::NoSuchHost) => Err(target.no_such_host()),
        Some(Reach::Refused(why)) => Err(target.unreachable(why)),
        Some(Reach::TimedOut) | None => Err(target.timed_out("connecting to it")),
    }
}

fn connect(host: &str, port: u16, deadline: Deadline) -> Reach {
    let Ok(addresses) = (host, port).to_socket_addrs() else { return Reach::NoSuchHost };
    let mut last = Reach::NoSuchHost;
    for address in addresses {
        let left = deadline.left();
        if left.is_zero() {
            return Reach::TimedOut;
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(_) => return Reach::Connected,
            Err(error) if error.kind() == ErrorKind::TimedOut => last = Reach::TimedOut,
            Err(error) => last = Reach::Refused(error.to_string()),
        }
    }
    last
}
