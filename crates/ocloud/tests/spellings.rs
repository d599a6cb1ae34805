//! Every way somebody has thought of to write an address that must not be spoken to.

#![allow(clippy::unwrap_used, clippy::panic)] // tests: stop where it breaks

use std::net::ToSocketAddrs;

use tgm_ocloud::endpoint::{Endpoint, EndpointError};
use tgm_ocloud::{Dialer, LinkError, Policy};

/// Refused before anybody is asked, whatever the policy.
const NEVER: &[&str] = &[
    // Metadata, as everybody writes it.
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.169.254:80/",
    "http://169.254.170.2/v2/credentials",
    "http://169.254.170.23/",
    "http://100.100.100.200/latest/meta-data/",
    "http://168.63.129.16/machine",
    "http://192.0.0.192/opc/v1/",
    "http://[fd00:ec2::254]/",
    "http://[fd00:ec2::23]/",
    "http://[fd00:0ec2:0:0:0:0:0:254]/",
    "http://[fd20:ce::254]/",
    // Decimal, octal, hexadecimal, short, mixed.
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://0XA9FEA9FE/",
    "http://0251.0376.0251.0376/",
    "http://0xa9.0xfe.0xa9.0xfe/",
    "http://0xa9.254.0251.254/",
    "http://169.254.43518/",
    "http://169.16689662/",
    "http://025177524776/",
    "http://00000169.254.169.254/",
    "http://169.254.169.0376/",
    "http://169.254.169.254./",
    "http://169.254.169.254../",
    "http://169.254.169/",
    "http://127.1/",
    "http://127.0.1/",
    "http://0x7f.1/",
    "http://0x7f000001/",
    "http://017700000001/",
    "http://2130706433/",
    "http://4294967295/",
    "http://0/",
    "http://0x0/",
    "http://00/",
    "http://256.256.256.256/",
    "http://1.2.3.4.5/",
    "http://1.2.3/",
    "http://evil.127/",
    "http://evil.0x7f/",
    // IPv6 forms of IPv4 addresses.
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[0:0:0:0:0:ffff:a9fe:a9fe]/",
    "http://[::169.254.169.254]/",
    "http://[::a9fe:a9fe]/",
    "http://[::ffff:0:169.254.169.254]/",
    "http://[64:ff9b::169.254.169.254]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[64:ff9b:1::a9fe:a9fe]/",
    "http://[2002:a9fe:a9fe::]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[2002:7f00:1::]/",
    "http://[fd00::5efe:169.254.169.254]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[::127.0.0.1]/",
    "http://[2001:0:a9fe:a9fe::1]/",
    "http://[::ffff:0.0.0.0]/",
    // Addresses that are nobody's, or everybody's.
    "http://0.0.0.0/",
    "http://0.1.2.3/",
    "http://[::]/",
    "http://[0:0:0:0:0:0:0:0]/",
    "http://169.254.0.1:8080/",
    "http://[fe80::1]/",
    "http://[febf::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[fec0::1]/",
    "http://224.0.0.1/",
    "http://239.255.255.250:1900/",
    "http://255.255.255.255/",
    "http://240.0.0.1/",
    "http://[ff02::1]/",
    "http://[100::1]/",
    // What a URL parser and a person read differently.
    "http://user@169.254.169.254/",
    "http://localhost@169.254.169.254/",
    "http://localhost:80@169.254.169.254/",
    "http://user:secret@localhost/",
    "http://@localhost/",
    "http://localhost#@169.254.169.254/",
    "http://localhost/#fragment",
    "http://169.254.169.254#.localhost/",
    "http://localhost\\@169.254.169.254/",
    "http://169.254.169.254%2f/",
    "http://%31%36%39.254.169.254/",
    "http://169。254。169。254/",
    "http://①⑥⑨.254.169.254/",
    "http://localhost\t/",
    "http://local host/",
    "http://localhost\r\nHost: evil/",
    "http://[::1/",
    "http://::1/",
    "http://[127.0.0.1]/",
    "http://[localhost]/",
    "http://a..b/",
    "http://.localhost/",
    "http://localhost:0/",
    "http://localhost:65536/",
    "http://localhost:-1/",
    "http://localhost:+80/",
    // Other schemes.
    "file:///etc/passwd",
    "ftp://localhost/",
    "gopher://localhost:6379/_x",
    "unix:/run/x.sock",
    "//169.254.169.254/",
    "http:169.254.169.254",
    "http:/169.254.169.254/",
    "jar:http://169.254.169.254!/",
    "dict://localhost:11211/stat",
];

#[test]
fn no_spelling_reaches_what_must_not_be_reached() {
    assert!(NEVER.len() >= 60);
    let taken: Vec<_> = NEVER.iter().filter(|text| Endpoint::parse(text).is_ok()).collect();
    assert_eq!(taken, Vec::<&&str>::new());
}

/// The table could pass by refusing everything.
#[test]
fn usual_spellings_are_taken() {
    for text in [
        "http://localhost/",
        "http://127.0.0.1:9043/event",
        "http://[::1]:9043/",
        "http://10.0.0.1/",
        "http://[fd12:3456::1]/",
        "http://[64:ff9b::10.0.0.1]/",
        "http://consumer.ns.svc.cluster.local:9043/a%20b?c=d",
        "http://my_consumer-1/",
        "http://3com.example/",
    ] {
        Endpoint::parse(text).unwrap();
    }
}

/// The system's resolver does take short and octal forms for addresses: refusing them as text is needed, and what it makes of them is
/// judged again where a connection is made.
#[tokio::test]
async fn what_the_resolver_makes_of_a_name_is_judged() {
    let known = ("0x7f.1", 80)
        .to_socket_addrs()
        .is_ok_and(|mut all| all.any(|one| one.ip().is_loopback()));
    println!("this system's resolver takes 0x7f.1 for loopback: {known}");
    for (host, policy) in [
        ("0xa9fea9fe", Policy::Cluster),
        ("2852039166", Policy::Localhost),
        ("127.1", Policy::Cluster),
    ] {
        let mut endpoint = Endpoint::parse("http://localhost:1/").unwrap();
        endpoint.host = host.to_owned();
        match Dialer::new(policy).connect(&endpoint).await {
            Err(LinkError::Endpoint(EndpointError::Forbidden(_) | EndpointError::Policy(..))) => {}
            Err(LinkError::Connect(error)) if !known => println!("{host}: {error}"),
            other => panic!("{host}: {other:?}"),
        }
    }
}
