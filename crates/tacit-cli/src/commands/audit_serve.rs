//! `tacit audit serve`: records and backlinks in a browser. Reads the log for every request, so
//! that a run under way can be watched; everything shown is escaped, and no script may run.

use crate::report::escape;
use crate::{Ending, stop};
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tacit_audit::{Record, records};
use tacit_core::error::Error;
use tokio::net::TcpListener;

/// Show records and check backlinks in a browser.
#[derive(clap::Args)]
pub struct Args {
    /// The run's folder, or a copy of it.
    dir: PathBuf,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8480")]
    listen: SocketAddr,
}

/// Nothing may be loaded but our own style sheet; nobody may frame the page.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = "\
:root{color-scheme:light dark;--good:#1a7f37;--bad:#cf222e}\
@media(prefers-color-scheme:dark){:root{--good:#56d364;--bad:#ff7b72}}\
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;\
border-bottom:1px solid #8884;vertical-align:top;overflow-wrap:anywhere}\
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#8881;padding:1rem}\
.good{color:var(--good);font-weight:600}.bad{color:var(--bad);font-weight:600}";

pub fn main(args: Args) -> Result<Ending, Error> {
    // A folder that is no run is found out now, not by the first visitor.
    let count = records(&args.dir)?.len();
    let runtime = tokio::runtime::Runtime::new();
    runtime.map_err(|e| Error::world("starting the runtime", e))?.block_on(async {
        let listener = TcpListener::bind(args.listen).await;
        let listener =
            listener.map_err(|e| Error::world(format!("listening on {}", args.listen), e))?;
        let address = listener.local_addr().map_err(|e| Error::world("listening", e))?;
        eprintln!("{count} records of {} on http://{address}", args.dir.display());
        axum::serve(listener, router(args.dir))
            .with_graceful_shutdown(stop::requested())
            .await
            .map_err(|e| Error::world("serving", e))?;
        Ok(Ending::Done)
    })
}

fn router(dir: PathBuf) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/record/{index}", get(record))
        .route("/backlink.html", get(backlink))
        .route("/style.css", get(|| async { ([(header::CONTENT_TYPE, "text/css")], STYLE) }))
        .with_state(Arc::new(dir))
}

type Dir = State<Arc<PathBuf>>;

async fn index(State(dir): Dir) -> Response {
    let all = match records(&dir) {
        Ok(all) => all,
        Err(error) => return broken(&error.to_string()),
    };
    let mut rows = String::new();
    for (number, record) in all.iter().enumerate().rev() {
        let (title, description) = (escape(&record.title), escape(&record.description));
        let _ = write!(
            rows,
            "<tr><td><a href=\"/record/{number}\">{number}</a></td><td>{title}</td>\
             <td>{description}</td></tr>"
        );
    }
    page(
        "Records",
        &format!("<table><tr><th>#</th><th>title</th><th>description</th></tr>{rows}</table>"),
    )
}

async fn record(State(dir): Dir, Path(number): Path<usize>) -> Response {
    let all = match records(&dir) {
        Ok(all) => all,
        Err(error) => return broken(&error.to_string()),
    };
    match all.get(number) {
        Some(record) => page(&format!("Record {number}"), &details(number, record)),
        None => (StatusCode::NOT_FOUND, page("No such record", "")).into_response(),
    }
}

/// The three texts of a backlink; absent ones are empty.
#[derive(serde::Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Texts {
    title: String,
    description: String,
    link: String,
}

async fn backlink(State(dir): Dir, Query(texts): Query<Texts>) -> Response {
    let all = match records(&dir) {
        Ok(all) => all,
        Err(error) => return broken(&error.to_string()),
    };
    let same = |r: &Record| {
        r.title == texts.title && r.description == texts.description && r.link == texts.link
    };
    let body = match all.iter().position(same) {
        Some(number) => format!(
            "<p class=\"good\">record {number} of this log, verified</p>{}",
            details(number, &all[number])
        ),
        None => format!(
            "<p class=\"bad\">not in this log: anyone can write such a URL</p>{}",
            three(&texts.title, &texts.description, &texts.link)
        ),
    };
    page("Backlink", &body)
}

fn details(number: usize, record: &Record) -> String {
    let body = serde_json::to_string_pretty(&record.body).unwrap_or_default();
    format!(
        "{}<h2>Body</h2><pre>{}</pre><p>Proof: <code>tacit audit prove DIR {number}</code></p>",
        three(&record.title, &record.description, &record.link),
        escape(&body)
    )
}

fn three(title: &str, description: &str, link: &str) -> String {
    let row = |name: &str, text: &str| format!("<tr><th>{name}</th><td>{}</td></tr>", escape(text));
    format!(
        "<table>{}{}{}</table>",
        row("title", title),
        row("description", description),
        row("link", link)
    )
}

fn broken(why: &str) -> Response {
    let body = format!("<p class=\"bad\">this log does not verify: {}</p>", escape(why));
    (StatusCode::INTERNAL_SERVER_ERROR, page("Log", &body)).into_response()
}

fn page(title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{0} – tacit audit</title>\
         <link rel=\"stylesheet\" href=\"/style.css\"><p><a href=\"/\">tacit audit</a></p>\
         <h1>{0}</h1>{body}</html>",
        escape(title)
    );
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, html).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn foreign_backlinks_are_red_and_escaped() {
        let dir = tempfile::tempdir().unwrap();
        let signer = tacit_audit::SignerKey::generate(
            "tacit.local/t",
            tacit_audit::Role::Log,
            &mut tacit_audit::OsEntropy,
        );
        let mut log = tacit_audit::Log::create(&dir.path().join("log"), signer.unwrap()).unwrap();
        let real = Record {
            kind: "backlink".into(),
            title: "a & b".into(),
            description: "d".into(),
            link: "psi://x".into(),
            body: serde_json::Value::Null,
        };
        log.append(&real.to_leaf().unwrap()).unwrap();
        let state = State(Arc::new(dir.path().to_owned()));
        let texts = |title: &str| Texts {
            title: title.into(),
            description: "d".into(),
            link: "psi://x".into(),
        };
        let html = |response: Response| async {
            let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
            String::from_utf8(bytes.to_vec()).unwrap()
        };
        let found = backlink(state.clone(), Query(texts("a & b"))).await;
        assert!(
            found.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("none")
        );
        let found = html(found).await;
        assert!(found.contains("record 0 of this log, verified") && found.contains("a &amp; b"));
        let hostile = html(backlink(state, Query(texts("<script>alert(1)</script>"))).await).await;
        assert!(hostile.contains("class=\"bad\">not in this log: anyone can write such a URL"));
        assert!(!hostile.contains("<script"));
    }
}
