# The writer that rotates as the API server does; our own program in tests/real/lumberjack, nothing to start.

lumberjack_needs="go"
lumberjack_files=../../lumberjack

lumberjack_install() {
    (cd "$recipe/$lumberjack_files" && GOTOOLCHAIN=auto go build -mod=readonly -buildvcs=false -trimpath -o "$1/lumberjack" .)
}

lumberjack_prepare() { export GATECRIER_TEST_LUMBERJACK=$1/lumberjack; }
