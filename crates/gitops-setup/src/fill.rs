//! Values that plans only name: what a Secret is filled with, and whether it is filled with that already.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cluster::Client;
use cluster::observe::Found;
use jiff::Timestamp;
use manifests::ObjectRef;
use manifests::argocd::names::SIGNING_KEY;
use manifests::config::{SecretRef, Variant};
use manifests::fill::{Fill, ProjectToken};
use ring::hmac;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde_json::json;
use stages::observed::Live;
use stages::{Inputs, Observed};

use crate::failure::Failure;
use crate::session::{Session, blocking};
use crate::{observe, random};

/// bcrypt cost of the admin password, as Argo CD and the guide have it.
const COST: u32 = 10;
/// Key of the hash of the admin password there.
pub(crate) const PASSWORD: &str = "admin.password";
/// Bytes of a random value.
const RANDOM: usize = 32;

/// The value, for the server's eyes only.
pub(crate) async fn value(session: &Session, client: &Client, fill: &Fill) -> Result<SecretString, Failure> {
    match fill {
        Fill::BcryptOf(reference) => bcrypt_of(session, reference).await,
        Fill::Now => Ok(now(client.server_time()).into()),
        Fill::ProjectToken(token) => {
            let key = signing_key(client, &token.signed_by).await?;
            Ok(signed(token, key.expose_secret()))
        }
        Fill::Secret(_) | Fill::Key(_) | Fill::UnencryptedKey { .. } => plain(session, fill).await,
        Fill::Random | Fill::Text(_) | Fill::HookUuid => made(fill),
        Fill::ClusterConfig(_) => Err(elsewhere()),
    }
}

/// Whether a live value is what it would be filled with.
pub(crate) async fn is_filled(
    session: &Session,
    fill: &Fill,
    live: &[u8],
    observed: &Observed,
) -> Result<bool, Failure> {
    match fill {
        Fill::BcryptOf(reference) => {
            let (password, hash) =
                (session.secret(reference).await?, String::from_utf8_lossy(live).into_owned());
            blocking(move || Ok(bcrypt::verify(password.expose_secret(), &hash).unwrap_or(false))).await
        }
        Fill::Now => Ok(!live.is_empty()),
        Fill::ProjectToken(token) => {
            let key =
                observed.object(&token.signed_by).and_then(|secret| observe::value(secret, SIGNING_KEY));
            Ok(key.is_some_and(|key| signed(token, &key).expose_secret().as_bytes() == live))
        }
        Fill::Secret(_) | Fill::Key(_) | Fill::UnencryptedKey { .. } => {
            Ok(plain(session, fill).await?.expose_secret().as_bytes() == live)
        }
        Fill::ClusterConfig(_) => Err(elsewhere()),
        Fill::Random | Fill::Text(_) | Fill::HookUuid => {
            let hash = observed.objects.values().find_map(|live| match live {
                Live::Found(object) => observe::value(object, PASSWORD),
                _ => None,
            });
            is_good(live, hash).await
        }
    }
}

/// Its token is in another cluster than what is filled with it: `clusters` does that.
fn elsewhere() -> Failure {
    Failure::Bug("a token of another cluster".into())
}

/// A value that is made here and now.
pub(crate) fn made(fill: &Fill) -> Result<SecretString, Failure> {
    match fill {
        Fill::Random => random(),
        Fill::Text(text) => Ok(text.as_str().into()),
        _ => Err(Failure::Bug("a value that is not made here".into())),
    }
}

/// 32 random bytes in hexadecimal digits, which no server takes for anything but text.
fn random() -> Result<SecretString, Failure> {
    Ok(random::bytes::<RANDOM>()?.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
}

/// Whether what somebody stored may stay: anything but nothing, and but the admin password, which the guide stores
/// here and thereby gives to the Git host. `hash` is that of the password.
pub(crate) async fn is_good(live: &[u8], hash: Option<Vec<u8>>) -> Result<bool, Failure> {
    let ours = live.len() == RANDOM * 2 && live.iter().all(u8::is_ascii_hexdigit);
    let Some(hash) = hash.filter(|_| !ours) else { return Ok(!live.is_empty()) };
    let (live, hash) = (SecretSlice::from(live.to_vec()), String::from_utf8_lossy(&hash).into_owned());
    blocking(move || {
        let live = live.expose_secret();
        Ok(!live.is_empty() && !bcrypt::verify(live, &hash).unwrap_or(false))
    })
    .await
}

/// The time by whichever clock is behind, this machine's or the server's.
/// Argo CD refuses every login until a time in the future is reached, and ignores one that it can't read: no fraction,
/// no offset.
fn now(server: Option<Timestamp>) -> String {
    let own = Timestamp::now();
    let earlier = server.map_or(own, |server| own.min(server));
    earlier.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A value that is a secret of the user's, as it is or in another form.
async fn plain(session: &Session, fill: &Fill) -> Result<SecretString, Failure> {
    match fill {
        Fill::UnencryptedKey { private_key, passphrase } => {
            session.unencrypted(private_key, passphrase.as_ref()).await
        }
        Fill::Key(reference) => {
            let key = session.secret(reference).await?;
            // What was checked forgives more than those who read what is stored.
            Ok(git_credentials::SshKey::armoured(&key)?)
        }
        Fill::Secret(reference) => session.secret(reference).await,
        Fill::BcryptOf(_)
        | Fill::Now
        | Fill::ProjectToken(_)
        | Fill::Random
        | Fill::Text(_)
        | Fill::HookUuid
        | Fill::ClusterConfig(_) => Err(Failure::Bug("a value that is no plain secret".into())),
    }
}

async fn signing_key(client: &Client, secret: &ObjectRef) -> Result<SecretSlice<u8>, Failure> {
    let found = client.read_all(std::slice::from_ref(secret)).await?.remove(secret);
    let key = match &found {
        Some(Found::Object(object)) => observe::value(object, SIGNING_KEY),
        _ => None,
    };
    key.map(SecretSlice::from).ok_or_else(|| {
        Failure::Precondition(format!(
            "{secret} has no {SIGNING_KEY}: Argo CD's server makes it when it first starts\n  look why it has not: \
             kubectl get pods -n {}",
            secret.namespace.as_deref().unwrap_or_default()
        ))
    })
}

/// The token as Argo CD itself makes it (`util/session` in its source): a JWT with HMAC-SHA256.
fn signed(token: &ProjectToken, key: &[u8]) -> SecretString {
    let encode = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let header = encode(json!({ "alg": "HS256", "typ": "JWT" }));
    let claims = encode(json!({
        "iss": "argocd",
        "sub": format!("proj:{}:{}", token.project, token.role),
        "iat": token.issued_at,
        "nbf": token.issued_at,
        "jti": token.id,
    }));
    let text = format!("{header}.{claims}");
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag)).into()
}

async fn bcrypt_of(session: &Session, reference: &SecretRef) -> Result<SecretString, Failure> {
    let password = session.secret(reference).await?;
    check_password(password.expose_secret(), reference)?;
    let reference = reference.clone();
    blocking(move || match bcrypt::hash(password.expose_secret(), COST) {
        Ok(hash) => Ok(hash.into()),
        Err(error) => Err(Failure::Usage(format!("the password in {reference} can't be hashed: {error}"))),
    })
    .await
}

/// The admin password, where there is a login that it is for.
pub(crate) fn used_password(inputs: &Inputs) -> Option<&SecretRef> {
    inputs.admin_password.as_ref().filter(|_| inputs.config.argocd.variant != Variant::Core)
}

/// Argo CD's own rule for passwords set through its API.
pub(crate) fn check_password(password: &str, reference: &SecretRef) -> Result<(), Failure> {
    match password.chars().count() {
        8..=32 => Ok(()),
        length => Err(Failure::Usage(format!(
            "the admin password ({reference}) has {length} characters; Argo CD wants 8 to 32"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_have_8_to_32_characters() {
        let reference = SecretRef::Env("PASSWORD".into());
        for (length, good) in [(7, false), (8, true), (32, true), (33, false)] {
            let result = check_password(&"ü".repeat(length), &reference);
            assert_eq!(result.is_ok(), good, "{length}");
            assert!(result.err().is_none_or(|failure| failure.code() == 2));
        }
    }

    #[test]
    fn the_clock_that_is_behind_counts() {
        let server = |time: &str| Some(time.parse().expect("a time"));
        assert_eq!(now(server("1994-11-06T08:49:37Z")), "1994-11-06T08:49:37Z");
        for ahead_or_missing in [server("2893-11-06T08:49:37Z"), None] {
            let year: i32 = now(ahead_or_missing)[..4].parse().expect("a year");
            assert!((2024..2500).contains(&year), "{ahead_or_missing:?}: {year}");
        }
    }

    #[test]
    fn a_project_token_is_a_jwt() {
        let token = ProjectToken {
            project: "seldon".into(),
            role: "seldon-admin".into(),
            id: "gitops-setup".into(),
            issued_at: 1_700_000_000,
            signed_by: ObjectRef::namespaced("v1", "Secret", "argocd", "argocd-secret"),
        };
        let signed = signed(&token, b"key");
        let parts: Vec<&str> = signed.expose_secret().split('.').collect();
        let claims = BASE64_URL_SAFE_NO_PAD.decode(parts[1]).expect("base64");
        let claims: serde_json::Value = serde_json::from_slice(&claims).expect("JSON");
        assert_eq!(claims["sub"], "proj:seldon:seldon-admin");
        assert_eq!(claims["iat"], 1_700_000_000);
        let tag = BASE64_URL_SAFE_NO_PAD.decode(parts[2]).expect("base64");
        let text = format!("{}.{}", parts[0], parts[1]);
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, b"key"), text.as_bytes(), &tag)
            .expect("the signature");
    }
}
