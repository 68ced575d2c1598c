# Alertmanager, built from its Go module: its own go.sum pins everything below it, and the sum here pins that.
# The module leaves out the built web pages that its program embeds; an empty page stands in for them.

alertmanager_needs="go curl"

alertmanager_install() {
    local version=v0.34.2 sum=h1:4oOnHs4J41X9n+7MucFjA3I5i5MtasjWTnIY27q5Qkw= module dir
    mkdir "$1/src"
    cd "$1/src"
    printf 'module gatecrier.test/alertmanager\n\ngo 1.26.0\n' >go.mod
    export GOTOOLCHAIN=auto
    module=$(go mod download -json "github.com/prometheus/alertmanager@$version")
    grep -qF "\"Sum\": \"$sum\"" <<<"$module" || fail "alertmanager $version is not what was pinned"
    dir=$(sed -n 's/.*"Dir": "\(.*\)".*/\1/p' <<<"$module")
    cp -r "$dir/." .
    chmod -R u+w .
    mkdir -p ui/app/dist
    echo '<!doctype html>' >ui/app/dist/index.html
    go build -mod=readonly -p 2 -trimpath -ldflags "-s -w" -o ../alertmanager ./cmd/alertmanager
    cd "$1"
    rm -rf src
}

alertmanager_prepare() {
    local port
    port=$(free_port)
    cp "$recipe/alertmanager.yaml" .
    # Where notifications go is for the test to write.
    echo http://127.0.0.1:9/ >notify
    serve "$1/alertmanager" --config.file=alertmanager.yaml --storage.path=data \
        --web.listen-address="127.0.0.1:$port" --cluster.listen-address=
    ready_when "curl -sf http://127.0.0.1:$port/-/ready"
    export GATECRIER_TEST_ALERTMANAGER_URL=http://127.0.0.1:$port GATECRIER_TEST_ALERTMANAGER_NOTIFY=$PWD/notify
}
