# Loki, built from its Go module. go.mod and go.sum beside this file pin it and everything below it.
# The build takes about ten minutes on two cores; the cache makes that once.

loki_needs="go curl"

loki_install() {
    # Run beside the module files, which the Go command may not touch. An older Go fetches the one that go.mod asks for.
    (cd "$recipe" && GOTOOLCHAIN=auto go build -mod=readonly -trimpath -ldflags "-s -w" -o "$1/loki" github.com/grafana/loki/v3/cmd/loki)
}

loki_prepare() {
    local http grpc
    http=$(free_port)
    grpc=$(free_port)
    sed -e "s|@HTTP@|$http|" -e "s|@GRPC@|$grpc|" -e "s|@DATA@|$PWD/data|" "$recipe/loki.yaml" >loki.yaml
    serve "$1/loki" -config.file=loki.yaml -target=all
    ready_when "curl -sf http://127.0.0.1:$http/ready | grep -q ^ready"
    export GATECRIER_TEST_LOKI_URL=http://127.0.0.1:$http
}
