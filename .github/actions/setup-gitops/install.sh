#!/usr/bin/env bash
# Puts the program into $RUNNER_TEMP/gitops-setup/bin: `install.sh install`. `install.sh key` says what it is cached by.
set -euo pipefail

sources="$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)"
folder="$RUNNER_TEMP/gitops-setup"

fail() {
    echo "::error title=setup-gitops::$1"
    exit 1
}

# What is no release would reach a file name.
if [ -n "$VERSION" ] && ! [[ "$VERSION" =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]]; then
    fail 'version has to be a release such as v0.1.0'
fi

sha256() {
    if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi
}

key() {
    if [ -n "$VERSION" ]; then
        echo "key=$VERSION"
        return
    fi
    cd "$sources"
    find Cargo.toml Cargo.lock crates -type f -not -path '*/tests/*' -print0 | LC_ALL=C sort -z |
        { if command -v sha256sum >/dev/null; then xargs -0 sha256sum; else xargs -0 shasum -a 256; fi; } |
        sha256 | sed 's/^\([0-9a-f]*\).*/key=\1/'
}

target() {
    case "$(uname -s)-$(uname -m)" in
        Linux-x86_64) echo x86_64-unknown-linux-musl ;;
        Linux-aarch64) echo aarch64-unknown-linux-musl ;;
        Darwin-x86_64) echo x86_64-apple-darwin ;;
        Darwin-arm64) echo aarch64-apple-darwin ;;
        *) fail "there is no release for $(uname -s) on $(uname -m): leave version empty, and it is built here" ;;
    esac
}

download() {
    local name archive
    name="gitops-setup-$VERSION-$(target)"
    archive="$name.tar.gz"
    mkdir -p "$folder/download" "$folder/bin"
    gh release download "$VERSION" --repo "$REPOSITORY" --dir "$folder/download" --clobber \
        --pattern "$archive" --pattern SHA256SUMS
    cd "$folder/download"
    grep -F "  $archive" SHA256SUMS | sha256 --check -
    tar -xzf "$archive"
    mv "$name/gitops-setup" "$folder/bin/"
}

build() {
    command -v cargo >/dev/null || fail 'there is no Rust to build gitops-setup with: install it, or name a version'
    cargo install --locked --path "$sources/crates/gitops-setup" --root "$folder" --target-dir "$folder/target"
    # Only what is cached stays.
    rm -rf "$folder/target"
}

case "$1" in
    key) key >>"$GITHUB_OUTPUT" ;;
    install)
        mkdir -p "$folder"
        if [ ! -x "$folder/bin/gitops-setup" ]; then
            if [ -n "$VERSION" ]; then download; else build; fi
        fi
        "$folder/bin/gitops-setup" --version
        echo "$folder/bin" >>"$GITHUB_PATH"
        ;;
    *) fail "what is $1?" ;;
esac
