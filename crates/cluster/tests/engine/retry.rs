//! What is tried again, and for how long.

use cluster::ClusterError;
use cluster::observe::Found;
use serde_json::json;

use crate::server::{Answer, NOBODY, Server, connect, failure};
use crate::support::{IMPATIENT, PATIENT, body, patching, settings, soon};

fn busy() -> Answer {
    Answer::Json(503, failure(503, "ServiceUnavailable", "the server is starting"))
}

fn good() -> Answer {
    Answer::Json(200, body(&settings()))
}

fn version() -> Answer {
    Answer::Json(200, json!({ "major": "1", "minor": "36+", "gitVersion": "v1.36.3" }))
}

#[tokio::test]
async fn a_server_that_asks_to_come_later_is_asked_later() {
    let server = Server::scripted(vec![|| Answer::Later(429, 1), || Answer::Json(201, body(&settings()))]);
    soon(server.client(PATIENT).await.apply(&patching(&settings()))).await.unwrap();
    assert_eq!(server.asked().len(), 2);
    let [first, second] = &server.asked()[..] else { panic!() };
    assert_eq!((&first.method, &first.path, &first.body), (&second.method, &second.path, &second.body));
}

#[tokio::test]
async fn a_server_that_asks_to_come_much_later_ends_it() {
    let server = Server::scripted(vec![|| Answer::Later(429, 3600)]);
    let error = soon(server.client(IMPATIENT).await.apply(&patching(&settings()))).await.unwrap_err();
    assert!(matches!(error, ClusterError::TimedOut { .. }), "{error}");
    assert!(error.to_string().contains("ConfigMap/settings in demo"), "{error}");
    // Without what it asked for, there would have been time for more.
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn failures_of_the_server_are_tried_again() {
    let broken: fn() -> Answer = || Answer::Json(500, failure(500, "InternalError", "etcd has no leader"));
    let proxy: fn() -> Answer = || Answer::Text(502, "<html>Bad Gateway</html>");
    let server = Server::scripted(vec![broken, busy, proxy, good]);
    soon(server.client(PATIENT).await.apply(&patching(&settings()))).await.unwrap();
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test]
async fn a_lost_connection_is_tried_again() {
    let server = Server::scripted(vec![|| Answer::Reset, || Answer::Reset, good]);
    soon(server.client(PATIENT).await.apply(&patching(&settings()))).await.unwrap();
    assert_eq!(server.asked().len(), 3);

    let server = Server::scripted(vec![|| Answer::Reset, version]);
    let version = soon(server.client(PATIENT).await.version()).await.unwrap();
    assert_eq!((version.major, version.minor, version.text.as_str()), (1, 36, "v1.36.3"));
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_no_answer() {
    let cut: fn() -> Answer = || Answer::Cut(body(&settings()));
    // The end of the connection may also be taken for the end of the body.
    let half: fn() -> Answer = || Answer::Text(200, r#"{"apiVersion":"v1","kind":"Conf"#);
    let server = Server::scripted(vec![cut, half, good]);
    let found = soon(server.client(PATIENT).await.read(&settings())).await.unwrap();
    let Found::Object(object) = found else { panic!("{found:?}") };
    assert_eq!(object.reference(), settings());
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let server = Server::scripted(vec![|| Answer::Endless, good]);
    let found = soon(server.client(PATIENT).await.read(&settings())).await.unwrap();
    assert!(matches!(found, Found::Object(_)), "{found:?}");
}

#[tokio::test]
async fn half_of_an_absence_does_not_say_that_the_kind_is_unknown() {
    let half: fn() -> Answer =
        || Answer::Text(404, r#"{"kind":"Status","apiVersion":"v1","metadata":{},"sta"#);
    let server = Server::scripted(vec![half, good]);
    let found = soon(server.client(PATIENT).await.read(&settings())).await.unwrap();
    assert!(matches!(found, Found::Object(_)), "{found:?}");
    // What serves no kinds at all says so in words.
    let unknown: fn() -> Answer = || Answer::Text(404, "404 page not found\n");
    let server = Server::scripted(vec![unknown]);
    let found = soon(server.client(PATIENT).await.read(&settings())).await.unwrap();
    assert_eq!(found, Found::KindUnknown);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_server_that_stays_busy_is_given_up() {
    let server = Server::scripted(vec![busy]);
    let client = server.client(IMPATIENT).await;
    let wanted = settings();
    let patch = patching(&wanted);
    let one = std::slice::from_ref(&wanted);
    let untaken = |_: &_| panic!("nothing was taken");
    let ended = soon(async {
        tokio::join!(
            client.apply(&patch),
            client.read(&wanted),
            client.list(&wanted),
            client.read_all(one),
            client.apply_all(vec![patch.clone()], &untaken),
        )
    });
    let (apply, read, list, read_all, apply_all) = ended.await;
    let errors = [
        apply.unwrap_err(),
        read.unwrap_err(),
        list.unwrap_err(),
        read_all.unwrap_err(),
        apply_all.unwrap_err(),
    ];
    for error in errors {
        let ClusterError::TimedOut { what, state, .. } = &error else { panic!("{error}") };
        assert!(what.contains("ConfigMap/settings in demo"), "{what}");
        assert!(state.concat().contains("the server is starting"), "{state:?}");
    }
    assert!(server.asked().len() > 5);
}

#[tokio::test]
async fn what_the_server_said_last_is_told_where_it_says_nothing_more() {
    let server = Server::scripted(vec![busy, || Answer::Silent]);
    let error = soon(server.client(IMPATIENT).await.apply(&patching(&settings()))).await.unwrap_err();
    assert!(error.to_string().contains("the server is starting"), "{error}");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let silent: fn() -> Answer = || Answer::Silent;
    let stalled: fn() -> Answer = || Answer::Stalled(body(&settings()));
    for answer in [silent, stalled] {
        let server = Server::scripted(vec![answer]);
        let client = server.client(IMPATIENT).await;
        let (patch, wanted) = (patching(&settings()), settings());
        let ended =
            soon(async { tokio::join!(client.version(), client.apply(&patch), client.list(&wanted)) });
        let (version, apply, list) = ended.await;
        let errors = [version.unwrap_err(), apply.unwrap_err(), list.unwrap_err()];
        for error in errors {
            let ClusterError::Unreachable { server, .. } = &error else { panic!("{error}") };
            assert!(server.starts_with("http://127.0.0.1:"), "{server}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_given_up() {
    let client = connect(NOBODY, IMPATIENT).await;
    let error = soon(client.version()).await.unwrap_err();
    assert!(matches!(error, ClusterError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
}
