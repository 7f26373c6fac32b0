# Finds cargo, or installs it with the system's rustup package. Read by demo.sh and test.sh.
[ -f "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"
if ! command -v cargo >/dev/null 2>&1; then
    echo "Rust is missing. Install it from https://rustup.rs and run this again." >&2
    exit 1
fi
